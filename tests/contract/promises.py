"""What must hold for one connection, whatever is done to it: the promises of closing.md as a model.

A `Track` stands beside one connection. It calls the connection as a program would, hears every event and
callback, and notes a problem wherever something breaks a promise. It knows nothing of how the library works
inside.

Output is cut from one pattern, by position, and so is input: a byte lost, doubled or out of order shows.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

from reactor import CloseReport, Connection, ConnectionClosed, Reason, WriteAfterEnd

PATTERN = random.Random(7).randbytes(1 << 20)
LIMIT = len(PATTERN)  # bytes in either direction and connection

STRENGTH = {None: 0, "end": 1, "destroy_soon": 2, "destroy": 3, "reset": 3}
WRITABLE = ("open", "write_only")
# Reasons that only a call, a setting or an act of the peer can bring about.
NEEDS = {
    Reason.DESTROYED: "destroy",
    Reason.RESET: "reset",
    Reason.END_TIMEOUT: "ending timeout",
    Reason.LISTENER_FAILED: "raised",
    Reason.BUFFER_LIMIT: "much written",
    Reason.PEER_RESET: "peer left",
    Reason.PEER_ENDED: "peer ended",
}


class Boom(Exception):
    """What listeners raise here."""


class Given(Exception):
    """What `destroy(error)` is given."""


class Track:
    """One connection, its program and what was promised to it."""

    busy = False  # True while a call of the program's is under way, on any connection

    def __init__(self, problems: list[str], react: Callable[[Track, str], None], now: Callable[[], float]) -> None:
        self.problems = problems
        self.react = react
        self.now = now
        # When something was heard (not before), or seen in the counter (not later); when it was last touched, resumed,
        # given a silence to tell; and until when a call has bounded its ending.
        self.heard_at = self.seen_at = self.touched_at = self.resumed_at = self.silence_at = self.end_by = 0.0
        self.silence = 0.0
        self.sent = 0  # bytes by the peer
        self.seen = 0  # of these, read when nobody was looking
        self.conn: Any = None
        self.happened: set[str] = set()  # what may be a reason for the end
        self.called: str | None = None  # the strongest ending that the program has called
        self.too_late = False  # a stronger one was called when it was closed: then the error may name either
        self.paused = False
        self.offered = 0  # bytes that write() did not raise for
        self.accepted = 0  # of these, offered while our half was open
        self.delivered = 0
        self.drain_due = False
        self.events: list[str] = []
        self.report: CloseReport | None = None
        self.asked = self.answered = 0  # callbacks
        self.closing = False  # True once the last callbacks have begun
        self.late = 0  # callbacks given since then: some of them must come after `close`, or it would never come

    def hold(self, condition: object, text: str) -> None:
        """Note a problem unless the condition holds."""
        if not condition:
            self.problems.append(f"{text}: {self.conn!r} events={self.events[-8:]} called={self.called}")

    def opened(self, conn: Connection) -> None:
        self.conn = conn
        self.paused = conn.server is not None and conn.server.pause_on_connect
        self.heard_at = self.now()
        conn.on("data", self.on_data)
        self.react(self, "connection")

    # What the program hears.

    def on_event(self, event: str, *args: Any) -> None:
        self.hold(not Track.busy, f"{event} from inside a call")
        self.hold("close" not in self.events, f"{event} after close")
        self.hold("error" not in self.events or event == "close", f"{event} after error")
        if STRENGTH[self.called] == 3:
            self.hold(event in ("error", "close"), f"{event} after {self.called}()")
        check = getattr(self, f"check_{event}", None)
        if check is not None:
            check(*args)
        self.events.append(event)
        self.react(self, event)

    def on_data(self, conn: Connection, data: bytes) -> None:
        self.on_event("data", data)

    def check_data(self, data: bytes) -> None:
        self.hold(data, "empty data")
        self.hold(not self.paused, "data while paused")
        self.hold(self.called != "destroy_soon", "data after destroy_soon()")
        self.hold("end" not in self.events, "data after end")
        end = self.conn.bytes_read
        self.hold(data == PATTERN[end - len(data) : end], "data that was not sent")
        self.delivered += len(data)
        self.heard_at = self.now()

    def check_timeout(self, kind: Reason | None) -> None:
        """None comes early. What the peer acknowledged, or what nobody heard, may have made it later."""
        kept_at = max(self.heard_at, self.touched_at)
        due_at = {
            None: max(self.heard_at, self.silence_at) + self.silence,
            Reason.IDLE: kept_at + (self.conn.idle_timeout or 0),
            Reason.READ_TIMEOUT: max(kept_at, self.resumed_at) + (self.conn.read_timeout or 0),
        }[kind]
        self.hold(self.now() >= due_at, f"timeout {kind} came early: {due_at=}, now {self.now()}")
        self.hold(kind is not Reason.READ_TIMEOUT or not self.paused, "read timeout while paused")

    def check_end(self) -> None:
        self.hold("end" not in self.events, "end twice")
        self.hold("peer ended" in self.happened, "end without a FIN of the peer")

    def check_finish(self) -> None:
        self.hold("finish" not in self.events, "finish twice")
        self.hold(self.conn.pending_bytes == 0, "finish with pending output")
        self.hold(self.conn.bytes_written == self.accepted, f"finish before everything was sent: {self.accepted=}")

    def check_hangup(self) -> None:
        self.hold("hangup" not in self.events, "hangup twice")
        self.hold(self.paused, "hangup of a connection that is not paused")
        self.hold(self.happened & {"peer ended", "peer left"}, "hangup while the peer is there")

    def check_drain(self) -> None:
        self.hold(self.drain_due, "drain without a False before")
        self.drain_due = False

    def check_error(self, error: BaseException) -> None:
        self.hold(isinstance(error, BaseException), "error without an exception")

    def check_close(self, report: CloseReport) -> None:
        self.report = report
        conn = self.conn
        self.hold(conn.report is report and conn.state == "closed", "report or state differ at close")
        self.hold(conn.fileno() == -1, "close before the descriptor was closed")
        self.hold(self.answered >= self.asked - self.late, f"close before callbacks: {self.answered=} {self.asked=}")
        read, written = report.bytes_read, report.bytes_written
        self.hold((read, written) == (conn.bytes_read, conn.bytes_written), "counters of report and connection differ")
        self.hold(read == self.delivered + report.bytes_discarded, f"{read=} {self.delivered=} {report}")
        self.hold(written + report.bytes_unsent == self.offered, f"{self.offered=} {report}")
        self.hold(0 <= (report.bytes_unacked or 0) <= written, f"more unacknowledged than written: {report}")
        self.hold(report.reason is not Reason.END_TIMEOUT or self.now() >= self.end_by, f"reset early: {report}")
        needed = NEEDS.get(report.reason)
        self.hold(needed is None or needed in self.happened, f"reason without a cause: {report} {self.happened}")
        if report.clean:
            lost = report.bytes_unsent or report.bytes_unacked or report.error
            # Between our FIN and `finish` callbacks come, and one of them may end it at once.
            fin = "finish" in self.events or report.phase == "lingering"
            self.hold(not lost and fin and "peer ended" in self.happened, f"not clean: {report}")
        failed = isinstance(report.error, Boom)
        self.hold(failed or report.reason is not Reason.LISTENER_FAILED, f"not what the listener raised: {report}")
        told = report.error is not None and not failed
        self.hold(told == ("error" in self.events), f"error told or not: {report}")

    # What the program calls.

    def call(self, name: str, *args: Any) -> None:
        """One call of the program's; no event may come from inside it."""
        if self.conn is None:
            return
        before, Track.busy = Track.busy, True
        try:
            getattr(self, f"call_{name}")(*args)
        finally:
            Track.busy = before

    def call_write(self, size: int, kind: Callable[[bytes], Any] = bytes, answer: bool = False) -> None:
        size = min(size, LIMIT - self.offered)
        data = kind(PATTERN[self.offered : self.offered + size])
        was = self.conn.state
        callback = self.expect_answer(self.offered + size) if answer else None
        try:
            took = self.conn.write(data, callback)
        except ConnectionClosed as error:
            self.asked -= answer
            self.check_refusal(error)
            return
        self.hold(self.called is None, "write() after an ending of our own did not raise")
        self.count(size, was)
        if size:
            self.check_answer_of_write(took, was)

    def count(self, size: int, was: str) -> None:
        self.offered += size
        if was in WRITABLE:
            self.accepted += size

    def check_answer_of_write(self, took: bool, was: str) -> None:
        conn = self.conn
        if conn.state not in WRITABLE:
            self.hold(took is False, "write() after the end answered True")
        else:
            self.hold(was in WRITABLE, "written to a half that is over")
            self.hold(took is (conn.pending_bytes <= conn.high_water), f"write() answered {took}")
            self.drain_due = self.drain_due or not took

    def check_refusal(self, error: ConnectionClosed) -> None:
        weak = STRENGTH[self.called] in (1, 2)
        self.hold(self.called is not None, f"raised without an ending of our own: {error!r}")
        self.hold(self.too_late or isinstance(error, WriteAfterEnd) == weak, f"raised {error!r}")

    def expect_answer(self, position: int | None) -> Callable[..., None]:
        """A callback for the bytes up to `position`, or for our FIN."""
        number = self.asked
        self.asked += 1
        self.late += self.closing
        before = self.offered
        in_time = self.conn.state != "closed"

        def answer(conn: Connection, error: BaseException | None) -> None:
            self.hold(conn is self.conn, "callback with another connection")
            self.hold(not Track.busy, "callback from inside a call")
            self.hold(not in_time or "error" not in self.events, "callback after error")
            self.hold(number == self.answered, f"callback {number} where {self.answered} was due")
            self.answered += 1
            if position is None:  # it comes right before `finish`, if that comes
                taken = conn.bytes_written == self.accepted if error is None else "finish" in self.events
            else:
                taken = conn.bytes_written >= position
            if position != before:  # of an empty write nobody can tell
                self.hold((error is None) == taken, f"callback for {position} got {error!r}")
            self.hold(error is None or isinstance(error, (OSError, ConnectionClosed)), f"callback got {error!r}")
            self.closing = self.closing or conn.state == "closed"
            self.react(self, "callback")

        return answer

    def call_writelines(self, sizes: tuple[int, ...]) -> None:
        ends = list(itertools.accumulate(sizes, initial=self.offered))
        if ends[-1] > LIMIT:
            return
        was = self.conn.state
        try:
            self.conn.writelines([PATTERN[a:b] for a, b in itertools.pairwise(ends)])
        except ConnectionClosed as error:
            self.check_refusal(error)
        else:
            self.count(sum(sizes), was)
            self.drain_due = self.drain_due or self.conn.pending_bytes > self.conn.high_water

    def call_corked(self, inner: tuple[str, ...]) -> None:
        with self.conn.corked():
            self.call_write(10)
            self.call(*inner)
            self.call_write(300, bytearray)

    def call_end(self, size: int = 0, answer: bool = False, timeout: float | None = None) -> None:
        size = min(size, LIMIT - self.offered)
        data = PATTERN[self.offered : self.offered + size]
        was = self.conn.state
        refused = size and was not in WRITABLE  # then nothing the kernel takes can answer it
        callback = self.expect_answer(self.offered + LIMIT if refused else None) if answer else None
        try:
            self.conn.end(data, callback, timeout)
        except ConnectionClosed as error:
            self.asked -= answer
            self.hold(size, "end() without data raised")
            self.check_refusal(error)
            return
        self.count(size, was)
        self.hold(not size or self.called is None, "end(data) after an ending of our own did not raise")
        self.note_ending("end", timeout, was)
        self.hold(self.conn.state in ("read_only", "closing", "closed"), "state after end()")

    def call_destroy_soon(self, timeout: float | None = None) -> None:
        was = self.conn.state
        self.conn.destroy_soon(timeout)
        self.note_ending("destroy_soon", timeout, was)
        self.hold(self.conn.state in ("closing", "closed"), "state after destroy_soon()")

    def call_destroy(self, error: bool = False) -> None:
        was = self.conn.state
        self.conn.destroy(Given() if error else None)
        self.note_ending("destroy", None, was)
        self.hold(self.conn.state == "closed", "state after destroy()")

    def call_reset(self) -> None:
        was = self.conn.state
        self.conn.reset()
        self.note_ending("reset", None, was)
        self.hold(self.conn.state == "closed", "state after reset()")

    def note_ending(self, name: str, timeout: float | None, was: str) -> None:
        self.happened.add(name)
        self.too_late = self.too_late or (was == "closed" and self.called is not None)
        if timeout is not None:
            bound = self.now() + timeout
            self.end_by = min(self.end_by, bound) if "ending timeout" in self.happened else bound
            self.happened.add("ending timeout")
        if STRENGTH[name] > STRENGTH[self.called]:
            self.called = name

    def call_pause(self) -> None:
        self.paused = True
        self.conn.pause()

    def call_resume(self) -> None:
        self.resumed_at = self.now() if self.paused else self.resumed_at
        self.paused = False
        self.conn.resume()

    def call_touch(self) -> None:
        self.conn.touch()
        self.touched_at = self.now()

    def call_set_timeout(self, seconds: float, listen: bool) -> None:
        self.silence, self.silence_at = seconds, self.now()
        self.conn.set_timeout(seconds, (lambda conn, kind: self.react(self, "timeout")) if listen else None)

    def call_hear(self, how: str) -> None:
        """Listen to `data` again, or no more: what nobody hears is discarded."""
        self.conn.off("data", self.on_data)
        if how != "off":
            getattr(self.conn, how)("data", self.on_data)

    def call_ref(self, wanted: bool) -> None:
        (self.conn.ref if wanted else self.conn.unref)()

    def call_set(self, name: str, value: Any) -> None:
        setattr(self.conn, name, value)
        if name == "buffer_limit":
            self.happened.add("much written")

    # Between turns.

    def check_at_rest(self) -> None:
        """What must hold whenever no listener runs."""
        conn = self.conn
        if conn is None or self.report is not None:
            return
        if conn.state in WRITABLE:
            self.hold(conn.bytes_written + conn.pending_bytes == self.offered, f"bytes went missing: {self.offered=}")
        if conn.bytes_read > self.seen:
            self.seen_at, self.seen = self.now(), conn.bytes_read
        quiet = conn.state == "open" and not self.paused and conn.bytes_read == self.sent and not conn.bytes_written
        for limit in (conn.idle_timeout, conn.read_timeout) if quiet else ():
            begun = max(self.heard_at, self.seen_at, self.touched_at, self.resumed_at)
            self.hold(limit is None or self.now() < begun + limit, f"still there {limit} s after {begun}: {self.now()}")
        if conn.state == "write_only":
            self.hold(conn.allow_half_open, "the peer's FIN did not end our half")
        if conn.state != "closed" and (conn.state != "open" or conn.peer_gone):
            self.hold(conn._look_at < float("inf"), "ending or gone without a timer")
        if conn.state in WRITABLE and self.drain_due:
            low = conn.high_water // 4 if conn.low_water is None else conn.low_water
            self.hold(conn.pending_bytes > low, "drained, and nobody was told")
