"""The scripted poller drives a loop without waiting for a kernel: what is ready, in which order, is written down."""

from __future__ import annotations

import socket
from selectors import EVENT_READ, EVENT_WRITE
from typing import Any

from reactor import Reactor
from reactor.testing import ManualClock, ScriptedPoller, settle


def test_events_come_in_the_order_of_the_script(clock: ManualClock, heard: list[Any]) -> None:
    a, b = socket.socketpair()
    script: list[list[tuple[Any, int]]] = [[(b, EVENT_READ), (a, EVENT_READ)], [], [(a, EVENT_READ), (b, EVENT_WRITE)]]
    with a, b, Reactor(ScriptedPoller(script), clock=clock) as loop:
        for sock in (a, b):
            loop.watch(sock, EVENT_READ, lambda fd, events: heard.append(fd))
        settle(loop, 5)
        assert heard == [b.fileno(), a.fileno(), a.fileno()]


def test_it_never_sleeps_and_notes_what_it_was_asked(clock: ManualClock) -> None:
    poller = ScriptedPoller()
    with Reactor(poller, clock=clock) as loop:
        loop.run_once(None)  # would block on a real one
        assert poller.calls == ["register", "select"]
