"""`read_timeout` alone: what it is sent does not keep a client, and while the program pauses it nothing is expected."""

from __future__ import annotations

import pytest

from reactor import Reason
from tests.support.scene import Scenes


def test_pushing_to_a_silent_client_does_not_keep_it(scene: Scenes) -> None:
    s = scene(read_timeout=60)
    for _ in range(5):
        s.conn.write(b"news")
        s.arrived()
        s.pass_time(10)
    assert s.conn.state == "open"
    s.pass_time(10)
    assert s.closed().reason is Reason.READ_TIMEOUT
    assert s.peer.receive_all() == (b"news" * 5, "FIN")


@pytest.mark.parametrize("name", ["read_timeout", "first_byte_timeout"])
def test_it_does_not_run_while_the_program_has_paused_the_connection_and_starts_anew_after(
    name: str, scene: Scenes
) -> None:
    s = scene(**{name: 60})
    s.conn.pause()
    s.pass_time(600, step=30)
    assert s.conn.state == "open"
    assert s.names() == []
    s.conn.resume()
    assert s.cut_after(60).reason is Reason[name.upper()]
