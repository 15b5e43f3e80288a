"""Assigning to an attribute that a server or a connection does not have is an error that names the one that was meant;
of a connection in debug mode, and where Python itself does it (3.13).
"""

from __future__ import annotations

import sys
import traceback

import pytest

from reactor import Connection, Reactor, Server, connect


def failure(conn: Connection) -> str:
    """What a program's traceback shows."""
    with pytest.raises(AttributeError) as caught:
        conn.idle_timeot = 5  # type: ignore[attr-defined]
    return "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("debug", [False, True])
def test_a_misspelt_setting_of_a_connection_is_an_error(debug: bool) -> None:
    with Reactor(debug=debug) as loop:
        text = failure(connect(loop, "127.0.0.1", 9))
    assert "has no attribute 'idle_timeot'" in text


@pytest.mark.parametrize("debug", [False, True])
def test_the_error_names_the_setting_that_was_meant(debug: bool) -> None:
    if not debug and sys.version_info < (3, 13):
        pytest.skip("before Python 3.13 only debug mode names it")
    with Reactor(debug=debug) as loop:
        text = failure(connect(loop, "127.0.0.1", 9))
    assert "id you mean" in text
    assert "idle_timeout" in text


@pytest.mark.parametrize(("name", "meant"), [("idle_timeot", "idle_timeout"), ("max_conections", "max_connections")])
def test_a_misspelt_setting_of_a_server_is_refused_with_the_one_that_was_meant(
    loop: Reactor, name: str, meant: str
) -> None:
    text = f"^'Server' object has no attribute '{name}' .did you mean '{meant}'.."
    with pytest.raises(AttributeError, match=text):
        setattr(Server(loop), name, 5)


def test_what_can_only_be_asked_of_a_server_cannot_be_set(loop: Reactor) -> None:
    with pytest.raises(AttributeError, match="listening"):
        Server(loop).listening = True  # type: ignore[misc]
