"""Debug mode: calls from the wrong thread are caught, slow callbacks are logged."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest

from reactor import Reactor, WrongThread, lines
from reactor.testing import pump, settle
from tests.loop.conftest import in_thread

CALLS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("unpipe", "end", "destroy_soon", "destroy", "reset", "pause", "resume", "ref"), ()),
    **dict.fromkeys(("server.close", "server.shutdown"), ()),
    "server.loop.call_soon": (print,), "server.loop.call_later": (5, print), "server.loop.call_at": (5, print),
    "server.loop.run_in_thread": (print,), "server.loop.watch": (0, 1, print), "server.loop.unwatch": (0,),
    "server.listen": ("127.0.0.1", 0), "write": (b"x",), "writelines": ([b"x"],), "send_file": (__file__,),
    "set_encoding": ("utf-8",), "set_timeout": (5,), "set_keep_alive": (True,), "set_user_timeout": (5,),
    "set_no_delay": (False,), "on": ("data", print),
}  # fmt: skip


@pytest.mark.parametrize("call", [*CALLS, "pipe"])
def test_a_call_from_another_thread_raises_there_and_does_nothing(
    harness: Any, loop: Reactor, heard: list[Any], call: str
) -> None:
    h = harness()
    _, conn = h.connect()

    def wrong() -> None:
        loop.stop()
        with pytest.raises(WrongThread, match="call_soon_threadsafe"):
            in_thread(lambda: attrgetter(call)(conn)(*CALLS.get(call, (conn,))))
        heard.append("caught")

    loop.call_soon(wrong)
    loop.run()
    assert heard == ["caught"]
    assert (conn.state, conn.pending_bytes, conn.bytes_written, h.server.listening) == ("open", 0, 0, True)


def test_debug_mode_can_be_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("1", "0"):
        monkeypatch.setenv("REACTOR_DEBUG", value)
        with Reactor() as loop:
            assert loop.debug is (value == "1")


def slow(*_: object) -> None:
    threading.Event().wait(0.11)  # blocks the loop, as a careless program does


def by_server(loop: Reactor, h: Any, conn: Any) -> None:
    h.server.on("data", slow)


def by_connection(loop: Reactor, h: Any, conn: Any) -> None:
    conn.once("data", slow)


def by_framer(loop: Reactor, h: Any, conn: Any) -> None:
    conn.on("data", lines(slow))


def by_encoding(loop: Reactor, h: Any, conn: Any) -> None:
    conn.on("data", slow)
    conn.set_encoding("utf-8")


def by_several(loop: Reactor, h: Any, conn: Any) -> None:
    for fn in (lambda conn, data: None, slow, lambda conn, data: None):
        conn.on("data", fn)


def by_write(loop: Reactor, h: Any, conn: Any) -> None:
    conn.write(b"x", slow)


def by_close(loop: Reactor, h: Any, conn: Any) -> None:
    h.server.on("close", slow)
    conn.destroy()


def by_connecting(loop: Reactor, h: Any, conn: Any) -> None:
    h.server.on("connection", slow)
    h.connect()


def by_drain(loop: Reactor, h: Any, conn: Any) -> None:
    h.server.on("draining", slow)
    h.server.shutdown(0)


def by_thread(loop: Reactor, h: Any, conn: Any) -> None:
    loop.run_in_thread(int, callback=slow)
    pump(loop, lambda: not loop.statistics().jobs)


def by_threadsafe_call(loop: Reactor, h: Any, conn: Any) -> None:
    loop.call_soon_threadsafe(slow)


WAYS = [
    by_server, by_connection, by_framer, by_encoding, by_several, by_write, by_close, by_connecting, by_drain,
    by_thread, by_threadsafe_call,
]  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_what_was_slow_is_told_once_by_the_name_of_the_function_of_the_program(
    harness: Any, loop: Reactor, caplog: pytest.LogCaptureFixture, way: Callable[..., None]
) -> None:
    h = harness()
    peer, conn = h.connect()
    caplog.clear()
    way(loop, h, conn)
    peer.send(b"x\n")
    settle(loop)
    told = [record for record in caplog.records if record.getMessage().endswith(" ms")]
    assert [re.search(r"<function slow at ", record.getMessage()) is not None for record in told] == [True]
    assert vars(told[0])["seconds"] >= 0.11
    h.server.off("data", slow)


@pytest.mark.parametrize("debug", [True, False])
def test_a_slow_callback_is_logged_in_debug_mode(caplog: pytest.LogCaptureFixture, debug: bool) -> None:
    def slow() -> None:
        threading.Event().wait(0.11)  # blocks the loop, as a careless program does

    with Reactor(debug=debug) as loop:
        loop.call_soon(slow)
        loop.run()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == debug
    for warning in warnings:
        told = re.search(r"slow at .* took (\d+) ms", warning)
        assert told is not None, warning
        assert int(told[1]) >= 110  # and more on a busy machine
