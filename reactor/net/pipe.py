"""A pipe: what one connection receives, another object is given, as fast as that one takes it.

    source                          destination
    data                       ->   write; at False the source is paused until `drain`
    end (the peer's FIN)       ->   end
    closed without an end      ->   reset: it was cut off, and a FIN would claim that it is complete
    reset                      <-   closed before the source has ended: nobody is there to hear the rest

Two pipes, one each way, are a relay, and each carries the half-close of its own direction. So a connection that is
fed by a pipe is not ended by us when its own peer ends: the pipe ends it. With `end=False` a pipe carries bytes
only, and no ending in either direction.

A source that was reaped for its silence is no cut: whatever it had sent was passed on, so the destination is ended
in an orderly way too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .lifecycle import Write
from .listeners import PIPED
from .report import CloseReport, Reason

if TYPE_CHECKING:
    from .connection import Connection

_SILENCE = (Reason.IDLE, Reason.READ_TIMEOUT)


class Pipe:
    """From a connection to a connection."""

    __slots__ = ("_discarded_before", "destination", "ends", "source", "waiting")

    def __init__(self, source: Connection, destination: Any, ends: bool) -> None:
        self.source = source
        self.destination = destination
        self.ends = ends
        #: Is the source paused because the destination has enough?
        self.waiting = False
        self._discarded_before = source._discarded

    def open(self) -> None:
        """Begin to listen. What has happened already is caught up with in the next turn."""
        for event, listener in self._of_source():
            self.source._add_listener(event, listener, once=False)
        self._attach()
        self.source._loop.call_soon(self._catch_up)

    def close(self) -> None:
        """Nothing passes any more. Whether the source goes on is the caller's to say."""
        self.waiting = False
        for event, listener in self._of_source():
            self.source._remove_listener(event, listener)
        self._detach()

    def _of_source(self) -> list[tuple[str, Any]]:
        return [(PIPED, self._on_data), ("end", self._on_end), ("close", self._on_source_closed)]

    def _of_destination(self) -> list[tuple[str, Any]]:
        return [("drain", self._on_drain), ("close", self._on_destination_closed)]

    def _catch_up(self) -> None:
        source = self.source
        if self not in source._pipes:
            return
        if source._orderly is not None:
            self._on_end(source)
        elif source.report is not None:
            self._on_source_closed(source, source.report)
        elif self._is_closed():
            self._on_destination_closed()

    # What the source says.

    def _on_data(self, source: Connection, data: bytes) -> None:
        if not self._write(data) and not self.waiting:
            self.waiting = True
            source.pause()

    def _on_end(self, source: Connection) -> None:
        source.forget_pipe(self)
        if not self.ends:
            return
        if source._discarded > self._discarded_before:
            self._cut()  # the source had stopped listening before: it is not complete
        else:
            self._end()

    def _on_source_closed(self, source: Connection, report: CloseReport) -> None:
        source.forget_pipe(self)
        if not self.ends:
            return
        if report.reason in _SILENCE and report.error is None:
            self._end()
        else:
            self._cut()

    # What the destination says.

    def _on_drain(self, *_: Any) -> None:
        if self.waiting:
            self.waiting = False
            self.source.resume_pipes()

    def _on_destination_closed(self, *_: Any) -> None:
        self.source.forget_pipe(self)
        if self.ends:
            self.source.cut(Reason.RESET)
        else:
            self.source.resume_pipes()

    # What is done to the destination.

    def _attach(self) -> None:
        self.destination._fed += self.ends
        for event, listener in self._of_destination():
            self.destination.on(event, listener)

    def _detach(self) -> None:
        self.destination._fed -= self.ends
        self.destination._flush_soon()  # its own peer may have ended meanwhile
        for event, listener in self._of_destination():
            self.destination.off(event, listener)

    def _is_closed(self) -> bool:
        return self.destination.report is not None

    def _write(self, data: bytes) -> bool:
        """False: wait for `drain`."""
        destination: Connection = self.destination
        return destination.relay(data) or destination._life.write is not Write.OPEN

    def _end(self) -> None:
        self.destination.conclude()

    def _cut(self) -> None:
        self.destination.cut(Reason.RESET)


class PipeToObject(Pipe):
    """From a connection to any object with `write` and `end`.

    With `on`, as Node's streams and their likes have it, it is expected to emit `drain` after a `write` that
    returned False, and `close` when it takes no more. Without, nobody waits for it.
    """

    __slots__ = ()

    def _attach(self) -> None:
        if self._emits():
            for event, listener in self._of_destination():
                self.destination.on(event, listener)

    def _detach(self) -> None:
        if callable(getattr(self.destination, "off", None)):
            for event, listener in self._of_destination():
                self.destination.off(event, listener)

    def _emits(self) -> bool:
        return callable(getattr(self.destination, "on", None))

    def _is_closed(self) -> bool:
        return False

    def _write(self, data: bytes) -> bool:
        return self.destination.write(data) is not False or not self._emits()

    def _end(self) -> None:
        self.destination.end()

    def _cut(self) -> None:
        reset = getattr(self.destination, "reset", None)
        if callable(reset):
            reset()
