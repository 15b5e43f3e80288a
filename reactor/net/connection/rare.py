"""What few connections ever have: kept apart, so that the many do not pay for it.

A slot costs 8 bytes of each connection, also of the 15,000 that are idle. These attributes live in a dict that is made
when the first of them is set, and read as their default until then. Nothing on the way of a message is among them.
"""

from __future__ import annotations

from ...hints import Any, Generic, TypeVar

T = TypeVar("T")


class Rare(Generic[T]):
    """An attribute of an object that has a slot `_rare`, None at first."""

    __slots__ = ("_default", "_name")

    def __init__(self, default: T) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, thing: Any, owner: type) -> T:
        rare: dict[str, T] | None = None if thing is None else thing._rare
        return self._default if rare is None else rare.get(self._name, self._default)

    def __set__(self, thing: Any, value: T) -> None:
        if thing._rare is None:
            if value == self._default:
                return
            thing._rare = {}
        thing._rare[self._name] = value
