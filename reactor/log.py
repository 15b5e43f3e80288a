"""The logger `reactor`, loaded with the first record: `logging` takes as long to import as all of this library.

A program that wants records below warnings has loaded `logging` to say so. Until then records of level INFO are
dropped, and a loop that runs does not wait for an import.
"""

from __future__ import annotations

import sys

from .hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging import Logger


class _Loading:
    """Returns the methods of the logger itself, so that a record names the line of the caller."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        if name == "info" and "logging" not in sys.modules:
            return _dropped
        try:
            import logging
        except OSError:  # no descriptor is left to open its files with
            return _printed
        return getattr(logging.getLogger("reactor"), name)


def _printed(message: str, *args: Any, exc_info: object = None) -> None:
    """Print the message to stderr, as `logging` does where no handler is set up, without the traceback."""
    print(message % args, file=sys.stderr)


def _dropped(*args: Any) -> None:
    """Drop a record."""


if TYPE_CHECKING:
    log: Logger
else:
    log = _Loading()
