"""Waking a loop that sleeps in its poller: a socket pair, one byte.

A loop that sleeps in the kernel does not see what a thread or a signal handler queues; but the kernel wakes it when a
byte arrives. The value of the byte means nothing. A full pair wakes as well as one byte, so a failed write is success.
Signals need this too: a signal may arrive between the interpreter's last look for signals and the start of
`epoll_wait`, and then only a byte written by the C-level handler (`signal.set_wakeup_fd`) ends the sleep.
"""

from __future__ import annotations

import socket

from ..hints import TYPE_CHECKING
from .poller import READ

if TYPE_CHECKING:
    from .poller import Poller

_NO_SIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)  # another thread may close the pair at this moment


class Wakeup:
    """The socket pair of one loop. Its reading end is registered with the poller like any descriptor."""

    __slots__ = ("_reader", "_writer")

    _flowing = False

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def write_fileno(self) -> int:
        """The writing end, for `signal.set_wakeup_fd`."""
        return self._writer.fileno()

    def wake(self) -> None:
        """Make the loop take another turn. Callable from any thread, and after `close()`."""
        try:
            self._writer.send(b"\0", _NO_SIGNAL)
        except OSError:  # full: the loop is awake already; closed: no loop sleeps
            pass

    def _on_ready(self, mask: int) -> None:
        try:
            while len(self._reader.recv(4096)) == 4096:
                pass
        except (BlockingIOError, InterruptedError):
            pass

    def close(self) -> None:
        self._reader.close()
        self._writer.close()


def registered(poller: Poller) -> Wakeup:
    """A wake-up that this poller waits for. Where the system has no room for it, the poller is closed too: a reactor
    that cannot be made leaves nothing open.
    """
    wakeup = None
    try:
        wakeup = Wakeup()
        poller.add(wakeup.fileno(), READ, wakeup)
    except BaseException:
        if wakeup is not None:
            wakeup.close()
        poller.close()
        raise
    return wakeup
