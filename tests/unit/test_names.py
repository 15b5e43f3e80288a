"""From a host and a port to the addresses that a client tries, in order."""

from __future__ import annotations

import ipaddress
import socket
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactor.net.client import names
from reactor.net.client.names import Target
from reactor.net.sockets.addresses import literal_family

V4, V6 = socket.AF_INET, socket.AF_INET6

targets = st.builds(
    lambda family, number: Target(family, (str(number), 1), str(number), 1),
    st.sampled_from([V4, V6]),
    st.integers(0, 6),
)


def hosts(found: list[Target]) -> list[str]:
    return [target.host for target in found]


# Literals.


@given(st.ip_addresses())
def test_every_address_is_a_literal_of_its_family(address: Any) -> None:
    assert literal_family(str(address)) == (V4 if address.version == 4 else V6)


@pytest.mark.parametrize("host", ["::1%lo", "fe80::1%eth0", "::ffff:127.0.0.1", "FE80::1"])
def test_an_address_with_a_scope_and_a_mapped_one_are_literals(host: str) -> None:
    assert literal_family(host) == V6


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.1", "2130706433", "0x7f.1", "127.0.0.01", "127.0.0.1.", "[::1]", "127.0.0.1:80", "1.2.3.0/24",
     " 127.0.0.1", "::1%", "１.2.3.4", "::g", "", "."],
)  # fmt: skip
def test_everything_else_is_a_name(host: str) -> None:
    assert literal_family(host) is None


@given(st.ip_addresses(), st.integers(0, 65535))
def test_a_literal_resolves_to_itself(address: Any, port: int) -> None:
    (target,) = names.resolve_literal(str(address), port)
    assert ipaddress.ip_address(target.host) == address
    assert target.address == (target.host, port)
    assert target.family == literal_family(str(address))
    assert target.sockaddr[:2] == (target.host, port)


def test_a_literal_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    noting = Mock(wraps=socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", noting)
    names.resolve_literal("127.0.0.1", 80)
    assert [call.kwargs["flags"] for call in noting.call_args_list] == [socket.AI_NUMERICHOST | socket.AI_NUMERICSERV]


def test_a_scope_that_is_no_interface_is_an_os_error_that_says_so() -> None:
    with pytest.raises(OSError, match=r"getaddrinfo ENOTFOUND fe80::1%nowhere") as caught:
        names.resolve_literal("fe80::1%nowhere", 80)
    assert (caught.value.syscall, caught.value.address) == ("getaddrinfo", "fe80::1%nowhere")  # type: ignore[attr-defined]


def test_the_scope_of_an_address_stays_in_what_users_see_and_in_what_connect_gets() -> None:
    (target,) = names.resolve_literal("fe80::1%lo", 80)
    assert target.host.startswith("fe80::1%")
    assert target.sockaddr[3] == socket.if_nametoindex("lo")


# Taking turns.


@given(st.lists(targets))
def test_the_families_take_turns_while_both_last(given_targets: list[Target]) -> None:
    """The family of the first begins. Nothing is lost or repeated, within a family the order stays, and interleaving
    again changes nothing.
    """
    found = names.interleave(given_targets)
    assert (len(found), set(found)) == (len(set(found)), set(given_targets))
    for family in (V4, V6):
        first_come = dict.fromkeys(target for target in given_targets if target.family == family)
        assert [target for target in found if target.family == family] == list(first_come)
    assert found[:1] == given_targets[:1]
    for i, (one, other) in enumerate(pairwise(found)):
        assert one.family != other.family or {target.family for target in found[i:]} == {one.family}
    assert names.interleave(found) == found


def test_an_iterator_will_do() -> None:
    assert names.interleave(iter([])) == []


# What the program's own lookup may answer.


ANSWERS: dict[str, tuple[int, list[str], list[str]]] = {
    "in their order, the families in turn": (
        socket.AF_UNSPEC, ["::1", "::2", "127.0.0.1", "127.0.0.2", "::3"],
        ["::1", "127.0.0.1", "::2", "127.0.0.2", "::3"],
    ),
    "what comes twice counts once however it is spelt": (
        socket.AF_UNSPEC, ["::1", "127.0.0.1", "0:0:0:0:0:0:0:1", "127.0.0.1"], ["::1", "127.0.0.1"],
    ),
    "of IPv4 alone if that is asked for": (V4, ["::1", "127.0.0.1", "::ffff:127.0.0.2"], ["127.0.0.1"]),
    "of IPv6 alone": (V6, ["::1", "127.0.0.1", "::ffff:127.0.0.2"], ["::1", "::ffff:127.0.0.2"]),
}  # fmt: skip


@pytest.mark.parametrize("promise", ANSWERS)
def test_which_answers_are_taken(promise: str) -> None:
    family, addresses, expected = ANSWERS[promise]
    found = names.answered("x", 80, family, addresses)
    assert (hosts(found), {target.port for target in found}) == (expected, {80})


@pytest.mark.parametrize(
    "address", ["localhost", "", "127.1", "127.0.0.1:80", "[::1]", 2130706433, b"127.0.0.1", None, ("127.0.0.1", 80)]
)
@pytest.mark.parametrize("family", [socket.AF_UNSPEC, V6])
def test_an_answer_that_is_no_address_is_refused_with_the_name_and_the_value(address: Any, family: int) -> None:
    with pytest.raises(ValueError, match=r"the lookup of 'some\.name' must answer with IP addresses") as caught:
        names.answered("some.name", 80, family, ["::1", address, "::1"])
    assert repr(address) in str(caught.value)


@given(
    st.lists(
        st.text("0123456789abcdef.:/", max_size=12)  # scopes have tests of their own: which are there is the machine's
        | st.integers()
        | st.binary(max_size=4)
        | st.ip_addresses().map(str),
        max_size=4,
    )
)
def test_whatever_the_answer_is_it_is_addresses_or_a_refusal(addresses: list[Any]) -> None:
    try:
        found = names.answered("x", 80, socket.AF_UNSPEC, addresses)
    except (ValueError, OSError):
        assert (
            not addresses
            or any(literal_family(str(address)) is None for address in addresses)
            or any(not isinstance(address, str) for address in addresses)
        )
    else:
        assert found
        assert {ipaddress.ip_address(host) for host in hosts(found)} == set(map(ipaddress.ip_address, addresses))


@pytest.mark.parametrize(("family", "addresses"), [(socket.AF_UNSPEC, []), (V4, ["::1"]), (V6, ["127.0.0.1"])])
def test_no_answer_that_fits_is_a_name_not_found(family: int, addresses: list[str]) -> None:
    with pytest.raises(socket.gaierror, match=r"getaddrinfo ENOTFOUND some\.name") as caught:
        names.answered("some.name", 80, family, addresses)
    assert caught.value.errno == socket.EAI_NONAME


def test_an_answer_whose_scope_is_no_interface_is_an_os_error() -> None:
    with pytest.raises(OSError, match="ENOTFOUND fe80::1%nowhere"):
        names.answered("x", 80, socket.AF_UNSPEC, ["127.0.0.1", "fe80::1%nowhere"])


# What getaddrinfo(3) answers.


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=[answer]))  # an exception is raised


def test_a_name_resolves_to_what_was_found_the_families_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    six = [(V6, socket.SOCK_STREAM, 6, "", (host, 80, 0, 0)) for host in ("::1", "::2")]
    four = [(V4, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
    answering(monkeypatch, [*six, *four])
    found = names.resolve("x", 80, 0)
    assert [(target.host, target.family, target.sockaddr) for target in found] == [
        ("::1", V6, ("::1", 80, 0, 0)), ("127.0.0.1", V4, ("127.0.0.1", 80)), ("::2", V6, ("::2", 80, 0, 0)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "name"),
    [(socket.EAI_NONAME, "ENOTFOUND"), (socket.EAI_AGAIN, "EAI_AGAIN"), (socket.EAI_FAIL, f"EAI {socket.EAI_FAIL}")],
)
def test_a_refusal_names_the_code_and_the_name(code: int, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, socket.gaierror(code, "some text of libc"))
    with pytest.raises(socket.gaierror) as caught:
        names.resolve("some.name", 80, 0)
    error = caught.value
    assert (error.errno, error.strerror) == (code, f"getaddrinfo {name} some.name")
    assert (error.syscall, error.address) == ("getaddrinfo", "some.name")  # type: ignore[attr-defined]


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "\udcff", "." + "x", "ü" * 63])
def test_a_name_that_idna_refuses_is_a_name_not_found(host: str) -> None:
    with pytest.raises(socket.gaierror, match="getaddrinfo ENOTFOUND") as caught:
        names.resolve(host, 80, 0)
    assert caught.value.errno == socket.EAI_NONAME


def test_the_address_of_a_unix_target_is_its_path() -> None:
    assert Target(socket.AF_UNIX, "/a/path", "/a/path", 0).address == "/a/path"


def test_a_resolver_that_answers_with_an_empty_list_has_not_found_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, [])
    with pytest.raises(OSError, match="getaddrinfo ENOTFOUND nobody"):
        names.resolve("nobody", 80, socket.AF_UNSPEC)
