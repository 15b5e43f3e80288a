"""The logger `reactor`, loaded when something is to be said: `logging` takes as long to import as all of this library.

Whoever wants to hear more than warnings has loaded it, to say so. Until then what is merely informative has no hearer,
and a loop that runs is not held up for it.
"""

from __future__ import annotations

import sys

from .hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging import Logger


class _Loading:
    """Gives out the methods of the logger itself, so that a record names the line that has called."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name == "info" and "logging" not in sys.modules:
            return _unheard
        try:
            import logging
        except OSError:  # no descriptor is left to load it with
            return _said
        return getattr(logging.getLogger("reactor"), name)


def _said(message: str, *args: Any, exc_info: object = None) -> None:
    """As `logging` does where nobody has set it up, in short."""
    print(message % args, file=sys.stderr)


def _unheard(*args: Any) -> None:
    """Nobody has asked for it."""


log: Logger = _Loading()  # type: ignore[assignment]  # it has what a logger has
