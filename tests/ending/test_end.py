"""`end()`: "I have said everything; I still listen." Everything pending, then FIN; what the peer says is heard.

And the deadline that one call of `end()` or `destroy_soon()` brings along.
"""

from __future__ import annotations

import pytest

from reactor import Reason
from tests.support.scene import MIB, MUCH, Scenes

both_ways = pytest.mark.parametrize("ending", ["end", "destroy_soon"])
STATES = {"end": "read_only", "destroy_soon": "closing"}
BYTES = bytes(range(256)) * (16 * 1024)


@both_ways
@pytest.mark.parametrize("written", [b"over", b""])
def test_fin_follows_what_was_written_and_the_connection_stays_until_the_peers_fin_was_read_too(
    ending: str, written: bytes, scene: Scenes
) -> None:
    s = scene()
    s.conn.write(written)
    getattr(s.conn, ending)()
    s.turns(50)
    assert s.peer.receive_all() == (written, "FIN")
    assert (s.conn.state, s.conn.fileno() >= 0, s.names()) == (STATES[ending], True, ["finish"])
    s.peer.end()
    report = s.closed()
    assert (report.reason, report.clean, s.conn.state) == (Reason.ENDED, True, "closed")
    assert s.names() == ["finish", "end", "close"]


@both_ways
def test_what_is_pending_after_the_peers_fin_is_drained_before_ours(ending: str, scene: Scenes) -> None:
    s = scene(allow_half_open=True)
    s.peer_ends()
    assert s.conn.state == "write_only"
    s.conn.write(bytes(MUCH))
    getattr(s.conn, ending)()
    assert s.conn.state == "closing"
    assert len(s.peer_reads()) == MUCH
    report = s.closed()
    assert (report.clean, report.reason) == (True, Reason.PEER_ENDED)
    assert s.names() == ["end", "finish", "close"]


def test_end_drains_megabytes_before_fin(scene: Scenes) -> None:
    s = scene()
    s.conn.write(BYTES)
    s.conn.end(b"last")
    assert s.peer_reads() == BYTES + b"last"
    assert (s.conn.bytes_written, s.conn.pending_bytes) == (4 * MIB + 4, 0)
    s.peer.end()
    report = s.closed()
    assert (report.clean, report.bytes_written) == (True, 4 * MIB + 4)


def test_end_in_the_connection_listener_is_the_smallest_server(scene: Scenes) -> None:
    s = scene(greet=lambda conn: conn.end(b"Goodbye\n"))
    s.turns()
    assert s.peer.receive_all() == (b"Goodbye\n", "FIN")
    s.peer.close()
    assert s.closed().clean


def test_what_the_peer_sends_after_our_end_still_arrives(scene: Scenes) -> None:
    s = scene()
    s.end(data=b"over")
    assert s.peer.receive_all() == (b"over", "FIN")
    for _ in range(20):
        s.peer_says(bytes(10_000))
    s.peer.send(b"and one more")
    s.peer.end()
    assert s.closed().clean
    assert s.data() == bytes(200_000) + b"and one more"
    assert s.names() == ["finish", "data", "end", "close"]


def test_end_while_paused_drains_and_sends_fin_and_holds_what_came(scene: Scenes) -> None:
    s = scene()
    s.conn.pause()
    s.peer.send(b"held")
    s.conn.end(b"over")
    s.turns()
    assert s.peer.receive_all() == (b"over", "FIN")
    assert (s.names(), s.conn.state) == (["finish"], "read_only")
    s.conn.resume()
    s.peer.end()
    s.closed()
    assert s.data() == b"held"


def test_end_inside_a_corked_block_sends_fin_after_the_block(scene: Scenes) -> None:
    s = scene()
    with s.conn.corked():
        s.conn.write(b"one ")
        s.conn.end(b"two")
        s.turns()
        assert s.peer.nothing_comes()
    s.turns()
    assert s.peer.receive_all() == (b"one two", "FIN")


def test_the_state_is_read_only_from_the_call_of_end_on(scene: Scenes) -> None:
    s = scene()
    s.conn.write(bytes(MUCH))
    assert s.conn.state == "open"
    s.conn.end()
    assert (s.conn.state, s.conn.pending_bytes > 0) == ("read_only", True)
    s.conn.pause()
    assert s.conn.state == "read_only"
    s.conn.resume()
    s.peer_reads()
    assert s.conn.state == "read_only"
    seen: list[str] = []
    s.conn.on("end", lambda conn: seen.append(conn.state))
    s.conn.on("close", lambda conn, report: seen.append(conn.state))
    s.peer.end()
    s.closed()
    assert seen == ["closing", "closed"]


# The deadline that one call brings along. The peer has little room, reads nothing, and much is pending.


@both_ways
@pytest.mark.parametrize("timeout", [5, 0])
def test_a_timeout_resets_what_is_left_of_the_ending(timeout: int, ending: str, scene: Scenes) -> None:
    s = scene(receive_buffer=65536)
    s.bring_to("pending")
    getattr(s.conn, ending)(timeout=timeout)
    assert not s.conn.report
    report = s.cut_after(timeout) if timeout else s.closed()
    assert (report.reason, report.phase, report.clean, report.error) == (Reason.END_TIMEOUT, "draining", False, None)
    assert report.bytes_written + report.bytes_unsent == MUCH
    assert s.peer.outcome() == "ECONNRESET"
    assert s.names() == ["close"]


@both_ways
def test_the_timeout_bounds_the_wait_for_the_peers_fin_too(ending: str, scene: Scenes) -> None:
    s = scene(linger_timeout=30)
    getattr(s.conn, ending)(timeout=5)
    s.jump(4)
    assert s.peer.receive_all() == (b"", "FIN")
    s.peer.send(b"still talking")
    report = s.cut_after(1)
    assert (report.reason, report.phase, report.clean) == (Reason.END_TIMEOUT, "lingering", False)


@pytest.mark.parametrize("first", ["end", "destroy_soon"])
@pytest.mark.parametrize("second", ["end", "destroy_soon"])
@pytest.mark.parametrize("times", [(20, 3), (3, 20), (3, None)], ids=["shorter", "longer", "none"])
def test_a_later_call_may_shorten_the_deadline_and_never_lengthens_it(
    first: str, second: str, times: tuple[float, float | None], scene: Scenes
) -> None:
    s = scene(receive_buffer=65536)
    s.bring_to("pending")
    getattr(s.conn, first)(timeout=times[0])
    getattr(s.conn, second)(timeout=times[1])
    s.turns()
    getattr(s.conn, second)(timeout=times[1])
    assert s.cut_after(3).reason is Reason.END_TIMEOUT


def test_an_ending_that_is_done_in_time_is_not_cut(scene: Scenes) -> None:
    s = scene()
    s.end(data=b"over", timeout=5)
    s.peer.end()
    report = s.closed()
    s.jump(10)
    assert (report.reason, report.clean) == (Reason.ENDED, True)
    assert s.names() == ["finish", "end", "close"]
