"""TCP inside a simulated kernel: what Linux does with the two ends of a connection.

An `Endpoint` is what Linux keeps for a socket (`struct sock`); it outlives the descriptor while it still has something
to send. Its states are in `tcp_states.py`, and each method says which function of Linux it follows
(net/ipv4/tcp.c, tcp_input.c). TIME_WAIT is CLOSE here, as it is for the socket of a program. Segments travel by a
`Link` (`link.py`), in order. What is left out: urgent data, fast open, path MTU, keep-alive, windows that shrink.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...engine.poller import ERROR, GONE, HANGUP, READ, WRITE
from .tcp_states import CAN_RECEIVE, CAN_SEND, LAST, MUST_RESET, State

if TYPE_CHECKING:
    from .link import Link
    from .world import World

SEGMENT = 65_536  # bytes; what Linux hands on in one piece (GSO)
MSS = 1_460  # bytes
GIVE_UP = 924.6  # seconds without an answer until ETIMEDOUT (tcp_retries2: 15, ip-sysctl)
SYN_RETRIES = 6  # after 1, 3, 7, 15, 31 and 63 s, and ETIMEDOUT after 127 s (tcp_syn_retries)
RETRANSMISSION = 0.2  # seconds (TCP_RTO_MIN)
FIN_WAIT = 60.0  # seconds that an orphan awaits the peer's FIN (tcp_fin_timeout)


class Endpoint:
    """One end of a connection, or a socket that listens."""

    __slots__ = (
        "_ack_due", "_edge", "_fin_acked", "_fin_due", "_fin_sent", "_told_edge", "_waiting_since", "acked", "acked_at",
        "address", "backlog", "came_at", "copied", "done", "error", "kernel", "link", "listener", "no_read", "no_write",
        "opened_at", "orphan", "peer", "peer_address", "queue", "receive_buffer", "received", "rx", "send_buffer",
        "sent", "state", "taken", "told_unacked", "took_at", "tx", "watchers", "way",
    )  # fmt: skip

    def __init__(self, kernel: World, receive_buffer: int, send_buffer: int) -> None:
        self.kernel = kernel
        self.state = State.CLOSE
        self.error = 0  # sk_err: told once
        self.no_read = self.no_write = False  # sk_shutdown
        self.done = False  # SOCK_DONE: the peer's FIN came
        self.orphan = False  # closed by its program
        self.receive_buffer, self.send_buffer = receive_buffer, send_buffer
        self.rx, self.tx = bytearray(), bytearray()
        #: Bytes: taken from the program, sent, acknowledged; received, copied to the program.
        self.taken = self.sent = self.acked = self.received = self.copied = 0
        self._edge = 0  # how far the peer lets us send
        self._told_edge = 0  # how far we have let it
        self._fin_due = self._fin_sent = self._fin_acked = False
        self._ack_due = False
        self._waiting_since: float | None = None  # for an answer on a link that is cut
        self.address: tuple[str, int] | None = None
        self.peer_address: tuple[str, int] | None = None
        self.peer: Endpoint | None = None
        self.link: Link | None = None
        self.way = 0
        self.listener: Endpoint | None = None
        self.queue: deque[Endpoint] = deque()  # of a listening one: who waits to be accepted
        self.backlog = 0
        self.watchers: list[Callable[[], None]] = []  # of epoll instances
        #: When it was made, or connected; when something last came, was acknowledged, was taken from the program.
        self.opened_at = self.came_at = self.acked_at = self.took_at = kernel.clock()
        self.told_unacked = 0  # bytes, when SIOCOUTQ was last asked

    # What pollers ask.

    def mask(self) -> int:
        """tcp_poll()."""
        state = self.state
        if state is State.LISTEN:
            return READ if self.queue else 0
        mask = 0
        if state is State.CLOSE or (self.no_read and self.no_write):
            mask = HANGUP
        if self.no_read:
            mask |= READ | GONE
        if state is not State.SYN_SENT:
            if self.rx:
                mask |= READ
            if self.no_write or self.unacknowledged_bytes * 3 <= self.send_buffer * 2:  # a third is free
                mask |= WRITE
        return mask | ERROR if self.error else mask

    def changed(self) -> None:
        """Wake who watches."""
        for wake in self.watchers:
            wake()

    @property
    def unacknowledged_bytes(self) -> int:
        return self.taken - self.acked

    @property
    def outq(self) -> int:
        """SIOCOUTQ: an unacknowledged FIN counts one."""
        return self.taken - self.acked + (self._fin_due and not self._fin_acked)

    # What the program calls.

    def take_error(self) -> int:
        code, self.error = self.error, 0
        return code

    def receive(self, count: int) -> bytes:
        """tcp_recvmsg(), non-blocking."""
        if self.rx:
            data = bytes(self.rx[:count])
            del self.rx[:count]
            self.copied += len(data)
            self._offer_window()
            return data
        if self.done:
            return b""
        if self.error:
            raise OSError(self.take_error(), "")
        if self.no_read:
            return b""
        if self.state in (State.CLOSE, State.LISTEN):
            raise OSError(errno.ENOTCONN, "")
        raise BlockingIOError(errno.EAGAIN, "")

    def send(self, data: bytes | bytearray | memoryview) -> int:
        """tcp_sendmsg(), non-blocking: how much was taken."""
        if self.error:
            raise OSError(self.take_error(), "")
        if self.state is State.SYN_SENT:
            raise BlockingIOError(errno.EAGAIN, "")
        if self.state not in CAN_SEND or self.no_write:
            raise OSError(errno.EPIPE, "")
        room = self.send_buffer - self.unacknowledged_bytes
        if room <= 0 and len(data):
            raise BlockingIOError(errno.EAGAIN, "")
        taken = min(len(data), room)
        self.tx += data[:taken]
        self.taken += taken
        self.took_at = self.kernel.clock()
        self.transmit()
        return taken

    def shutdown(self) -> None:
        """inet_shutdown(), SHUT_WR."""
        if self.state is State.CLOSE:
            self.no_write = True
            self.changed()
            raise OSError(errno.ENOTCONN, "")
        if self.state is State.SYN_SENT:
            self._drop()
            return
        self.no_write = True
        self._send_fin()
        self.changed()

    def close(self, abort: bool) -> None:
        """__tcp_close(). `abort`: SO_LINGER is set to 0 seconds."""
        self.orphan = True
        if self.state is State.LISTEN:
            self._stop_listening()
            return
        unread = bool(self.rx)
        self.rx.clear()
        self.no_read = self.no_write = True
        if self.state in (State.CLOSE, State.SYN_SENT):
            self.state = State.CLOSE
        elif unread or (abort and (self.state in MUST_RESET or (self.tx and self.state in LAST))):
            self._abort()
        elif abort:
            self._drop()
        else:
            self._send_fin()
            if self.state is State.FIN_WAIT2:
                self.kernel.later(FIN_WAIT, self._forget)

    def _abort(self) -> None:
        """RST, and nothing of ours is sent any more."""
        self._drop()
        self._send_reset()

    def _drop(self) -> None:
        self.tx.clear()
        self.no_read = self.no_write = True
        self.state = State.CLOSE

    def _stop_listening(self) -> None:
        """inet_csk_listen_stop(): who waits is reset."""
        self.state = State.CLOSE
        self.kernel.forget_port(self)
        while self.queue:
            self.queue.popleft().close(abort=True)

    def _send_fin(self) -> None:
        if self.state is State.ESTABLISHED:
            self.state = State.FIN_WAIT1
        elif self.state is State.CLOSE_WAIT:
            self.state = State.LAST_ACK
        else:
            return
        self._fin_due = True
        self.transmit()

    # Connecting.

    def connect(self) -> None:
        """SYN, again and again."""
        self.state = State.SYN_SENT
        self._send_syn(0)

    def _send_syn(self, retry: int) -> None:
        if self.state is not State.SYN_SENT or self.link is None:
            return
        if retry > SYN_RETRIES:
            self._die(errno.ETIMEDOUT)
            return
        self.link.carry(self.way, self.kernel.on_syn, self)
        self.kernel.later(2.0**retry, self._send_syn, retry + 1)

    def on_syn(self, client: Endpoint) -> None:
        """A listening socket is asked for a connection."""
        if len(self.queue) > self.backlog or client.peer is not None:
            return  # it asks again
        child = Endpoint(self.kernel, self.receive_buffer, self.send_buffer)
        child.state, child.listener = State.SYN_RECV, self
        child.address, child.peer_address = client.peer_address, client.address
        child.link, child.way, child.peer, client.peer = client.link, 1 - client.way, client, child
        child._told_edge = child.receive_buffer
        child._edge = client._told_edge = client.receive_buffer
        child._carry(Endpoint._on_syn_ack)

    def _on_syn_ack(self) -> None:
        assert self.peer is not None
        if self.state is not State.SYN_SENT:
            self._send_reset()
            return
        self.state = State.ESTABLISHED
        self._edge = self.peer.receive_buffer
        self._carry(Endpoint._on_established)
        self.changed()

    def _on_established(self) -> None:
        """The third step: it can be accepted."""
        listener = self.listener
        if self.state is not State.SYN_RECV:
            return
        if listener is None or listener.state is not State.LISTEN:
            self._abort()
            return
        self.state = State.ESTABLISHED
        self.opened_at = self.kernel.clock()
        listener.queue.append(self)
        listener.changed()

    # Segments.

    def _carry(self, arrive: Callable[..., None], *args: Any) -> None:
        if self.link is not None and self.peer is not None:
            self.link.carry(self.way, arrive, self.peer, *args)

    def transmit(self) -> None:
        """Send what the peer's window allows; FIN after the last byte."""
        while self.tx and self.sent < self._edge:
            segment = bytes(self.tx[: min(SEGMENT, self._edge - self.sent)])
            del self.tx[: len(segment)]
            self.sent += len(segment)
            self._carry(Endpoint._on_data, segment)
        if self._fin_due and not self._fin_sent and not self.tx and self.sent < self._edge:
            self._fin_sent = True
            self._carry(Endpoint._on_fin)
        if self.link is not None and self.link.cut and self.outq and self._waiting_since is None:
            self._waiting_since = self.kernel.clock()
            self.kernel.later(GIVE_UP, self._give_up)

    def _give_up(self) -> None:
        if self.state is not State.CLOSE and self.outq:
            self._die(errno.ETIMEDOUT)

    def _on_data(self, segment: bytes) -> None:
        if self.state in CAN_RECEIVE:
            if self.orphan:  # tcp_rcv_state_process(): nobody will read it
                self._abort()
                return
            self.rx += segment
            self.received += len(segment)
            self.came_at = self.kernel.clock()
            self._acknowledge()
            self.changed()
        elif self.state is State.CLOSE:
            self._send_reset()

    def _on_fin(self) -> None:
        """tcp_fin()."""
        if self.state is State.CLOSE:
            if not self.done:
                self._send_reset()
            return
        self.no_read = self.done = True
        self.came_at = self.kernel.clock()
        if self.state is State.ESTABLISHED:
            self.state = State.CLOSE_WAIT
        elif self.state is State.FIN_WAIT1:
            self.state = State.CLOSING
        elif self.state is State.FIN_WAIT2:
            self.state = State.CLOSE
        self._acknowledge_now()
        self.changed()

    def _acknowledge(self) -> None:
        """At once, or a little later: one answer for what has come until then."""
        delay = self.kernel.ack_delay()
        if not delay:
            self._acknowledge_now()
        elif not self._ack_due:
            self._ack_due = True
            self.kernel.later(delay, self._acknowledge_late)

    def _acknowledge_late(self) -> None:
        if self._ack_due and self.state is not State.CLOSE:
            self._acknowledge_now()

    def _acknowledge_now(self) -> None:
        self._ack_due = False
        self._told_edge = max(self._told_edge, self.received + self.receive_buffer - len(self.rx))
        self._carry(Endpoint._on_ack, self.received, self._told_edge, self.done)

    def _offer_window(self) -> None:
        """tcp_cleanup_rbuf(): tell the peer of new room, not of every byte."""
        if self.state in CAN_RECEIVE:
            room = self.received + self.receive_buffer - len(self.rx)
            if room - self._told_edge >= min(self.receive_buffer // 2, MSS):
                self._acknowledge_now()

    def _on_ack(self, received: int, edge: int, fin: bool) -> None:
        """tcp_ack()."""
        if self.state is State.CLOSE:
            return
        if received > self.acked:
            self.acked, self.acked_at = received, self.kernel.clock()
        self._edge = max(self._edge, edge)
        if fin and self._fin_sent and not self._fin_acked:
            self._fin_acked = True
            self.acked_at = self.kernel.clock()
            self._on_fin_acknowledged()
        self.transmit()
        self.changed()

    def _on_fin_acknowledged(self) -> None:
        if self.state is State.FIN_WAIT1:
            self.state = State.FIN_WAIT2
            if self.orphan:
                self.kernel.later(FIN_WAIT, self._forget)
        elif self.state in LAST:
            self.state = State.CLOSE
            self.no_read = self.no_write = True

    def _forget(self) -> None:
        """An orphan has waited long enough."""
        if self.state is State.FIN_WAIT2:
            self.state, self.done = State.CLOSE, False

    def _send_reset(self) -> None:
        """RST is one segment and is not sent again."""
        lost = self.link is not None and self.kernel.loses_reset()
        self._carry(Endpoint._on_lost_reset if lost else Endpoint.on_reset)

    def _on_lost_reset(self) -> None:
        """The network has lost it, or it lay beyond our window (tcp_sequence()). What we send again is answered by
        another; who has nothing to send is never told.
        """
        if self.outq:
            self.kernel.later(RETRANSMISSION, self.on_reset)

    def on_reset(self) -> None:
        """tcp_reset()."""
        if self.state is State.CLOSE:
            return
        codes = {State.CLOSE_WAIT: errno.EPIPE, State.SYN_SENT: errno.ECONNREFUSED}
        self._die(codes.get(self.state, errno.ECONNRESET))

    def _die(self, code: int) -> None:
        """tcp_done_with_error(): what was received stays readable."""
        self._drop()
        if not self.orphan:
            self.error = code
        self.changed()
