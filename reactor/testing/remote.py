"""A client on another machine of the simulated network. It needs no turns: it acts when something comes, and when its
time has come.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from .doubles.tcp import Endpoint
from .doubles.tcp_states import State

if TYPE_CHECKING:
    from .kernel import Kernel


class Remote:
    """One client. It reads what comes, unless it is told not to, and sends what it is given as fast as it can."""

    def __init__(self, kernel: Kernel, host: str, port: int) -> None:
        self._kernel = kernel
        self.endpoint: Endpoint = kernel.dial(host, port)
        self.endpoint.watchers.append(self._look_soon)
        #: What has come so far.
        self.received = bytearray()
        #: How the stream ended: None, "FIN", or the name of an errno, also that of a failed send.
        self.outcome: str | None = None
        #: True if it reads all that comes.
        self.reading = True
        #: True once close() or reset() was called.
        self.closed = False
        self._to_send = bytearray()
        self._ending = False
        self._look_due = False
        #: Called whenever something has come or has ended.
        self.on_news: Callable[[], object] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Where it is, as the server sees it."""
        assert self.endpoint.address is not None
        return self.endpoint.address

    @property
    def connected(self) -> bool:
        return self.endpoint.state not in (State.SYN_SENT, State.CLOSE)

    def send(self, data: bytes) -> None:
        """Send it all, as the window allows."""
        if self._ending:
            raise ValueError("send() after end()")
        self._to_send += data
        self._look_soon()

    def end(self) -> None:
        """FIN, after all that was given to `send`; it still reads."""
        self._ending = True
        self._look_soon()

    def read(self, count: int) -> None:
        """Read so many bytes of what is there."""
        if self.outcome is None and not self.closed:
            try:
                data = self.endpoint.receive(count)
            except BlockingIOError:
                return
            except OSError as error:
                self._over(error)
                return
            if data:
                self.received += data
            else:
                self.outcome = "FIN"

    def close(self) -> None:
        """As close(2): FIN, or RST if there are bytes it did not read."""
        self._close(abort=False)

    def reset(self) -> None:
        """Go away with RST."""
        self._close(abort=True)

    def vanish(self) -> None:
        """Power or cable: nothing passes any more, and nobody is told."""
        if self.endpoint.link is not None:
            self.endpoint.link.cut = True

    def stall(self, seconds: float) -> None:
        """Nothing arrives, either way, for so long."""
        if self.endpoint.link is not None:
            self.endpoint.link.stalled_until = self._kernel.clock() + seconds

    def _close(self, abort: bool) -> None:
        if not self.closed:
            self.closed = True
            self._to_send.clear()
            self.endpoint.close(abort)

    def _over(self, error: OSError) -> None:
        self.outcome = self.outcome or errno.errorcode.get(error.errno or 0, "EIO")
        self._to_send.clear()

    def _look_soon(self) -> None:
        if not self._look_due:
            self._look_due = True
            self._kernel.later(0, self._look)

    def _look(self) -> None:
        """Something has changed: read, send, end."""
        self._look_due = False
        if self.closed:
            return
        while self.reading and self.outcome is None and (self.endpoint.rx or self.endpoint.no_read):
            self.read(65_536)
        if self._to_send:
            self._send_more()
        if self._ending and not self._to_send and self.endpoint.state in (State.ESTABLISHED, State.CLOSE_WAIT):
            self.endpoint.shutdown()
        if self.on_news is not None:
            self.on_news()

    def _send_more(self) -> None:
        try:
            taken = self.endpoint.send(self._to_send)
        except BlockingIOError:
            return
        except OSError as error:
            if self.outcome is None:
                self._over(error)
            self._to_send.clear()
            return
        del self._to_send[:taken]
