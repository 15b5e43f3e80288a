"""Foreign text on its way into a log line, a `repr` or the text of an error: names of hosts, paths, values of
arguments, what an exception says. A peer, a resolver or a caller has chosen it, and a newline in it would begin a line
of the log that looks like ours, an ESC would talk to the terminal, a bidi control would turn the line around.

Every such text goes through `plain`. What is not printable (`str.isprintable`: C0 and C1 controls, line separators,
bidi and other format characters, lone surrogates, which no stream can encode) is escaped as `repr` does it, and what is
longer than any name is cut. A text that is printable stays as it is, in any language. Attributes of errors
(`error.address`) keep what was given: they are data.

What others do, as of autumn 2026: Apache and nginx escape what they log of a request (Apache since CVE-2003-0020), Go
prints foreign names by `%q`; asyncio and Node put them into their messages as they come.
"""

from __future__ import annotations

from .hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

NAME = 300  # characters; a host name has up to 253, a Unix path 108 bytes
LINE = 10_000  # characters; for what is a line by itself
#: The lines of a traceback that begin at the margin, beside those of the exceptions themselves.
_AT_THE_MARGIN = frozenset({
    "Traceback (most recent call last):",
    "The above exception was the direct cause of the following exception:",
    "During handling of the above exception, another exception occurred:",
})  # fmt: skip


def plain(text: str, most: int = NAME) -> str:
    """The text on one line, in characters that can be printed; cut after `most` characters."""
    if len(text) <= most and text.isprintable():
        return text
    shown = text[:most] if text[:most].isprintable() else repr(text[:most])[1:-1]
    return shown if len(text) <= most else f"{shown[: most - 3]}..."


def shown(value: Any, most: int = NAME) -> str:
    """The `repr` of a value, whatever class it has, on one line; cut after `most` characters."""
    try:
        return plain(repr(value), most)
    except Exception:  # its own `__repr__` has raised
        return plain(object.__repr__(value), most)


def said(error: BaseException) -> str:
    """What an exception says, on one line; its class where it says nothing."""
    try:
        return plain(str(error), LINE) or type(error).__name__
    except Exception:  # its own `__str__` has raised
        return plain(type(error).__name__)


def plain_traceback(parts: Iterable[str]) -> str:
    """A traceback from its parts as `traceback.format_exception` gives them: what an exception says stays on its line.
    Lines of code and names of files are indented, so that none of them looks like a line of the log.
    """
    lines = []
    for part in parts:
        text = part.removesuffix("\n")
        ours = text.startswith(" ") or text.strip() in _AT_THE_MARGIN
        lines += [plain(line, LINE) for line in (text.split("\n") if ours else [text])]
    return "\n".join(lines)
