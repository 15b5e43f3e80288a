"""The simulated kernel does what the real one does: the same scripts in both, and everything that can be seen is equal
after every step: outcomes, errno codes, poll masks, unread and unacknowledged bytes.

A failure prints the script, shortened. REACTOR_EXAMPLES=5000 looks longer.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reactor.testing import Kernel
from tests.contract.both_kernels import Pair, acknowledge_at_once

EXAMPLES = int(os.environ.get("REACTOR_EXAMPLES", "300"))

sides = st.sampled_from(["client", "server"])
sizes = st.sampled_from([1, 100, 2000])
CALLS = [*2 * ["recv", "send", "accept"], "shutdown", "close", "abort", "error", "peer", "name", "stop"]
steps = st.tuples(sides, st.sampled_from(CALLS), sizes)
scripts = st.lists(steps, max_size=14)
flows = st.lists(
    st.tuples(sides, st.sampled_from(["fill", "fill", "drain", "drain", "shutdown", "close", "abort", "error"])),
    max_size=10,
)
thorough = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@contextmanager
def both(buffer: int | None = None) -> Iterator[tuple[Pair, Pair]]:
    real, simulated = Pair(None, buffer), Pair(Kernel(), buffer)
    try:
        yield real, simulated
    finally:
        real.close()
        simulated.close()


def hold(real: Pair, simulated: Pair, script: list[Any], exact: bool = True) -> None:
    """Play it in both, and compare after every step."""
    for step in [None, *script]:
        if step is not None:
            wanted, got = simulated.play(*step), real.play(*step)
            assert got == wanted, f"{step}: {got} in the real kernel, {wanted} in the simulated one"
        acknowledge_at_once(real)
        expected = simulated.seen(exact)
        assert real.settle(expected, exact) == expected, f"seen after {step}"


ACCEPT = ("server", "accept", 1)


@thorough
@given(scripts, st.booleans())
@example([("client", "send", 100), ("server", "close", 1), ("client", "send", 1), ("client", "send", 1)], True)
@example([("client", "send", 100), ("server", "recv", 1), ("server", "close", 1), ("client", "recv", 1)], True)
@example([("server", "shutdown", 1), ("client", "send", 100), ("client", "abort", 1), ("server", "recv", 2000)], True)
@example([("client", "shutdown", 1), ("client", "abort", 1), ("server", "error", 1), ("server", "recv", 1)], True)
@example([("client", "send", 1), ("client", "shutdown", 1), ("server", "close", 1)], True)
@example([("client", "send", 100), ("client", "abort", 1), ACCEPT, ("server", "recv", 2000)], False)
@example([("server", "send", 1), ("server", "shutdown", 1), ("client", "shutdown", 1), ("client", "close", 1)], True)
@example([("client", "send", 1), ("server", "stop", 1), ("client", "recv", 1)], False)
def test_a_script_of_calls_has_the_same_outcome_in_both_kernels(script: list[Any], accepted: bool) -> None:
    with both() as (real, simulated):
        hold(real, simulated, [ACCEPT, *script] if accepted else script)


def hold_flow(script: list[Any]) -> None:
    with both(65_536) as (real, simulated):
        hold(real, simulated, [ACCEPT, *script], exact=False)
        for pair in (real, simulated):
            for side, other in (("client", "server"), ("server", "client")):
                assert pair.got[other] <= pair.sent[side]


@pytest.mark.parametrize("last", ["drain", "shutdown", "close", "abort"])
def test_full_buffers_throttle_and_open_again_in_both_kernels(last: str) -> None:
    hold_flow([("client", "fill"), ("server", last), ("client", "error"), ("server", "drain"), ("client", "drain")])


@pytest.mark.slow  # it waits for the real kernel's timers
@settings(thorough, max_examples=EXAMPLES // 6)
@given(flows)
def test_random_flows_through_full_buffers_are_the_same_in_both_kernels(script: list[Any]) -> None:
    hold_flow(script)


def test_a_port_where_nobody_listens_refuses_in_both_kernels() -> None:
    with both() as (real, simulated):
        seen = []
        for pair in (real, simulated):
            where = pair.listening.getsockname()
            pair.play("server", "stop")
            pair.socks["client"].close()
            pair.socks["client"] = sock = pair.fresh()
            seen.append([pair.mask(sock), sock.connect_ex(where)])
            seen[-1] += [pair.mask(sock), pair.play("client", "peer"), pair.play("client", "error")]
            seen[-1] += [pair.mask(sock), pair.play("client", "send", 1), pair.play("client", "recv", 1)]
        assert seen[0] == seen[1]


@pytest.mark.parametrize("call", [None, "send", "shutdown", "abort"])
def test_an_edge_is_told_once_in_both_kernels(call: str | None) -> None:
    script = [("server", call, 100)] if call else []
    told = []
    with both() as (real, simulated):
        for pair in (real, simulated):
            epoll: Any = pair.kernel.epoll() if pair.kernel is not None else select.epoll()
            if pair.kernel is not None:
                epoll.register(0, select.EPOLLIN)  # as a reactor's wake-up
            pair.play(*ACCEPT)
            fd = pair.socks["client"].fileno()
            epoll.register(fd, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
            polls = [epoll.poll(0.01)]
            for step in script:
                pair.play(*step)
                polls += [epoll.poll(0.01), epoll.poll(0.01)]
            told.append([[mask for _, mask in poll] for poll in polls])
            epoll.close()
    assert told[0] == told[1]


def test_the_lowest_free_descriptor_is_given_out_first_in_both_kernels() -> None:
    with both() as (real, simulated):
        for pair in (real, simulated):
            a, b, c = pair.fresh(), pair.fresh(), pair.fresh()
            numbers = a.fileno(), c.fileno()
            c.close()
            a.close()
            d, e = pair.fresh(), pair.fresh()
            assert (d.fileno(), e.fileno()) == numbers
            for sock in (b, d, e):
                sock.close()
