"""The logger `reactor`, loaded with the first record: `logging` takes as long to import as all of this library.

A program that wants records below warnings has loaded `logging` to say so. Until then records of level INFO are
dropped, and a loop that runs does not wait for an import.

Each record passes `_clean`, a filter of this logger: its message is one line, and its traceback has no control
characters and no line that an exception's text has begun (`foreign.py`). Fields of a record (`extra`) are named as in
reports: `peer`, `reason`, `bytes_read`. None of them is a name that a `LogRecord` has itself.
"""

from __future__ import annotations

import sys

from .foreign import LINE, plain, plain_traceback
from .hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from logging import Logger, LogRecord


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
        logger = logging.getLogger("reactor")
        if _clean not in logger.filters:  # `logging.config` may have made it anew
            logger.addFilter(_clean)
        return getattr(logger, name)


def _clean(record: LogRecord) -> bool:
    """Make a record fit to be written. True: it is written."""
    try:
        text = record.getMessage()
    except Exception:  # a `__repr__` of the program has raised: handlers report that, each in its way
        return True
    if not text.isprintable():
        record.msg, record.args = plain(text, LINE), None
    error = record.exc_info and record.exc_info[1]
    if error:
        from traceback import format_exception

        parts = format_exception(error)
        clean = plain_traceback(parts)
        if clean != "".join(parts).removesuffix("\n"):  # else it is left to the formatter, which may have its own way
            record.exc_text = clean
    return True


def _printed(message: str, *args: Any, exc_info: object = None, extra: object = None) -> None:
    """Print the message to stderr, as `logging` does where no handler is set up, without the traceback."""
    print(plain(message % args, LINE), file=sys.stderr)


def _dropped(*args: Any, extra: object = None) -> None:
    """Drop a record."""


if TYPE_CHECKING:
    log: Logger
else:
    log = _Loading()
