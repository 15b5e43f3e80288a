"""A few words of which a thing is one, compared by identity: an enumeration whose members are plain attributes.

Before Python 3.12, looking up a member of an `enum.Enum` takes 70 ns, and a connection of one message looks up fifty: a
tenth of what it costs. The type checker is shown an `Enum`. What programs see, `Reason`, is one.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Any

__all__ = ["Words"]

if TYPE_CHECKING:
    from enum import Enum as Words
else:

    class _WordsType(type):
        def __iter__(cls) -> Any:
            return iter(cls._members)

    class Words(metaclass=_WordsType):
        """`class State(Words): OPEN = "open"` has one member, with `name` and `value`."""

        __slots__ = ("name", "value")

        def __init_subclass__(cls) -> None:
            cls._members = []
            for name, value in list(vars(cls).items()):
                if not name.startswith("_"):
                    member = object.__new__(cls)
                    member.name, member.value = name, value
                    setattr(cls, name, member)
                    cls._members.append(member)

        def __repr__(self) -> str:
            return f"{type(self).__name__}.{self.name}"
