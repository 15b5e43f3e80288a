"""A pipe: what one connection receives, another object is given, as fast as that one takes it.

    source                          destination
    data                       ->   write; at False the source is not read until `drain`
    end (the peer's FIN)       ->   end
    closed without an end      ->   reset: it was cut off, and a FIN would claim that it is complete
    reset                      <-   closed before the source has ended: nobody is there to hear the rest
    goes on, into nothing      <-   its half was ended by the program

Two pipes, one each way, are a relay, and each carries the half-close of its own direction. So a connection that is
fed by a pipe is not ended by us when its own peer ends: the pipe ends it. With `end=False` a pipe carries bytes
only, and no ending in either direction.

Who was reaped for silence was not cut off: whatever had come was passed on, so the other side is ended in order
too. And who is ending by other means already, be it by `shutdown()`, is left to that.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, Any
from .account import CloseReport, Reason
from .listeners import PIPED
from .states import Read, Write

if TYPE_CHECKING:
    from .connection import Connection

_IN_ORDER = (
    Reason.IDLE, Reason.READ_TIMEOUT, Reason.FIRST_BYTE_TIMEOUT, Reason.MAX_LIFETIME, Reason.GIVEN_UP,
)  # fmt: skip


class Pipe:
    """From a connection to a connection."""

    __slots__ = ("_discarded_before", "destination", "ends", "source", "waiting")

    def __init__(self, source: Connection, destination: Any, ends: bool) -> None:
        self.source = source
        self.destination = destination
        self.ends = ends
        #: Is the source not read because the destination has enough?
        self.waiting = False
        self._discarded_before = source._discarded

    def open(self) -> None:
        """Begin to listen. What has happened already is caught up with in the next turn."""
        self._attach()
        for event, listener in self._of_source():
            self.source._add_listener(event, listener, once=False)
        self.source._loop.call_soon(self._catch_up)

    def close(self) -> None:
        """Nothing passes any more."""
        self.waiting = False
        for event, listener in self._of_source():
            self.source._remove_listener(event, listener)
        self._detach()

    @property
    def waits_for_connection(self) -> bool:
        """Does it wait for what has a deadline of its own?"""
        return self.waiting

    def _of_source(self) -> list[tuple[str, Any]]:
        return [(PIPED, self._on_data), ("end", self._on_end), ("close", self._on_source_closed)]

    def _of_destination(self) -> list[tuple[str, Any]]:
        return [("drain", self.on_drain), ("finish", self._on_finish), ("close", self._on_destination_closed)]

    def _catch_up(self) -> None:
        source = self.source
        if self not in source._pipes:
            return
        if source._orderly is not None:
            self._on_end(source)
        elif source.report is not None:
            self._on_source_closed(source, source.report)
        else:
            self._see_destination()

    # What the source says.

    def _on_data(self, source: Connection, data: bytes) -> None:
        if self in source._pipes and not self._write(data):
            self.waiting = True
            source.update_pause()

    def _on_end(self, source: Connection) -> None:
        if source.forget_pipe(self) and self.ends:
            self._end() if self._complete() else self._cut()

    def _on_source_closed(self, source: Connection, report: CloseReport) -> None:
        if source.forget_pipe(self) and self.ends:
            self._end() if _was_silent(report) and self._complete() else self._cut()

    def _complete(self) -> bool:
        """Was all that came passed on? Not if the source had stopped listening before."""
        return self.source._discarded == self._discarded_before

    # What the destination says.

    def on_drain(self, *_: Any) -> None:
        """There is nothing to wait for: it has drained, or it never will."""
        self.waiting = False
        self.source.update_pause()

    def _on_finish(self, *_: Any) -> None:
        """Somebody else has ended it: nothing more can be passed on."""
        self.source.forget_pipe(self)

    def _on_destination_closed(self, destination: Any = None, report: CloseReport | None = None) -> None:
        if self.source.forget_pipe(self) and self.ends:
            if report is not None and _was_silent(report):
                self.source.destroy_soon_by_us()
            else:
                _reset(self.source)

    # What is done to the destination.

    def _attach(self) -> None:
        self.destination._fed = (*self.destination._fed, self)
        for event, listener in self._of_destination():
            self.destination._add_listener(event, listener, once=False)

    def _detach(self) -> None:
        self.destination._fed = tuple(pipe for pipe in self.destination._fed if pipe is not self)
        self.destination._flush_soon()  # its own peer may have ended meanwhile
        for event, listener in self._of_destination():
            self.destination._remove_listener(event, listener)

    def _see_destination(self) -> None:
        """What has it said already?"""
        destination: Connection = self.destination
        if destination.report is not None:
            self._on_destination_closed(destination, destination.report)
        elif destination._life.write is Write.ENDED:
            self._on_finish()

    def _write(self, data: bytes) -> bool:
        """False: wait for `drain`."""
        destination: Connection = self.destination
        return destination.write_piped(data) or destination._life.write is not Write.OPEN

    def _end(self) -> None:
        self.destination.end_by_us()

    def _cut(self) -> None:
        _reset(self.destination)


class PipeToObject(Pipe):
    """From a connection to any object with `write` and `end`.

    With `on`, as Node's streams and their likes have it, it is expected to emit `drain` after a `write` that
    returned False, and `close` when it takes no more. Without, nobody waits for it.
    """

    __slots__ = ()

    @property
    def waits_for_connection(self) -> bool:
        return False

    def _of_destination(self) -> list[tuple[str, Any]]:
        return [("drain", self.on_drain), ("close", self._on_destination_closed)]

    def _attach(self) -> None:
        if self._emits():
            for count, (event, listener) in enumerate(self._of_destination()):
                try:
                    self.destination.on(event, listener)
                except BaseException:  # it refuses: then there is no pipe
                    self._stop_hearing(count)
                    raise

    def _detach(self) -> None:
        self._stop_hearing(len(self._of_destination()))

    def _stop_hearing(self, count: int) -> None:
        """Take back the first `count` listeners, from an object that can let go of them."""
        if callable(getattr(self.destination, "off", None)):
            for event, listener in self._of_destination()[:count]:
                self.destination.off(event, listener)

    def _emits(self) -> bool:
        return callable(getattr(self.destination, "on", None))

    def _see_destination(self) -> None:
        """It cannot be asked."""

    def _write(self, data: bytes) -> bool:
        return self.destination.write(data) is not False or not self._emits()

    def _end(self) -> None:
        self.destination.end()

    def _cut(self) -> None:
        reset = getattr(self.destination, "reset", None)
        if callable(reset):
            reset()


def _was_silent(report: CloseReport) -> bool:
    """Reaped, with nothing lost by it."""
    return report.reason in _IN_ORDER and report.error is None and not report.bytes_unsent


def _reset(conn: Connection) -> None:
    if conn._life.read is not Read.DISCARDING:
        conn.cut(Reason.RESET)
