"""Connections in the child of a fork: they are the parent's, and nothing that is called here leaves the process.

In the child, the class of each connection is replaced by `Orphan`, by the hook that runs before the fork returns. So a
connection costs nothing for it anywhere else. An orphan hears nothing of the loop. It keeps what the parent's loop had
read for it, since the parent has the same bytes, and a child that takes the connection over goes on behind them. Of the
calls of programs, the four endings give back the descriptor and do nothing else: no FIN, no RST, no socket option, no
`close`. What would send raises. Reading its attributes, listening and pausing stay in the child's memory.

`close` is not told, since it has not happened: the connection lives in the parent. A listener of it would write off in
the child what the parent still serves.
"""

from __future__ import annotations

from ...engine.forks import refusal
from ...hints import TYPE_CHECKING
from .closing import NOBODY
from .connection import Connection
from .intake import Intake
from .states import CLOSED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NoReturn

    from ...errors import ReactorError


class Orphan(Connection):
    """A connection of the parent process."""

    __slots__ = ()

    # What the loop calls.

    def _on_data(self, data: bytes) -> None:
        if data and self._life.reading:
            self._intake = self._intake or Intake()
            self._intake.held += data

    def _on_read_error(self, error: OSError | MemoryError) -> None: ...

    def _on_ready(self, mask: int) -> None: ...

    def _on_flush(self) -> None: ...

    def _on_teardown(self) -> None: ...

    def _close(self) -> None: ...

    def _check(self) -> None:
        """In debug mode, by the call in which the process has forked."""

    # What programs call.

    def end(self, data: Any = b"", callback: Any = None, timeout: float | None = None) -> None:
        if data:
            raise _refusal("end(data)")
        give_back(self)

    def destroy_soon(self, timeout: float | None = None) -> None:
        give_back(self)

    def destroy(self, error: BaseException | None = None) -> None:
        give_back(self)

    def reset(self) -> None:
        give_back(self)

    def write(self, data: Any, callback: Any = None) -> NoReturn:
        raise _refusal("write()")

    def writelines(self, chunks: Any, callback: Any = None) -> NoReturn:
        raise _refusal("writelines()")

    def send_file(self, path_or_file: Any, offset: int = 0, count: int | None = None, callback: Any = None) -> NoReturn:
        raise _refusal("send_file()")

    def set_no_delay(self, enable: bool = True) -> None:
        raise _refusal("set_no_delay()")

    def set_keep_alive(self, *args: Any, **options: Any) -> None:
        raise _refusal("set_keep_alive()")

    def set_user_timeout(self, *args: Any) -> None:
        raise _refusal("set_user_timeout()")


def _refusal(call: str) -> ReactorError:
    return refusal(f"{call} on a connection of the parent")


def put_aside(conns: Iterable[Connection]) -> Iterable[Connection]:
    """These are the parent's now. Returns them."""
    for conn in conns:
        conn.__class__ = Orphan
    return conns


def give_back(conn: Connection) -> None:
    """Close the descriptor, and forget what waited. Nobody is told. Harmless when it was done before."""
    if conn._gauges is not None:
        conn._gauges.end_silence()
    conn._drop_pending()
    conn._callbacks = conn._intake = conn._mask = None
    conn._sock.close()
    conn._life, conn._flowing, conn._direct = CLOSED, False, False
    conn._owner._keeper.forget(conn)
    if conn._ref:
        conn._ref = False
        conn._loop.release()
    if not conn._listeners.shared:
        conn._listeners.clear()
    conn._listeners = NOBODY


def wanted(conns: Iterable[Connection], chosen: bool | list[Any]) -> list[Connection]:
    """Those of the chosen ones (True: all) that can be taken over: they are connected and were not ended."""
    living = [conn for conn in conns if conn._life.connected and not conn._life.over]
    if isinstance(chosen, bool):
        return living if chosen else []
    ids = set(map(id, chosen))
    return [conn for conn in living if id(conn) in ids]


def go_on_with(conns: dict[Connection, None], kept: Iterable[Connection], kind: type[Connection]) -> list[Connection]:
    """Take these over, and give back the others, which leave `conns`. Returns the others."""
    ours = set(kept)
    others = [conn for conn in conns if conn not in ours]
    for conn in others:
        give_back(conn)
        del conns[conn]
    for conn in conns:
        take_over(conn, kind)
    return others


def take_over(conn: Connection, kind: type[Connection]) -> None:
    """It is the child's own from now on, in the state in which the parent had it."""
    conn.__class__ = kind
    conn._mask = None
    conn._flush_due = False
    conn._flush_soon()
