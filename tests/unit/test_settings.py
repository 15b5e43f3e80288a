"""The settings of servers and connections: defaults, and the refusal of every bad value, which names the setting,
the value and what was expected.
"""

from __future__ import annotations

import ast
import ipaddress
import math
import pydoc
from itertools import product
from typing import Any

import pytest

from reactor import Connection, Server
from reactor.foreign import shown
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
WORDS = {"on_idle": ["close", "reset"], "when_full": ["drop", "reset", "wait"]}
FLAGS = ["allow_half_open", "pause_on_connect", "no_delay", "oob_inline"]

Kind = type[Exception] | tuple[type[Exception], ...]
DEFAULTS = {
    # closing.md, "Deadlines", "Memory" and "The server"; design.md, "Surface"
    "idle_timeout": None, "read_timeout": None, "write_timeout": 60.0, "linger_timeout": 30.0,
    "half_open_timeout": 600.0, "first_byte_timeout": None, "max_lifetime": None, "jitter": None, "on_idle": "close",
    "allow_half_open": False, "pause_on_connect": False, "no_delay": True, "keep_alive": False, "oob_inline": False,
    "high_water": 65_536, "low_water": None, "buffer_limit": 64 * 1024 * 1024, "slow_reader": None,
    "min_read_rate": None,
    "min_write_rate": None, "max_connections": None, "max_per_address": None, "accept_rate": None,
    "when_full": "drop", "block": (), "allow": (), "memory_limit": None, "give_up_idle": None,
}  # fmt: skip


def made(**given: Any) -> tuple[Settings, ServerSettings]:
    return split(given, ServerSettings)


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


NETWORK = ipaddress.ip_network("10.0.0.0/8")

# Of which settings, and what each of the values comes back as.
TAKEN: dict[str, tuple[list[str], list[tuple[Any, Any]]]] = {
    "a timeout is seconds or None": (TIMEOUTS, [(value, value) for value in (0.001, 1, 3600, None)]),
    "the low water mark may be left to the library": (["low_water"], [(None, None)]),
    "zero is a value for the high water mark": (["high_water"], [(0, 0)]),
    "and for the low one": (["low_water"], [(0, 0)]),
    "keep_alive is a flag": (["keep_alive"], [(True, True), (False, False)]),
    "or seconds": (["keep_alive"], [(1, 1.0), (7.5, 7.5), (7200, 7200.0)]),
    "a limit is a number or None": (COUNTS, [(value, value) for value in (1, 10_000, 10**9, None)]),
    "a speed is bytes a second over a window": (
        SPEEDS, [(240, (240.0, 5.0)), ((0.5, 60), (0.5, 60.0)), ([100, 0.5], (100.0, 0.5)), (None, None)],
    ),
    "a slow reader is bytes and seconds": (
        ["slow_reader"], [((1_000_000, 30), (1_000_000, 30)), ([0, 0.5], (0, 0.5)), (None, None)],
    ),
    "a rate of accepts is a number": (
        ["accept_rate"], [(100, (100.0, 100)), (0.1, (0.1, 1)), (2.5, (2.5, 3)), (None, None)],
    ),
    "or a pair with a burst": (["accept_rate"], [((100, 5), (100.0, 5)), ([0.5, 1], (0.5, 1))]),
    "on_idle is one of two words": (["on_idle"], [(word, word) for word in WORDS["on_idle"]]),
    "when_full is one of three": (["when_full"], [(word, word) for word in WORDS["when_full"]]),
    "a list is any collection of networks": (
        LISTS, [(kind([entry]), (NETWORK,)) for kind in (list, tuple, set) for entry in ("10.0.0.0/8", NETWORK)],
    ),
    "a list takes both families and single addresses": (
        LISTS,
        [(["192.0.2.1", "2001:db8::/32"], tuple(map(ipaddress.ip_network, ("192.0.2.1/32", "2001:db8::/32"))))],
    ),
    "None switches a list off": (LISTS, [(None, ())]),
}  # fmt: skip


@pytest.mark.parametrize("promise", TAKEN)
def test_what_makes_sense_is_taken(promise: str) -> None:
    names, values = TAKEN[promise]
    for name, (value, expected) in product(names, values):
        found = getattr(made(**{name: value})[name in SERVER_SETTINGS], name)
        assert (found, isinstance(found, bool)) == (expected, isinstance(expected, bool)), (name, value)


# Of which settings, which values, with what they are refused, and which words of what was expected are in it.
REFUSED: dict[str, tuple[list[str], list[Any], Kind, str]] = {
    "a timeout is a number": (
        TIMEOUTS, ["60", b"60", True, False, [], (), {}, 1j, object], TypeError, "number of seconds",
    ),
    "a timeout is more than zero and finite": (
        TIMEOUTS, [0, 0.0, -1, -0.5, math.inf, -math.inf, math.nan], ValueError, "more than 0 seconds and finite",
    ),
    "a size is not negative": (SIZES, [-1, -(10**9)], ValueError, "0 or more"),
    "a size is a whole number": (SIZES, ["64k", 65_536.0, True, [], math.inf], TypeError, "whole number"),
    "only the low water mark may be left out": (["high_water", "buffer_limit"], [None], TypeError, ""),
    "a flag is True or False": (FLAGS, [0, 1, None, "yes", "", []], TypeError, "True or False"),
    "keep_alive seconds are more than zero": (["keep_alive"], [0, -1, math.inf, math.nan], ValueError, "more than 0"),
    "keep_alive says that True is expected too": (["keep_alive"], [None, "yes", []], TypeError, "True"),
    "a limit is one at least": (COUNTS, [0, -1], ValueError, "1 or more"),
    "a limit is a whole number": (COUNTS, ["10", 1.5, True, []], TypeError, "whole number"),
    "a speed and its window are more than zero": (
        SPEEDS, [0, -1, math.nan, math.inf, (240, 0), (240, -5), (240, math.nan), (0, 5)], ValueError, "like (240, 5)",
    ),
    "a speed and its window are numbers": (
        SPEEDS, ["240", True, (), (1,), (1, 2, 3), ("1", 2), (1, None)], TypeError, "",
    ),
    "a slow reader makes sense": (
        ["slow_reader"], [(-1, 5), (100, 0), (100, -5), (100, math.nan), (100, math.inf)], ValueError,
        "like (1000000, 30)",
    ),
    "a slow reader is two numbers, the first a whole one": (
        ["slow_reader"], [100, "1", (), (1,), (1, 2, 3), (1.5, 2), (True, 2), (1, "2")], TypeError, "",
    ),
    "a rate and a burst let somebody in": (
        ["accept_rate"], [0, -1, math.nan, math.inf, 10**400, (0, 5), (math.nan, 5), (5, 0), (5, -1), (-5, 5)],
        ValueError, "",
    ),
    "a rate is a number and a burst a whole one": (
        ["accept_rate"], ["100", True, (), (1,), (1, 2, 3), (1, 2.5), (1, True), ("1", 2), {1: 2}], TypeError, "",
    ),
    "a list is a list": (LISTS, ["10.0.0.0/8", b"10.0.0.0/8", 5, True], TypeError, "list of networks"),
    **{
        f"{name} is one of its words": (
            [name], ["RESET", "", "destroy", None, 1, b"reset", ["reset"]], (TypeError, ValueError),
            ", ".join(map(repr, words)),
        )
        for name, words in WORDS.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("promise", REFUSED)
def test_what_makes_none_is_refused_with_its_name_its_value_and_what_was_expected(promise: str) -> None:
    names, values, kind, expected = REFUSED[promise]
    for name, value in product(names, values):
        with pytest.raises(kind) as caught:
            made(**{name: value})
        text = str(caught.value)
        assert text.startswith(f"{name} must be "), text
        assert shown(value) in text
        assert expected in text


@pytest.mark.parametrize("name", LISTS)
def test_a_list_refuses_what_is_no_network_and_shows_it(name: str) -> None:
    for entry in ("nonsense", "10.0.0.1/8", "10.0.0.0/33", "300.0.0.1", ""):
        with pytest.raises(ValueError, match=rf"^{name} must be a list of networks like '10\.0\.0\.0/8'") as caught:
            made(**{name: ["192.0.2.0/24", entry]})
        assert entry in str(caught.value)
    for strange in (5, True, 1.5, None, b"\x0a\x00\x00\x01"):
        with pytest.raises((TypeError, ValueError), match=rf"^{name} must be a list of networks"):
            made(**{name: [strange]})


@pytest.mark.parametrize(("high", "low"), [(0, 1), (100, 101), (65_536, 10**9)])
def test_the_low_water_mark_must_not_be_above_the_high_one(high: int, low: int) -> None:
    with pytest.raises(ValueError, match=rf"low_water must be at most high_water \({high}\), not {low}$"):
        made(high_water=high, low_water=low)


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ({}, 16_384), ({"high_water": 1000}, 250), ({"low_water": 7}, 7), ({"high_water": 100, "low_water": 100}, 100),
        ({"high_water": 0, "low_water": 0}, 0),
    ],
)  # fmt: skip
def test_drain_comes_at_the_low_water_mark_or_a_quarter_of_the_high_one(given: dict[str, int], at: int) -> None:
    assert made(**given)[0].drain_at == at


@pytest.mark.parametrize(
    ("given", "guarded", "paced"),
    [
        ({"idle_timeout": 5}, False, False), ({"max_lifetime": 5}, True, False), ({"jitter": 5}, True, False),
        ({"slow_reader": (5, 5)}, True, True), ({"min_write_rate": 5}, True, True),
    ],
)  # fmt: skip
def test_what_is_off_is_known_to_be_off(given: dict[str, Any], guarded: bool, paced: bool) -> None:
    settings = made(**given)[0]
    assert (settings.guarded, settings.paced) == (guarded, paced)


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
