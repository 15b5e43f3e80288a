"""Who may come, without a socket: the order of the limits, the rate, and what counts as one client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.net.limits import Rate
from reactor.net.server.gate import Bucket, Gate, gate_for
from reactor.net.settings import ServerSettings
from reactor.net.sockets.networks import client_of, within


class Still:
    """Stands for a reactor whose time does not pass, and which nobody asks for a timer here."""

    def __init__(self, now: float) -> None:
        self.now = now

    def call_later(self, *args: Any) -> Any:
        raise AssertionError


def gate(inside: Any = (), now: float = 0.0, before: Gate | None = None, **limits: Any) -> Gate:
    found = gate_for(Still(now), ServerSettings(**limits), inside, before)
    assert found is not None
    return found


def test_without_a_limit_there_is_no_gate() -> None:
    for limits in (ServerSettings(), ServerSettings(when_full="reset", memory_limit=5, give_up_idle=5)):
        assert not limits.gated
        assert gate_for(Still(0.0), limits, (), None) is None


def test_a_burst_comes_at_once_and_then_as_many_as_the_rate_says() -> None:
    bucket = Bucket(Rate(10.0, 3), now=0.0)
    assert [bucket.take(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert bucket.wait(0.0) == pytest.approx(0.1)
    assert [bucket.take(0.25) for _ in range(3)] == [True, True, False]
    assert sum(bucket.take(1e6) for _ in range(100)) == 3, "a long quiet time saves no more than a burst"


PAUSES = st.lists(st.floats(0, 3, allow_subnormal=False), min_size=1, max_size=60)


@given(st.floats(0.1, 1000), st.integers(1, 50), PAUSES)
def test_no_span_of_time_lets_in_more_than_a_burst_and_the_rate(rate: float, burst: int, pauses: list[float]) -> None:
    bucket = Bucket(Rate(rate, burst), now=0.0)
    now, admitted = 0.0, []
    for pause in pauses:
        now += pause
        if bucket.take(now):
            admitted.append(now)
    for i, first in enumerate(admitted):
        for j in range(i, len(admitted)):
            assert j - i + 1 <= burst + rate * (admitted[j] - first) + 1e-6


# The limits, who asks, and what each is told.
TOLD: dict[str, tuple[dict[str, Any], list[str], list[str | None]]] = {
    "who is blocked or over another limit takes no token": (
        {"block": ["10.0.0.0/8"], "max_per_address": 1, "accept_rate": (1, 2)},
        ["10.0.0.1", "10.0.0.2", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3"],
        ["block", "block", None, "max_per_address", "max_per_address", None, "accept_rate"],
    ),
    "allow lets in its networks alone and block is stronger": (
        {"allow": ["10.0.0.0/8", "2001:db8::/32"], "block": ["10.1.0.0/16"]},
        ["10.0.0.1", "10.1.0.1", "192.0.2.1", "2001:db8::1", "2001:db9::1", "::ffff:10.0.0.1"],
        [None, "block", "allow", None, "allow", None],
    ),
}


@pytest.mark.parametrize("promise", TOLD)
def test_the_order_of_the_limits(promise: str) -> None:
    limits, asked, told = TOLD[promise]
    found = gate(**limits)
    assert [found.refusal((host, 1), 0, 0.0) for host in asked] == told


def test_who_is_refused_for_the_rate_is_not_counted_as_inside() -> None:
    found = gate(max_per_address=1, accept_rate=(1, 1))
    assert [found.refusal(("192.0.2.1", 1), 0, 0.0), found.refusal(("192.0.2.2", 1), 1, 0.0)] == [None, "accept_rate"]
    assert found.refusal(("192.0.2.2", 1), 1, 5.0) is None


def test_a_place_comes_back_when_its_client_has_gone() -> None:
    found = gate(max_per_address=2)
    client = ("192.0.2.1", 1)
    assert [found.refusal(client, 0, 0.0) for _ in range(3)] == [None, None, "max_per_address"]
    found.left(client)
    assert [found.refusal(client, 0, 0.0) for _ in range(2)] == [None, "max_per_address"]


def test_who_was_inside_before_the_limit_counts() -> None:
    found = gate(inside=[("192.0.2.1", 1), ("192.0.2.1", 2), ""], max_per_address=2)
    assert found.refusal(("192.0.2.1", 3), 3, 0.0) == "max_per_address"
    assert found.refusal(("192.0.2.2", 3), 3, 0.0) is None


def test_a_rate_goes_on_as_it_stands_when_another_limit_changes() -> None:
    before = gate(accept_rate=(1, 1))
    assert before.refusal(("192.0.2.1", 1), 0, 0.0) is None
    after = gate(before=before, accept_rate=(1, 1), max_connections=5)
    assert after.refusal(("192.0.2.1", 1), 0, 0.0) == "accept_rate"


def test_limits_on_addresses_are_nothing_to_a_unix_socket() -> None:
    found = gate(allow=["10.0.0.0/8"], block=["0.0.0.0/0"], max_per_address=1)
    assert [found.refusal("", 0, 0.0) for _ in range(3)] == [None, None, None]
    found.left("")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False), ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True), ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)  # fmt: skip
def test_a_client_is_an_ipv4_address_or_a_64_bit_network_of_ipv6(one: str, other: str, same: bool) -> None:
    assert (client_of((one, 1)) == client_of((other, 2))) is same


def test_nobody_is_within_no_network() -> None:
    assert not within((), ("192.0.2.1", 1))
