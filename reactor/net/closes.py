"""One line in the log for each connection that closes: what happened to it, and what it cost.

As text it reads like a sentence; as JSON it is one object, for programs that search logs. Both records have the same
fields (`extra`), named as in the report, so a formatter of the program has them without parsing.

A line in the access log of nginx or HAProxy is written at the same moment and has the same parts: the peer, why it
ended (HAProxy's termination state), bytes in both directions, the duration.
"""

from __future__ import annotations

from .. import arguments
from ..foreign import plain
from ..hints import TYPE_CHECKING
from ..log import log
from .sockets.addresses import show

if TYPE_CHECKING:
    from typing import Any, Literal, Protocol

    from .connection.account import CloseReport
    from .connection.connection import Connection

    class Closing(Protocol):
        """A server, a group of clients, or a connection."""

        def on(self, event: Any, fn: Any, /) -> Any: ...


FORMATS = ("text", "json")


def log_closes(emitter: Closing, format: Literal["text", "json"] = "text") -> None:
    """Log each connection of a server or a group of clients, or this one connection, when it closes: one line at INFO
    on the logger `reactor`, as text or as a JSON object. The fields of the record (`extra`) are `peer` and those of the
    `CloseReport`.

    An `error` that no other listener hears gets no line of its own: the line about the close names it. Raises
    ValueError for another format.
    """
    arguments.choice("format", format, FORMATS)
    emitter.on("close", _as_json if format == "json" else _as_text)
    emitter.on("error", _heard)


def fields(conn: Connection, report: CloseReport) -> dict[str, Any]:
    """What is known of a connection that has closed, in values that JSON has."""
    return {
        "peer": show(conn.remote_address),
        **report._asdict(),
        "reason": report.reason.value,
        "error": None if report.error is None else described(report.error),
    }


def text(conn: Connection, report: CloseReport) -> str:
    """The same as a sentence."""
    error = "" if report.error is None else f" ({described(report.error)})"
    unacked = f", {report.bytes_unacked} unacknowledged" if report.bytes_unacked else ""
    return (
        f"{show(conn.remote_address)} closed: {report.reason.value}{error}, {report.bytes_read} bytes in, "
        f"{report.bytes_written} out, {report.bytes_unsent} unsent{unacked}, {report.duration:.3f} s"
    )


def described(error: BaseException) -> str:
    """An exception as part of one line."""
    if isinstance(error, OSError) and error.strerror:
        return plain(error.strerror)
    from traceback import format_exception_only  # `logging` has loaded it

    return plain(" ".join(format_exception_only(error)[-1].split()))


def _as_text(conn: Connection, report: CloseReport) -> None:
    log.info("%s", text(conn, report), extra=fields(conn, report))


def _as_json(conn: Connection, report: CloseReport) -> None:
    from json import dumps

    known = fields(conn, report)
    log.info("%s", dumps(known), extra=known)


def _heard(conn: Connection, error: BaseException) -> None:
    """Keeps an error from a line of its own."""
