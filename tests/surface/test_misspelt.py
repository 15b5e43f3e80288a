"""Assigning to an attribute that a connection does not have is an error, and names the one that was meant: in debug
mode on every Python, otherwise where Python itself does (3.13).
"""

from __future__ import annotations

import sys
import traceback

import pytest

from reactor import Connection, Reactor, connect


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
