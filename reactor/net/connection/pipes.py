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

A source that was ended because it was silent was not cut off: whatever had come was passed on, so the other side is
ended in order too (`account.Row.passes_as_end`). And a connection that is ending by other means already, be it by
`shutdown()`, is left to that.
"""

from __future__ import annotations

from ...foreign import shown
from ...hints import TYPE_CHECKING
from .account import ROWS, Reason
from .listeners import PIPED
from .pause import Pause
from .states import END
from .stream import Stream

if TYPE_CHECKING:
    from typing import Any

    from .account import CloseReport


def join(source: Stream, destination: Any, ends: bool) -> None:
    """Begin a pipe. Raises TypeError and ValueError for what cannot be one."""
    if not all(callable(getattr(destination, name, None)) for name in ("write", "end")):
        raise TypeError(f"destination must be a connection, or have write and end, not {shown(destination)}")
    source._pause = source._pause or Pause()
    if any(pipe.destination is destination for pipe in source._pause.pipes):
        raise ValueError(f"destination must not be piped to already, as {shown(destination)} is")
    if isinstance(destination, Stream) and destination._loop is not source._loop:
        raise ValueError(f"destination must be a connection of the same reactor, not {shown(destination)}")
    if not source._loop.closed:
        (Pipe if isinstance(destination, Stream) else PipeToObject)(source, destination, ends).open()


def part(source: Stream, destination: Any) -> None:
    """End the pipe to `destination`; None: each pipe. After the last one the source is paused: nothing is lost."""
    piped = () if source._pause is None else source._pause.pipes
    wanted = [pipe for pipe in piped if destination is None or pipe.destination is destination]
    if source._pause is not None and wanted and len(wanted) == len(piped):
        source._pause.by_program = True
        source._update_pause()
    for pipe in wanted:
        pipe.leave()


class Pipe:
    """From a connection to a connection."""

    __slots__ = ("_discarded_before", "destination", "ends", "source", "waiting")

    def __init__(self, source: Stream, destination: Any, ends: bool) -> None:
        self.source = source
        self.destination = destination
        self.ends = ends
        #: True while the source is not read because the destination has enough.
        self.waiting = False
        self._discarded_before = source._discarded

    def open(self) -> None:
        """Begin to listen. What has happened already is caught up with in the next turn."""
        assert self.source._pause is not None  # made by `join`
        self._attach()
        self.source._pause.pipes = (*self.source._pause.pipes, self)
        self.source._pause.by_program = False
        self.source._update_pause()
        for event, listener in self._of_source():
            self.source._add_listener(event, listener, once=False)
        self.source._loop.call_soon(self._catch_up)

    def leave(self, *_: Any) -> bool:
        """Nothing passes any more, also because somebody else has ended the destination (`finish`). False: that was so
        before, perhaps by a listener of the same event.
        """
        if self.source._pause is None or not self.source._pause.forget(self):
            return False
        self.waiting = False
        for event, listener in self._of_source():
            self.source._remove_listener(event, listener)
        self._detach()
        self.source._update_pause()
        return True

    @property
    def waits_for_connection(self) -> bool:
        """True if it waits for what has deadlines of its own."""
        return self.waiting

    @property
    def source_says_no_more(self) -> bool:
        """True if the source's own half is ending or has ended: it has a deadline, which ends this pipe."""
        return not self.source._life.writable

    @property
    def _joined(self) -> bool:
        return self.source._pause is not None and self in self.source._pause.pipes

    def _of_source(self) -> list[tuple[str, Any]]:
        return [(PIPED, self._on_data), ("end", self._on_end), ("close", self._on_source_closed)]

    def _of_destination(self) -> list[tuple[str, Any]]:
        return [("drain", self.on_drain), ("finish", self.leave), ("close", self._on_destination_closed)]

    def _catch_up(self) -> None:
        source = self.source
        if not self._joined:
            return
        if source._cause.orderly is not None:
            self._on_end(source)
        elif source.report is not None:
            self._on_source_closed(source, source.report)
        else:
            self._see_destination()

    # What the source says.

    def _on_data(self, source: Stream, data: bytes) -> None:
        if self._joined and not self._write(data):
            self.waiting = True
            source._update_pause()

    def _on_end(self, source: Stream) -> None:
        if self.leave() and self.ends:
            self._end() if self._complete() else self._cut()

    def _on_source_closed(self, source: Stream, report: CloseReport) -> None:
        if self.leave() and self.ends:
            self._end() if _was_silent(report) and self._complete() else self._cut()

    def _complete(self) -> bool:
        """True if all that came was passed on. False if the source had stopped listening before."""
        return self.source._discarded == self._discarded_before

    # What the destination says.

    def on_drain(self, *_: Any) -> None:
        """It has drained, or never will: there is nothing to wait for."""
        self.waiting = False
        self.source._update_pause()

    def _on_destination_closed(self, destination: Any = None, report: CloseReport | None = None) -> None:
        if self.leave() and self.ends:
            if report is not None and _was_silent(report):
                self.source._destroy_soon_by_us()
            else:
                _reset(self.source)

    # What is done to the destination.

    def _attach(self) -> None:
        destination: Stream = self.destination
        destination._pause = destination._pause or Pause()
        destination._pause.fed = (*destination._pause.fed, self)
        for event, listener in self._of_destination():
            destination._add_listener(event, listener, once=False)

    def _detach(self) -> None:
        destination: Stream = self.destination
        assert destination._pause is not None  # made by `_attach`
        destination._pause.fed = tuple(pipe for pipe in destination._pause.fed if pipe is not self)
        destination._flush_soon()  # its own peer may have ended meanwhile
        for event, listener in self._of_destination():
            self.destination._remove_listener(event, listener)

    def _see_destination(self) -> None:
        """Catch up with what it has said already."""
        destination: Stream = self.destination
        if destination.report is not None:
            self._on_destination_closed(destination, destination.report)
        elif destination._life.fin_sent:
            self.leave()

    def _write(self, data: bytes) -> bool:
        """False: wait for `drain`."""
        destination: Stream = self.destination
        # That the program has ended it meanwhile is a race here, and no error.
        accepted = destination._keep(data, False) if destination._called is not None else destination.write(data)
        return accepted or not destination._life.writable

    def _end(self) -> None:
        self.destination._step(END)  # not by the program's call: its later writes are refused, and no error

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
    """True if it was ended for silence, with nothing lost by it."""
    return ROWS[report.reason].passes_as_end and report.error is None and not report.bytes_unsent


def _reset(conn: Stream) -> None:
    if not conn._life.discarding:
        conn._cut(Reason.RESET)
