"""What a setting is: declared once, and read from there by everybody.

    class OfShops:
        backlog: Attribute[int] = setting(4096, check_backlog, "let up to this many wait")

A `Setting` stands in a class of such declarations, a table. It knows its name, default, unit and help, and the check
that any other value must pass. It is three things at once:

- An attribute of every class that inherits the table: reading and assigning ask the object (`_get_setting`,
  `_change_setting`). Its docstring is the help.
- A value in a `Snapshot`, which inherits the table too and has a slot for each setting in front of it. So reading one
  there is an ordinary attribute access.
- An option of the command line and a row of docs/reference.md: both read `Snapshot.FIELDS`.

A `Snapshot` never changes, so any number of connections can share one, and what follows from the values is worked out
once. Rejected: dataclasses, which write source code for each class and need `inspect`: that costs a tenth of what
`import reactor` takes.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, ClassVar, Generic, Self, overload

    from typing_extensions import TypeVar

    T = TypeVar("T")
    G = TypeVar("G", default=T)

    class Attribute(Generic[T, G]):
        """A setting as type checkers see it: T is what programs read, G what they may give if that is more."""

        @overload
        def __get__(self, thing: None, owner: type) -> Setting: ...
        @overload
        def __get__(self, thing: object, owner: type) -> T: ...
        def __get__(self, thing: object, owner: type) -> Any: ...
        def __set__(self, thing: object, value: G) -> None: ...


_UNITS = {"s": "in seconds", "bytes/s": "in bytes a second", "bytes, s": "a pair: bytes, seconds", "bytes": "in bytes"}


class Setting:
    """One declared setting. Its name is known once its class is made."""

    def __init__(self, default: Any, check: Callable[[str, Any], Any], help: str, unit: str) -> None:
        self.name = self.__name__ = ""
        self.default = default
        self.check = check
        self.help = help
        self.unit = unit
        of = f", {_UNITS[unit]}" if unit else ""
        self.__doc__ = f"{help[0].upper()}{help[1:]}{of}. Default: {default!r}."

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = self.__name__ = name

    def __get__(self, thing: Any, owner: type) -> Any:
        return self if thing is None else thing._get_setting(self.name)

    def __set__(self, thing: Any, value: Any) -> None:
        thing._change_setting(self.name, value)

    def __repr__(self) -> str:
        return f"<setting {self.name}, by default {self.default!r}>"


def setting(default: Any, check: Callable[[str, Any], Any], help: str, unit: str = "") -> Any:
    """Declare one. `check(name, value)` returns the value in the form the library uses, or raises TypeError or
    ValueError; `help` is a sentence without its capital and full stop; `unit` is "s", "bytes", "bytes/s", "bytes, s" or
    "" for none.
    """
    return Setting(default, check, help, unit)


def declared(*tables: type) -> dict[str, Setting]:
    """The settings of these tables by name, in order."""
    return {name: value for table in tables for name, value in vars(table).items() if isinstance(value, Setting)}


class Snapshot:
    """The values of a table, checked. They cannot be changed, only replaced."""

    __slots__ = ()

    FIELDS: ClassVar[dict[str, Setting]]

    def __init__(self, **given: Any) -> None:
        self._set(
            {
                name: field.check(name, given.pop(name)) if name in given else field.default
                for name, field in self.FIELDS.items()
            }
        )
        if given:
            raise TypeError(f"{type(self).__name__} has no field {next(iter(given))!r}")
        self._complete()

    def replaced(self, name: str, value: Any) -> Self:
        """The same with another value, checked as the first was."""
        made = object.__new__(type(self))
        made._set({other: getattr(self, other) for other in self.FIELDS} | {name: self.FIELDS[name].check(name, value)})
        made._complete()
        return made

    def _complete(self) -> None:
        """Work out what follows from the values. Raises ValueError for those that do not go together."""

    def _set(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete field {name!r}")

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.FIELDS)
        return f"{type(self).__name__}({values})"
