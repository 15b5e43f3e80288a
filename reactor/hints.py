"""What this library takes from `typing`: for type checkers the originals, at run time stand-ins.

`typing` takes as long to import as half of this library, and `from __future__ import annotations` leaves annotations as
they are written: nothing needs its names but what stands outside of annotations. So all modules that `import reactor`
loads import them from here (design.md, "What an import costs").
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # type checkers take this name for True, wherever it stands

if TYPE_CHECKING:
    from typing import Any, ClassVar, Generic, NamedTuple, NoReturn, Protocol, TypeVar, overload
else:
    Any = ClassVar = NoReturn = object

    class Protocol:
        """A description that no object asks for."""

    class Generic:
        """`Of[int]` is `Of`."""

        __slots__ = ()

        def __class_getitem__(cls, of: object) -> type:
            return cls

    def TypeVar(name: str, *bounds: object, bound: object = None) -> str:
        return name

    def overload(fn: object) -> object:
        return fn

    class _Named(type):
        def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            """As the original, `collections.namedtuple` with what else the class has."""
            if not bases:
                return super().__new__(meta, name, bases, body)
            fields = body["__annotations__"]
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                setattr(made, key, value)
            return made

    class NamedTuple(metaclass=_Named):
        """Immutable, and with the cheapest constructor Python has."""


__all__ = ["TYPE_CHECKING", "Any", "ClassVar", "Generic", "NamedTuple", "NoReturn", "Protocol", "TypeVar", "overload"]
