"""The books of one connection of the crowd: what the library says of it, beside what the kernels at both ends know.

`Ledger` is a `promises.Track`, which holds events, callbacks and states to closing.md. It adds what only a simulation
can know: what the peer's kernel has received to the byte, and when something last moved.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from reactor import CloseReport, Connection, Reason
from reactor.testing import Remote
from tests.contract.promises import PATTERN, STRENGTH, Boom, Track
from tests.stress.acts import Plan
from tests.stress.scripts import Script

if TYPE_CHECKING:
    from tests.stress.crowd import Crowd

SLACK = 1.6  # seconds: a look for an acknowledged FIN once a second, and the time that calls take
LATE = 1.125  # of a deadline: looks are an eighth of it apart
EARLY = 1.0  # seconds: an acknowledgement within the first look counts as of the write
RESETTING = (
    Reason.RESET, Reason.WRITE_TIMEOUT, Reason.LINGER_TIMEOUT, Reason.HALF_OPEN_TIMEOUT, Reason.END_TIMEOUT,
    Reason.LISTENER_FAILED, Reason.SHUTDOWN_DEADLINE, Reason.BUFFER_LIMIT,
)  # fmt: skip
ORDERLY = (Reason.ENDED, Reason.PEER_ENDED)
REAPED = (Reason.IDLE, Reason.READ_TIMEOUT)


class Ledger(Track):
    """Of one client and its connection."""

    def __init__(self, crowd: Crowd, remote: Remote, script: Script, plan: Plan) -> None:
        super().__init__(crowd.problems, self._react, lambda: crowd.loop.now)
        self.crowd, self.remote, self.script, self.plan = crowd, remote, script, plan
        self.problematic = self.closed_paused = False
        self.acted_at = 0.0  # when the program last called something, or heard something
        if crowd.troubled:
            self.happened.add("peer left")  # calls fail as if it had

    @property
    def kernel_side(self) -> Any:
        """The server's end, as the kernel has it."""
        return self.remote.endpoint.peer

    # The program.

    def _react(self, track: Track, event: str) -> None:
        self.acted_at = self.now()
        if event == "data" and self.plan.echoes:
            self.call("write", max(1, min(self.delivered - self.offered, 20_000)))
        while (call := self.plan.next_call(event)) is not None:
            self.play(call)
            if event not in ("connection", "end"):
                break

    def play(self, call: tuple[Any, ...]) -> None:
        self.acted_at = self.now()
        if call[0] == "after":
            self.crowd.loop.call_later(call[1], self.play, call[2])
        elif call[0] == "other":
            others = list(self.crowd.ledgers.values())
            other = others[call[1] % len(others)]
            other.plan.graceful = False
            other.play(call[2])
        elif call[0] == "raise":
            self.happened.add("raised")
            raise Boom
        else:
            self.call(*call)

    def on_event(self, event: str, *args: Any) -> None:
        self.acted_at = self.now()
        if event in ("error", "close"):  # it is over by now, and what is called in these changes nothing
            self.closed_paused = self.closed_paused or self.paused
        super().on_event(event, *args)

    def hold(self, condition: object, text: str) -> None:
        super().hold(condition, text)
        self.problematic = self.problematic or not condition

    # Time.

    @property
    def moved_at(self) -> float:
        """When something last happened to it, as nobody but the kernel knows."""
        here = self.kernel_side
        latest: float = max(here.came_at, here.acked_at, here.took_at, self.acted_at, self.crowd.acted_at)
        return latest

    def check_overdue(self, now: float) -> None:
        """True if it is there longer than its deadlines allow."""
        conn = self.conn
        if conn.state == "closed":
            return
        limits = [max(conn.half_open_timeout, conn.write_timeout) * LATE] if conn.peer_gone else []
        if conn.state in ("open", "write_only"):
            if conn.idle_timeout is not None and not self.kernel_side.rx:  # what waits to be read is no silence
                limits.append(2 * conn.idle_timeout)  # what was acknowledged meanwhile counts as of the look
            if conn.pending_bytes:
                limits.append(conn.write_timeout * LATE)
        else:
            limits.append(max(conn.write_timeout, conn.linger_timeout, conn.half_open_timeout) * LATE)
        if limits:
            silence = now - self.moved_at
            self.hold(silence <= min(limits) + SLACK, f"overdue: silent for {silence:.3f} s, limit {min(limits)}")

    def check_not_early(self, report: CloseReport) -> None:
        """A deadline cuts nobody before its time."""
        conn, here, now = self.conn, self.kernel_side, self.now()
        if self.crowd.troubled:
            return
        if report.reason is Reason.WRITE_TIMEOUT:
            begun, limit = max(here.acked_at, here.took_at), conn.write_timeout
        elif report.reason is Reason.LINGER_TIMEOUT:
            begun, limit = here.acked_at, conn.linger_timeout
            if self.called != "destroy_soon" and self.crowd.stop_by == inf:
                begun = max(begun, self.heard_at)
        elif report.reason is Reason.HALF_OPEN_TIMEOUT:
            begun, limit = max(here.took_at, here.came_at if here.done else 0), conn.half_open_timeout
        else:
            return
        self.hold(now >= begun + limit - EARLY, f"cut early: {report}, {begun=}, {now=}")

    def check_drain(self) -> None:
        super().check_drain()
        self.hold(self.conn.pending_bytes <= self.conn.high_water // 4, "drain above the low-water mark")

    def check_close(self, report: CloseReport) -> None:
        super().check_close(report)
        here = self.kernel_side
        self.hold(report.bytes_written == here.taken, f"the kernel took {here.taken}: {report}")
        self.hold(report.bytes_read == here.copied, f"the kernel gave {here.copied}: {report}")
        self.hold(report.bytes_unacked == here.told_unacked, f"{here.told_unacked} were not acknowledged: {report}")
        self.hold(here.told_unacked >= here.taken - here.acked, f"acknowledged: {here.acked}: {report}")
        self.check_not_early(report)

    # At the end of the world.

    def check_books(self) -> None:
        remote, report, here = self.remote, self.report, self.kernel_side
        got = len(remote.received)
        self.hold(remote.received == PATTERN[:got], "the peer got what was not written")
        if self.conn is None:
            return
        if report is None:
            self.hold(False, "no close")
            return
        self.hold(self.answered == self.asked, f"{self.asked} callbacks, {self.answered} answered")
        there = remote.endpoint
        self.hold(here.acked <= there.received <= here.taken, f"{here.acked=} {there.received=} {here.taken=}")
        if report.clean:
            self.hold(there.received == report.bytes_written, f"clean, and {there.received} arrived: {report}")
            self.hold(there.taken == report.bytes_read, f"clean, and {there.taken} were sent: {report}")
            self.hold(remote.outcome in ("FIN", None), f"clean, and the peer saw {remote.outcome}: {report}")
        if not self.crowd.troubled:
            self._check_reset(report)
            if self.script.honest:
                self._check_honest(report)

    def _check_reset(self, report: CloseReport) -> None:
        """Who is cut hears RST. What had come before the peer's own RST is heard."""
        here = self.kernel_side
        fin = "finish" in self.events or report.phase == "lingering"
        cut = report.reason in RESETTING and not fin and not report.error
        self.hold(not (cut and self.remote.endpoint.done), f"reset, and the peer saw FIN: {report}")
        cut_short = STRENGTH[self.called] == 3 or self.happened & {"raised", "ending timeout"}
        over = report.opened_at + report.duration >= self.crowd.stop_by  # the grace, before it was read
        if report.reason is Reason.PEER_RESET and not (cut_short or over or self.closed_paused):
            self.hold(here.copied == here.received, f"{here.received} had come: {report}")

    def _check_honest(self, report: CloseReport) -> None:
        """Nothing that was written to a client that reads is lost, as long as the program cuts nobody."""
        got, outcome = len(self.remote.received), self.remote.outcome
        if report.reason is Reason.SHUTDOWN_IDLE:  # its program may not have read all of it yet
            arrived = report.bytes_unacked == 0 and report.bytes_written == self.accepted
            self.hold(arrived, f"lost: {self.accepted=} {report}")
        elif report.reason in ORDERLY:
            lost = (got, outcome) != (self.accepted, "FIN") or report.bytes_unacked or report.error
            self.hold(not lost or STRENGTH[self.called] == 3, f"lost: {got=} {outcome=} {self.accepted=} {report}")
        elif report.opened_at + report.duration >= self.crowd.stop_by:
            return  # whatever its reason was, the stop has cut it
        elif self.plan.graceful and report.reason in REAPED and self.conn_closes_in_order:
            self.hold((got, outcome) == (self.accepted, "FIN"), f"lost: {got=} {outcome=} {self.accepted=} {report}")
        elif self.plan.graceful:
            known = (*REAPED, Reason.SHUTDOWN_DEADLINE, Reason.HALF_OPEN_TIMEOUT, Reason.LINGER_TIMEOUT)
            self.hold(report.reason in known, f"cut: {report}")

    @property
    def conn_closes_in_order(self) -> bool:
        return bool(self.crowd.server.on_idle == "close")

    def accepted_by(self, conn: Connection) -> None:
        self.heard_at = self.acted_at = self.now()
