"""Settings of a server: keyword arguments, then attributes; for later connections, limits at once. Which values they
take and what they are by default is in `tests/unit/test_settings.py`.
"""

from __future__ import annotations

from typing import Any

import pytest

from reactor import Connection, Reactor, Server
from reactor.net.settings import SERVER_SETTINGS, ServerSettings, Settings, split
from tests.support.settings import OTHER as OF_CONNECTIONS

OTHER = OF_CONNECTIONS | {
    "pause_on_connect": True,
    "no_delay": False,
    "keep_alive": 45.0,
    "max_connections": 7,
    "when_full": "wait",
}


def default(name: str) -> Any:
    return getattr(split({}, ServerSettings)[name in SERVER_SETTINGS], name)


@pytest.mark.parametrize("name", [*Settings.FIELDS, *ServerSettings.FIELDS])
def test_every_setting_is_an_attribute_with_its_default(loop: Reactor, name: str) -> None:
    assert getattr(Server(loop), name) == default(name)


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_is_a_keyword_argument_and_may_be_changed_while_the_server_runs(h: Any, name: str) -> None:
    assert getattr(Server(h.loop, **{name: OTHER[name]}), name) == OTHER[name] != default(name)
    setattr(h.server, name, OTHER[name])
    assert getattr(h.server, name) == OTHER[name]


@pytest.mark.parametrize("name", OF_CONNECTIONS)
def test_a_connection_has_the_settings_that_the_server_had_when_it_opened(h: Any, name: str) -> None:
    _, before = h.connect()
    setattr(h.server, name, OTHER[name])
    _, after = h.connect()
    assert (getattr(before, name), getattr(after, name)) == (default(name), OTHER[name])


def test_on_connection_is_a_listener_of_connection(harness: Any) -> None:
    met: list[Connection] = []
    h = harness(on_connection=met.append)
    _, first = h.connect()
    h.server.off("connection", met.append)
    h.connect()
    assert met == [first]
