"""Debug mode: calls from the wrong thread are caught, slow callbacks are logged."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import Reactor, WrongThread

SECONDS = 5.0  # how long a test waits for what must happen


def _in_thread(fn: Callable[[], Any]) -> Any:
    """What `fn` returns or raises in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(fn).result(SECONDS)


@pytest.mark.parametrize(
    "call",
    [
        lambda loop, conn: loop.call_soon(print),
        lambda loop, conn: loop.call_later(5, print),
        lambda loop, conn: loop.call_at(5, print),
        lambda loop, conn: loop.run_in_thread(print),
        lambda loop, conn: loop.watch(0, 1, print),
        lambda loop, conn: loop.unwatch(0),
        lambda loop, conn: conn.write(b"x"),
        lambda loop, conn: conn.end(),
        lambda loop, conn: conn.destroy_soon(),
        lambda loop, conn: conn.destroy(),
        lambda loop, conn: conn.reset(),
        lambda loop, conn: conn.pause(),
        lambda loop, conn: conn.server.listen("127.0.0.1", 0),
        lambda loop, conn: conn.server.close(),
        lambda loop, conn: conn.server.shutdown(),
    ],
)
def test_in_debug_mode_a_call_from_the_wrong_thread_is_caught_at_the_call(
    harness: Any, loop: Reactor, call: Callable[[Reactor, Any], object]
) -> None:
    h = harness()
    _, conn = h.connect()
    caught: list[str] = []

    def wrong() -> None:
        try:
            _in_thread(lambda: call(loop, conn))
        except WrongThread as error:
            caught.append(str(error))
        loop.stop()

    loop.call_soon(wrong)
    loop.run()
    assert len(caught) == 1
    assert "call_soon_threadsafe" in caught[0]
    assert conn.state == "open"


def test_debug_mode_can_be_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REACTOR_DEBUG", "1")
    with Reactor() as loop:
        assert loop.debug
    monkeypatch.setenv("REACTOR_DEBUG", "0")
    with Reactor() as loop:
        assert not loop.debug


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
