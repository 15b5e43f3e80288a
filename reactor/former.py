"""Names that programs may have used before they became private: for this version they still work, with a
DeprecationWarning. To take one away, remove its line from its class.
"""

from __future__ import annotations

from .hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Former:
    """A former public name of a class; `place` is where the thing is now, like "_turns.hold"."""

    def __init__(self, place: str, instead: str) -> None:
        self._place = place
        self._instead = instead
        self._name = ""
        self.__doc__ = f"Deprecated, and no name for programs: {instead}."

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"{owner.__name__}.{name}"

    def __get__(self, thing: Any, owner: type) -> Any:
        if thing is None:
            return self
        import warnings

        warnings.warn(f"{self._name} is no name for programs: {self._instead}", DeprecationWarning, stacklevel=2)
        for part in self._place.split("."):
            thing = getattr(thing, part)
        return thing
