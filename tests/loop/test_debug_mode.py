"""Debug mode: calls from the wrong thread are caught, slow callbacks are logged."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reactor import Reactor, WrongThread
from tests.loop.conftest import in_thread


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
def test_a_call_from_the_wrong_thread_is_caught(
    harness: Any, loop: Reactor, heard: list[Any], call: Callable[[Reactor, Any], object]
) -> None:
    h = harness()
    _, conn = h.connect()

    def wrong() -> None:
        with pytest.raises(WrongThread, match="call_soon_threadsafe"):
            in_thread(lambda: call(loop, conn))
        heard.append("caught")
        loop.stop()

    loop.call_soon(wrong)
    loop.run()
    assert heard == ["caught"]
    assert conn.state == "open"


def test_debug_mode_can_be_asked_for_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("1", "0"):
        monkeypatch.setenv("REACTOR_DEBUG", value)
        with Reactor() as loop:
            assert loop.debug is (value == "1")


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
