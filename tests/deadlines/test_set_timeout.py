"""`set_timeout`, which is Node's: it tells of a silence once, and closes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reactor import Connection
from tests.support.scene import Scene, Scenes


def tells_after(s: Scene, seconds: float, times: int = 1) -> None:
    """`timeout` comes after `seconds`, and not a quarter of a second before; then it has come `times` times."""
    s.jump(seconds - 0.25)
    assert s.kinds() == [None] * (times - 1)
    s.clock.advance(0.25)
    s.turns(2)
    assert s.kinds() == [None] * times


def test_it_emits_once_per_silence_and_closes_nothing(scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    s.pass_time(600, step=10)
    assert s.kinds() == [None]
    assert s.conn.state == "open"
    assert s.peer.nothing_comes()


@pytest.mark.parametrize("move", [lambda s: s.peer_says(b"x"), lambda s: s.conn.write(b"x")], ids=["read", "written"])
def test_a_byte_starts_it_anew(move: Callable[[Scene], object], scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    s.pass_time(50, step=10)
    move(s)
    tells_after(s, 60)


def test_touch_is_no_traffic(scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    for _ in range(12):
        s.pass_time(10, step=10)
        s.conn.touch()
    assert s.kinds() == [None]


def test_the_listener_is_called_once(scene: Scenes) -> None:
    s = scene()
    told: list[tuple[Connection, object]] = []
    s.conn.set_timeout(60, lambda *args: told.append(args))
    s.pass_time(60, step=10)
    s.peer_says(b"x")
    s.pass_time(60, step=10)
    assert s.kinds() == [None, None]
    assert told == [(s.conn, None)]


@pytest.mark.parametrize("off", [0, None])
def test_zero_and_none_disarm_it(off: int | None, scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    s.pass_time(50, step=10)
    s.conn.set_timeout(off)
    s.pass_time(600, step=10)
    assert s.kinds() == []


def test_disarming_adds_no_listener(scene: Scenes) -> None:
    s = scene(idle_timeout=60)
    heard: list[object] = []
    s.conn.set_timeout(0, lambda conn, kind: heard.append(kind))
    s.jump(60)
    assert heard == []


def test_a_second_call_replaces_the_first(scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    s.conn.set_timeout(90)
    tells_after(s, 90)


def test_it_may_be_set_again_by_its_own_listener(scene: Scenes) -> None:
    s = scene()
    s.conn.on("timeout", lambda conn, kind: conn.set_timeout(30))
    s.conn.set_timeout(60)
    tells_after(s, 60)
    tells_after(s, 30, times=2)


def test_it_runs_on_while_our_half_has_ended(scene: Scenes) -> None:
    s = scene(linger_timeout=None)
    s.conn.set_timeout(60)
    s.end()  # the FIN is traffic, too
    s.pass_time(60)
    assert s.kinds() == [None]
    assert s.conn.state == "read_only"


def test_nothing_is_told_after_the_close(scene: Scenes) -> None:
    s = scene()
    s.conn.set_timeout(60)
    s.conn.destroy()
    s.closed()
    s.conn.set_timeout(5)
    s.pass_time(120, step=10)
    assert s.names() == ["close"]
    assert s.loop.statistics().timers == 0
