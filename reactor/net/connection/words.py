"""A few words of which a thing is one, compared by identity: an enumeration whose members are plain attributes of a
plain object, which is what the interpreter finds fastest.

A connection of one message looks up fifty members. Of an `enum.Enum` each takes 70 ns before Python 3.12, of a class
7 ns more than here: a twentieth of the Python that such a connection takes. The type checker is shown an `Enum`. What
programs see, `Reason`, is one.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, Any

__all__ = ["Words"]

if TYPE_CHECKING:
    from enum import Enum as Words
else:

    class _Word:
        __slots__ = ("_of", "name", "value")

        def __init__(self, of: str, name: str, value: str) -> None:
            self._of = of
            self.name = name
            self.value = value

        def __repr__(self) -> str:
            return f"{self._of}.{self.name}"

    class _WordsType(type):
        """Makes of `class Half(Words): OPEN = "open"` no class, but one object with one member, `Half.OPEN`."""

        def __new__(making: type, title: str, bases: tuple[type, ...], body: dict[str, Any]) -> Any:
            words = super().__new__(making, title, bases, {} if bases else body)
            return words(title, body) if bases else words

    class Words(metaclass=_WordsType):
        def __init__(self, title: str, body: dict[str, Any]) -> None:
            self._all = [_Word(title, name, value) for name, value in body.items() if not name.startswith("_")]
            for word in self._all:
                setattr(self, word.name, word)

        def __iter__(self) -> Any:
            return iter(self._all)
