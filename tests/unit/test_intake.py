"""What was read and not yet heard: held back by a pause, by a decoder, by framers. A stand-in hears."""

from __future__ import annotations

from typing import Any

import pytest

from reactor.net.connection.intake import Intake


class Frames:
    """What a framer holds back; the framer is its own."""

    def __init__(self, conn: Conn, name: str, *, ready: int = 0, partial: bytes = b"", heard: bool = False) -> None:
        self.framer: Any = self
        self.ready = [b"message"] * ready
        self.partial = partial
        self.began_at = 0.0
        self.heard = heard
        self._conn, self._name = conn, name

    def size(self) -> int:
        return sum(map(len, self.ready)) + len(self.partial)

    def deliver(self, conn: Any, held: Frames) -> None:
        conn.told.append((self._name, "deliver"))

    def finish(self, conn: Any, held: Frames | None = None) -> None:
        conn.told.append((self._name, "finish"))


class Conn:
    """A connection, as far as it tells the program."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.deaf: list[Any] = []

    def _hears(self, framer: Any) -> bool:
        return framer not in self.deaf

    def _guarded(self, fn: Any, *args: Any) -> None:
        fn(*args)


@pytest.fixture
def conn() -> Conn:
    return Conn()


def holding(*frames: Frames, held: bytes = b"") -> Any:
    made: Any = Intake()
    made.frames = frames
    made.held = held
    return made


def test_what_is_held_back_is_taken_once() -> None:
    intake = holding(held=b"bytes")
    assert (intake.take(), intake.take()) == (b"bytes", b"")


def test_it_waits_where_a_listener_would_hear_something_now(conn: Conn) -> None:
    message, begun = Frames(conn, "message", ready=1), Frames(conn, "begun", partial=b"half")
    assert not holding().waits(conn)
    assert holding(held=b"x").waits(conn)
    assert holding(begun, message).waits(conn)
    assert not holding(begun).waits(conn)
    assert holding(message, begun).unfinished == [begun], "it is unfinished between its first byte and its last"
    conn.deaf.append(message)
    assert not holding(message).waits(conn), "a message of a framer that was taken off does not wait"


def test_each_framer_has_its_own(conn: Conn) -> None:
    one, other = Frames(conn, "one"), Frames(conn, "other")
    intake = holding(one, other)
    assert intake.frames_of(other) is other
    assert intake.frames_of("a stranger") is None


@pytest.mark.parametrize("what", ["tell", "finish"])
def test_framers_that_listen_are_told_in_order_and_the_others_not(conn: Conn, what: str) -> None:
    frames = [Frames(conn, name) for name in ("first", "off", "last")]
    conn.deaf.append(frames[1])
    getattr(holding(*frames), what)(conn)
    word = {"tell": "deliver", "finish": "finish"}[what]
    assert conn.told == [("first", word), ("last", word)]


def test_at_the_end_of_the_stream_the_decoder_comes_before_the_framers(conn: Conn) -> None:
    intake = holding(Frames(conn, "frames"))
    intake.decoder = Frames(conn, "decoder")
    intake.finish(conn)
    assert conn.told == [("decoder", "finish"), ("frames", "finish")]


def test_what_is_forgotten_is_counted_once_however_many_framers_had_it(conn: Conn) -> None:
    intake = holding(
        Frames(conn, "one", partial=b"four"), Frames(conn, "two", ready=1), Frames(conn, "three", partial=b"x" * 99,
        heard=True), held=b"bytes",
    )  # fmt: skip
    assert intake.forget() == (5, 7)
    assert intake.forget() == (0, 0)
    assert not intake.waits(conn)
