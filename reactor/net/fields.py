"""Immutable values declared as a table: name, type, default, and the check that any other value must pass.

    class Limits(Fields):
        backlog: int = Field(4096, check_backlog, "how many may wait")

`check(name, value)` returns the value in the form the library uses, or raises. Command line and documents read the same
table (`FIELDS`). It is what dataclasses do, less the part that costs: those write source code for each class and have
it compiled, and need `inspect` for it.
"""

from __future__ import annotations

from collections.abc import Callable

from ..hints import Any, ClassVar, TypeVar

F = TypeVar("F", bound="Fields")


class Field:
    """One declared value. `name` and `type`, as it is written, are known once its class is made."""

    __slots__ = ("check", "default", "help", "name", "type", "unit")

    def __init__(self, default: Any, check: Callable[[str, Any], Any], help: str, unit: str = "") -> None:
        self.name = self.type = ""
        self.default = default
        self.check = check
        self.help = help
        self.unit = unit


class _Table(type):
    """Makes a slot of each declared field."""

    FIELDS: dict[str, Field]

    def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> _Table:
        fields = {key: value for key, value in body.items() if isinstance(value, Field)}
        for key, field in fields.items():
            field.name, field.type = key, body["__annotations__"][key]
            del body[key]
        made = super().__new__(meta, name, bases, {**body, "__slots__": (*fields, *body["__slots__"])})
        made.FIELDS = fields
        return made


class Fields(metaclass=_Table):
    """Values of a declared table; they cannot be changed, only replaced."""

    __slots__ = ()

    FIELDS: ClassVar[dict[str, Field]]

    def __init__(self, **given: Any) -> None:
        for name, field in self.FIELDS.items():
            value = field.check(name, given.pop(name)) if name in given else field.default
            object.__setattr__(self, name, value)
        if given:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(given))!r}")
        self._complete()

    def replaced(self: F, name: str, value: Any) -> F:
        """The same with another value, checked as the first was."""
        made = object.__new__(type(self))
        for other in self.FIELDS:
            object.__setattr__(made, other, getattr(self, other))
        object.__setattr__(made, name, self.FIELDS[name].check(name, value))
        made._complete()
        return made

    def _complete(self) -> None:
        """Reckon what follows from the values. Raises ValueError for those that do not go together."""

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)
        return f"{type(self).__name__}({values})"
