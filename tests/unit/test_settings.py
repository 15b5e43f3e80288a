"""The settings of servers and connections: defaults, and the refusal of every bad value, which names the setting,
the value and what was expected.
"""

from __future__ import annotations

import ast
import ipaddress
import math
import pydoc
from typing import Any

import pytest

from reactor import Connection, Server
from reactor.net.keywords import ConnectKeywords, ServerKeywords
from reactor.net.settings import (
    CONNECTION_SETTINGS,
    SERVER_SETTINGS,
    AtOpening,
    ClientSettings,
    Live,
    OfConnect,
    OfServer,
    ServerSettings,
    Settings,
    split,
)

OF_CONNECTIONS = [
    "idle_timeout", "read_timeout", "write_timeout", "linger_timeout", "half_open_timeout", "first_byte_timeout",
    "max_lifetime", "jitter",
]  # fmt: skip
SPEEDS = ["min_read_rate", "min_write_rate"]
OF_SERVERS = ["give_up_idle"]
TIMEOUTS = OF_CONNECTIONS + OF_SERVERS
SIZES = ["high_water", "low_water", "buffer_limit"]
LISTS = ["block", "allow"]
COUNTS = ["max_connections", "max_per_address", "memory_limit"]
FLAGS = ["allow_half_open", "pause_on_connect", "no_delay"]

DEFAULTS = {
    # closing.md, "Deadlines", "Memory" and "The server"; design.md, "Surface"
    "idle_timeout": None,
    "read_timeout": None,
    "write_timeout": 60.0,
    "linger_timeout": 30.0,
    "half_open_timeout": 600.0,
    "first_byte_timeout": None,
    "max_lifetime": None,
    "jitter": None,
    "on_idle": "close",
    "allow_half_open": False,
    "pause_on_connect": False,
    "no_delay": True,
    "keep_alive": False,
    "high_water": 65_536,
    "low_water": None,
    "buffer_limit": 64 * 1024 * 1024,
    "slow_reader": None,
    "min_read_rate": None,
    "min_write_rate": None,
    "max_connections": None,
    "max_per_address": None,
    "accept_rate": None,
    "when_full": "drop",
    "block": (),
    "allow": (),
    "memory_limit": None,
    "give_up_idle": None,
}


def made(**given: Any) -> tuple[Settings, ServerSettings]:
    return split(given, ServerSettings)


def refusal(name: str, value: Any, kind: type[Exception] | tuple[type[Exception], ...]) -> str:
    """The text with which a value is refused: it names the setting and the value."""
    with pytest.raises(kind) as caught:
        made(**{name: value})
    text = str(caught.value)
    assert text.startswith(f"{name} must be "), text
    assert repr(value) in text
    return text


@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_the_defaults_are_those_that_the_documents_name(name: str, value: Any) -> None:
    connection, server = made()
    found = getattr(connection if name in CONNECTION_SETTINGS else server, name)
    assert (found, type(found)) == (value, type(value))


def test_every_setting_is_known_to_one_of_the_two() -> None:
    assert set(DEFAULTS) == CONNECTION_SETTINGS | SERVER_SETTINGS
    assert not CONNECTION_SETTINGS & SERVER_SETTINGS


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_setting_says_in_words_what_it_does(name: str) -> None:
    fields = {**Settings.FIELDS, **ServerSettings.FIELDS}
    assert len(fields[name].help) > 10
    if name in TIMEOUTS:
        assert fields[name].unit == "s"
    if name in SIZES:
        assert fields[name].unit == "bytes"


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_help_says_of_every_setting_what_it_does_its_unit_and_its_default(name: str) -> None:
    attribute = getattr(Server, name)
    assert attribute.help[1:] in attribute.__doc__
    assert f"Default: {DEFAULTS[name]!r}." in attribute.__doc__
    assert not attribute.unit or "in " in attribute.__doc__ or "a pair" in attribute.__doc__
    text = pydoc.plain(pydoc.render_doc(attribute))
    assert f"{name}\n    {attribute.__doc__.split(' ')[0]} " in text


@pytest.mark.parametrize("name", sorted(Live.__annotations__))
def test_a_setting_of_a_connection_is_the_one_of_its_server(name: str) -> None:
    assert getattr(Connection, name) is getattr(Server, name) is Settings.FIELDS[name]


def declared(*tables: type) -> dict[str, str]:
    """For each setting of the tables what programs may give, as it is written."""
    found = {}
    for table in tables:
        for name, text in table.__annotations__.items():
            attribute = ast.parse(text, mode="eval").body
            assert isinstance(attribute, ast.Subscript)
            kinds = attribute.slice.elts if isinstance(attribute.slice, ast.Tuple) else [attribute.slice]
            found[name] = ast.unparse(kinds[-1])
    return found


def written(keywords: type) -> dict[str, str]:
    return {name: annotation.__forward_arg__ for name, annotation in keywords.__annotations__.items()}


def test_type_checkers_know_the_names_and_types_of_all_keyword_arguments() -> None:
    assert written(ServerKeywords) == declared(Live, AtOpening, OfServer)
    assert written(ConnectKeywords) == declared(Live, AtOpening, OfConnect)
    assert list(declared(Live, AtOpening)) == list(Settings.FIELDS)
    assert list(declared(OfConnect)) == list(ClientSettings.FIELDS)


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", [0.001, 1, 3600, None])
def test_a_timeout_is_seconds_or_none(name: str, value: float | None) -> None:
    assert getattr(made(**{name: value})[name in OF_SERVERS], name) == value


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", ["60", b"60", True, False, [], (), {}, 1j, object], ids=repr)
def test_a_timeout_must_be_a_number(name: str, value: Any) -> None:
    assert "number of seconds" in refusal(name, value, TypeError)


@pytest.mark.parametrize("name", TIMEOUTS)
@pytest.mark.parametrize("value", [0, 0.0, -1, -0.5, math.inf, -math.inf, math.nan], ids=repr)
def test_a_timeout_must_be_more_than_zero_and_finite(name: str, value: float) -> None:
    assert "more than 0 seconds and finite" in refusal(name, value, ValueError)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [-1, -(10**9)])
def test_a_size_must_not_be_negative(name: str, value: int) -> None:
    assert "0 or more" in refusal(name, value, ValueError)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", ["64k", 65_536.0, True, [], math.inf], ids=repr)
def test_a_size_must_be_a_whole_number(name: str, value: Any) -> None:
    assert "whole number" in refusal(name, value, TypeError)


@pytest.mark.parametrize("name", ["high_water", "buffer_limit"])
def test_only_the_low_water_mark_may_be_left_to_the_library(name: str) -> None:
    refusal(name, None, TypeError)
    assert made(low_water=None)[0].low_water is None


def test_zero_is_a_value_for_the_water_marks() -> None:
    settings, _ = made(high_water=0, low_water=0)
    assert (settings.high_water, settings.low_water, settings.drain_at) == (0, 0, 0)


@pytest.mark.parametrize(("high", "low"), [(0, 1), (100, 101), (65_536, 10**9)])
def test_the_low_water_mark_must_not_be_above_the_high_one(high: int, low: int) -> None:
    with pytest.raises(ValueError, match=rf"low_water must be at most high_water \({high}\), not {low}$"):
        made(high_water=high, low_water=low)


def test_the_low_water_mark_may_be_the_high_one() -> None:
    assert made(high_water=100, low_water=100)[0].drain_at == 100


@pytest.mark.parametrize(("given", "at"), [({}, 16_384), ({"high_water": 1000}, 250), ({"low_water": 7}, 7)])
def test_drain_comes_at_the_low_water_mark_or_a_quarter_of_the_high_one(given: dict[str, int], at: int) -> None:
    assert made(**given)[0].drain_at == at


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("value", [0, 1, None, "yes", "", []], ids=repr)
def test_a_flag_must_be_true_or_false(name: str, value: Any) -> None:
    assert "True or False" in refusal(name, value, TypeError)


@pytest.mark.parametrize("value", [True, False, 1, 7.5, 7200])
def test_keep_alive_is_a_flag_or_seconds(value: bool | float) -> None:
    found = made(keep_alive=value)[0].keep_alive
    assert (found, isinstance(found, bool)) == (value, isinstance(value, bool))


@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan], ids=repr)
def test_keep_alive_seconds_must_be_more_than_zero(value: float) -> None:
    assert "more than 0" in refusal("keep_alive", value, ValueError)


@pytest.mark.parametrize("value", [None, "yes", []], ids=repr)
def test_keep_alive_must_be_a_flag_or_a_number(value: Any) -> None:
    assert "True" in refusal("keep_alive", value, TypeError), "it does not say that True is expected too"


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [1, 10_000, 10**9, None])
def test_a_limit_is_a_number_or_none(name: str, value: int | None) -> None:
    assert getattr(made(**{name: value})[1], name) == value


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_must_be_at_least_one(name: str, value: int) -> None:
    assert "1 or more" in refusal(name, value, ValueError)


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", ["10", 1.5, True, []], ids=repr)
def test_a_limit_must_be_a_whole_number(name: str, value: Any) -> None:
    assert "whole number" in refusal(name, value, TypeError)


@pytest.mark.parametrize("name", SPEEDS)
@pytest.mark.parametrize(
    ("value", "speed"), [(240, (240.0, 5.0)), ((0.5, 60), (0.5, 60.0)), ([100, 0.5], (100.0, 0.5)), (None, None)]
)
def test_a_speed_is_bytes_a_second_over_a_window(name: str, value: Any, speed: Any) -> None:
    assert getattr(made(**{name: value})[0], name) == speed


@pytest.mark.parametrize("name", SPEEDS)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, (240, 0), (240, -5), (240, math.nan), (0, 5)], ids=repr)
def test_a_speed_and_its_window_must_be_more_than_zero(name: str, value: Any) -> None:
    assert "like (240, 5)" in refusal(name, value, ValueError)


@pytest.mark.parametrize("name", SPEEDS)
@pytest.mark.parametrize("value", ["240", True, (), (1,), (1, 2, 3), ("1", 2), (1, None)], ids=repr)
def test_a_speed_and_its_window_must_be_numbers(name: str, value: Any) -> None:
    refusal(name, value, TypeError)


@pytest.mark.parametrize("value", [(1_000_000, 30), [0, 0.5], None])
def test_a_slow_reader_is_bytes_and_seconds(value: Any) -> None:
    found = made(slow_reader=value)[0].slow_reader
    assert found == (None if value is None else tuple(value))


@pytest.mark.parametrize("value", [(-1, 5), (100, 0), (100, -5), (100, math.nan), (100, math.inf)], ids=repr)
def test_a_slow_reader_must_make_sense(value: Any) -> None:
    assert "like (1000000, 30)" in refusal("slow_reader", value, ValueError)


@pytest.mark.parametrize("value", [100, "1", (), (1,), (1, 2, 3), (1.5, 2), (True, 2), (1, "2")], ids=repr)
def test_a_slow_reader_must_be_two_numbers_the_first_a_whole_one(value: Any) -> None:
    refusal("slow_reader", value, TypeError)


@pytest.mark.parametrize(
    ("given", "guarded", "paced"),
    [
        ({"idle_timeout": 5}, False, False),
        ({"max_lifetime": 5}, True, False),
        ({"jitter": 5}, True, False),
        ({"slow_reader": (5, 5)}, True, True),
        ({"min_write_rate": 5}, True, True),
    ],
)
def test_what_is_off_is_known_to_be_off(given: dict[str, Any], guarded: bool, paced: bool) -> None:
    settings = made(**given)[0]
    assert (settings.guarded, settings.paced) == (guarded, paced)


@pytest.mark.parametrize(
    ("value", "rate"),
    [(100, (100.0, 100)), (0.1, (0.1, 1)), (2.5, (2.5, 3)), ((100, 5), (100.0, 5)), ([0.5, 1], (0.5, 1)), (None, None)],
)
def test_a_rate_of_accepts_is_a_number_or_a_pair_with_a_burst(value: Any, rate: Any) -> None:
    assert made(accept_rate=value)[1].accept_rate == rate


@pytest.mark.parametrize(
    "value", [0, -1, math.nan, math.inf, 10**400, (0, 5), (math.nan, 5), (5, 0), (5, -1), (-5, 5)], ids=repr
)
def test_a_rate_and_a_burst_must_let_somebody_in(value: Any) -> None:
    refusal("accept_rate", value, ValueError)


@pytest.mark.parametrize("value", ["100", True, (), (1,), (1, 2, 3), (1, 2.5), (1, True), ("1", 2), {1: 2}], ids=repr)
def test_a_rate_must_be_a_number_and_a_burst_a_whole_one(value: Any) -> None:
    refusal("accept_rate", value, TypeError)


@pytest.mark.parametrize(("name", "words"), [("on_idle", ["close", "reset"]), ("when_full", ["drop", "reset", "wait"])])
def test_a_policy_is_one_of_its_words(name: str, words: list[str]) -> None:
    for word in words:
        connection, server = made(**{name: word})
        assert getattr(connection if name == "on_idle" else server, name) == word
    for value in ("RESET", "", "destroy", None, 1, b"reset", ["reset"]):
        text = refusal(name, value, (TypeError, ValueError))
        assert all(repr(word) in text for word in words)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "value", [["10.0.0.0/8"], ("10.0.0.0/8",), [ipaddress.ip_network("10.0.0.0/8")], {"10.0.0.0/8"}], ids=repr
)
def test_a_list_is_any_collection_of_networks(name: str, value: Any) -> None:
    assert getattr(made(**{name: value})[1], name) == (ipaddress.ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_both_families_and_single_addresses(name: str) -> None:
    networks = getattr(made(**{name: ["192.0.2.1", "2001:db8::/32"]})[1], name)
    assert list(map(str, networks)) == ["192.0.2.1/32", "2001:db8::/32"]


@pytest.mark.parametrize("name", LISTS)
def test_none_switches_a_list_off(name: str) -> None:
    assert getattr(made(**{name: None})[1], name) == ()


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("value", ["10.0.0.0/8", 5, True], ids=repr)
def test_a_list_must_be_a_list(name: str, value: Any) -> None:
    assert "list of networks" in refusal(name, value, TypeError)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("entry", ["nonsense", "10.0.0.1/8", "10.0.0.0/33", "300.0.0.1", ""], ids=repr)
def test_a_list_refuses_what_is_no_network_and_shows_it(name: str, entry: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be a list of networks like '10\.0\.0\.0/8'") as caught:
        made(**{name: ["192.0.2.0/24", entry]})
    assert entry in str(caught.value)


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("entry", [5, True, 1.5, None, b"\x0a\x00\x00\x01"], ids=repr)
def test_a_list_refuses_entries_that_are_no_text(name: str, entry: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must be a list of networks"):
        made(**{name: [entry]})


@pytest.mark.parametrize("name", LISTS)
def test_bytes_are_no_list_of_networks(name: str) -> None:
    refusal(name, b"10.0.0.0/8", TypeError)


@pytest.mark.parametrize("name", ["idle_timout", "timeout", "highWater", "port", "connect_timeout"])
def test_an_unknown_setting_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(TypeError) as caught:
        made(**{name: 5})
    text = str(caught.value)
    assert repr(name) in text
    assert all(known in text for known in DEFAULTS)


@pytest.mark.parametrize(
    ("name", "meant"), [("idle_timout", "idle_timeout"), ("nodelay", "no_delay"), ("max_connection", "max_connections")]
)
def test_a_misspelt_setting_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(TypeError, match=rf"unknown setting '{name}': .* \(did you mean '{meant}'\?\)$"):
        made(**{name: 5})


def test_settings_cannot_be_changed_in_place() -> None:
    connection, server = made()
    with pytest.raises(AttributeError):
        connection.idle_timeout = 5
    with pytest.raises(AttributeError):
        server.max_connections = 5


@pytest.mark.parametrize(("name", "value"), [("idle_timeout", -1), ("low_water", 10**9), ("on_idle", "x")])
def test_a_change_is_checked_as_the_first_value_was(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=name):
        Settings().replaced(name, value)
