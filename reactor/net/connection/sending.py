"""`send_file`: a file takes its place among what is written; loaded where one is sent. `files.py` is what is queued."""

from __future__ import annotations

from ... import arguments
from ...hints import TYPE_CHECKING
from .files import open_part

if TYPE_CHECKING:
    from typing import Any

    from .callbacks import Callback
    from .stream import Stream


def send_file(conn: Stream, path_or_file: Any, offset: Any, count: Any, callback: Callback | None) -> bool:
    """Queue a part of a file. Returns what `write` returns. Raises as `write` does, and what `open_part` raises."""
    arguments.maybe_function("callback", callback)
    if conn._called is not None:
        raise conn._called_error()
    part = open_part(path_or_file, offset, count)
    if part.left and conn._life.writable:
        accepted = conn._keep(part, blocked=False)
    else:
        accepted = conn._life.writable and not conn._drain_due
        conn._unsent += part.left
        part.close()
    if callback is not None:
        conn._wait(conn._position, callback)
    return accepted
