"""The two examples that speak a protocol, however their input is cut up, too long or wrong."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reactor import CloseReport, Reactor, Reason, Server
from reactor.testing import Peer, pump
from tests.support.programs import ROOT, example

http10, resp = example("http10"), example("resp")


class Talk:
    """A server of one of the examples on a loop, and what raw clients hear from it."""

    def __init__(self, loop: Reactor, module: Any) -> None:
        self.loop = loop
        self.server = Server(loop)
        for event in ("data", "drain") if module is resp else ("data",):
            self.server.on(event, module.hear)
        self.server.on("close", lambda conn, report: self.reports.append(report))
        self.reports: list[CloseReport] = []
        self.address = self.server.listen("127.0.0.1", 0)

    def hears(self, *pieces: bytes) -> tuple[bytes, str]:
        """What one hears that sends these pieces, each when the one before was read, and then ends its half."""
        read, ended = 0, len(self.reports)
        with Peer(self.address) as peer:
            pump(self.loop, lambda: self.server.connections)
            (conn,) = self.server.connections
            for piece in pieces:
                peer.send(piece)
                read += len(piece)
                pump(self.loop, lambda: conn.bytes_read == read)  # noqa: B023 - called at once
            peer.end()
            pump(self.loop, lambda: len(self.reports) > ended)
            return peer.receive_all()

    def hears_late(self, upload: bytes) -> tuple[bytes, str]:
        """What one hears that begins to read when it has sent everything."""

        def talk() -> tuple[bytes, str]:
            with Peer(self.address) as peer:
                peer.send(upload)
                peer.end()
                return peer.receive_all()

        with ThreadPoolExecutor(1) as pool:
            client = pool.submit(talk)
            pump(self.loop, client.done)
        return client.result()


@pytest.fixture
def http(loop: Reactor) -> Talk:
    return Talk(loop, http10)


@pytest.fixture
def redis(loop: Reactor) -> Talk:
    resp.STORE.clear()
    return Talk(loop, resp)


# http10


def status(answer: tuple[bytes, str]) -> int:
    """Of an answer that arrived whole, and FIN after it."""
    heard, outcome = answer
    head, _, page = heard.partition(b"\r\n\r\n")
    assert head.endswith(b"Content-Length: %d" % len(page)), heard
    assert outcome == "FIN"
    return int(head.split()[1])


def head_of(size: int) -> bytes:
    """A request's head of so many bytes, blank line and all."""
    begin, end = b"GET / HTTP/1.0\r\nx: ", b"\r\n\r\n"
    return begin + b"x" * (size - len(begin) - len(end)) + end


def post(size: int, come: int | None = None) -> bytes:
    """A POST that announces `size` bytes, of which some come."""
    return b"POST /x HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % size + bytes(size if come is None else come)


def test_the_http_example_has_at_most_40_lines() -> None:
    assert len((ROOT / "examples" / "http10.py").read_text().splitlines()) <= 40


def test_a_request_is_answered_in_the_same_way_wherever_it_is_cut(http: Talk) -> None:
    request = post(5)
    whole = http.hears(request)
    assert whole[0].endswith(b"/x with 5 bytes: OK\n")
    for cut in range(1, len(request)):
        assert http.hears(request[:cut], request[cut:]) == whole, cut
    assert http.hears(*(request[n : n + 1] for n in range(len(request)))) == whole


def test_an_upload_is_answered_when_all_of_it_has_come(http: Talk) -> None:
    with Peer(http.address) as peer:
        peer.send(post(1000, come=999))
        pump(http.loop, lambda: [conn for conn in http.server.connections if conn.bytes_read == len(post(1000, 999))])
        assert peer.nothing_comes()
        peer.send(b"x")
        pump(http.loop, lambda: not peer.nothing_comes())
        assert peer.receive(12) == b"HTTP/1.0 200"


@pytest.mark.parametrize("over", [0, 1])
def test_an_upload_up_to_the_limit_is_taken_and_one_above_it_refused(http: Talk, over: int) -> None:
    assert status(http.hears_late(post(http10.LARGEST_BODY + over))) == (413 if over else 200)


def test_an_upload_that_is_too_large_is_refused_before_any_of_it_has_come(http: Talk) -> None:
    assert status(http.hears(post(http10.LARGEST_BODY + 1, come=0))) == 413


@pytest.mark.parametrize("over", [0, 1])
def test_a_head_up_to_the_limit_is_taken_and_one_above_it_refused_wherever_it_is_cut(http: Talk, over: int) -> None:
    head = head_of(http10.LONGEST_HEAD + over)
    for pieces in ([head], [head[:-1], head[-1:]], [head[:-3], head[-3:]], [head[:100], head[100:]]):
        assert status(http.hears(*pieces)) == (400 if over else 200)


def test_a_head_without_end_is_refused_while_it_comes(http: Talk) -> None:
    assert status(http.hears_late(b"GET / HTTP/1.0\r\nx: " + b"x" * 5_000_000)) == 400


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET http://elsewhere/ HTTP/1.0\r\n\r\n",
        b"DELETE / HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.0\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.0\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        bytes(range(256)) + b"\r\n\r\n",
    ],
    ids=lambda request: repr(request[:50]),
)
def test_what_is_no_request_is_answered_with_400(http: Talk, request_: bytes) -> None:
    assert status(http.hears(request_)) == 400


def test_the_head_of_an_answer_comes_without_the_page(http: Talk) -> None:
    head, outcome = http.hears(b"HEAD /none HTTP/1.0\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 404 Not Found\r\n")
    assert (head[-4:], outcome) == (b"\r\n\r\n", "FIN")


def test_a_second_request_on_a_connection_is_dropped(http: Talk) -> None:
    heard, outcome = http.hears(b"GET / HTTP/1.0\r\n\r\n" * 2)
    assert (heard.count(b"HTTP/1.0 200"), outcome) == (1, "FIN")


def test_one_that_leaves_in_the_middle_of_a_request_gets_no_answer(http: Talk) -> None:
    assert http.hears(b"GET / HT") == (b"", "FIN")
    assert http.hears(post(1000, come=10)) == (b"", "FIN")


# resp


def words(*of_a_command: bytes) -> bytes:
    """A command as programs send it."""
    return b"*%d\r\n" % len(of_a_command) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in of_a_command)


BINARY = b"\r\n*3\r\n$1\r\n\x00\xff"
PIPELINE = [
    (words(b"PING"), b"+PONG\r\n"),
    (words(b"set", b"key", BINARY), b"+OK\r\n"),
    (words(b"GET", b"key"), b"$%d\r\n%b\r\n" % (len(BINARY), BINARY)),
    (words(b"GET", b""), b"$-1\r\n"),
    (words(b"SET", b"", b""), b"+OK\r\n"),
    (words(b"GET", b""), b"$0\r\n\r\n"),
    (words(), b""),
    (b"PING\r\n", b"+PONG\r\n"),
    (b"\r\n", b""),
    (b"  get   missing \n", b"$-1\r\n"),
]
COMMANDS, ANSWERS = (b"".join(parts) for parts in zip(*PIPELINE, strict=True))


def test_a_pipeline_is_answered_in_order(redis: Talk) -> None:
    assert redis.hears(COMMANDS) == (ANSWERS, "FIN")


def test_a_pipeline_is_answered_in_the_same_way_wherever_it_is_cut(redis: Talk) -> None:
    for cut in range(1, len(COMMANDS)):
        resp.STORE.clear()
        assert redis.hears(COMMANDS[:cut], COMMANDS[cut:]) == (ANSWERS, "FIN"), cut
    resp.STORE.clear()
    assert redis.hears(*(COMMANDS[n : n + 1] for n in range(len(COMMANDS)))) == (ANSWERS, "FIN")


def test_a_value_is_given_back_as_it_was_up_to_the_limit(redis: Talk) -> None:
    value = random.Random(4).randbytes(resp.SIZES.stop - 1)
    heard, outcome = redis.hears_late(words(b"SET", b"k", value) + words(b"GET", b"k"))
    assert (heard[:5], outcome) == (b"+OK\r\n", "FIN")
    assert heard[5:] == b"$%d\r\n%b\r\n" % (len(value), value)


@pytest.mark.parametrize(
    "command", [words(b"FLUSHALL"), words(b"GET"), words(b"SET", b"k"), words(b"\r\n"), b"nothing\n"]
)
def test_what_is_no_command_gets_an_error_and_the_next_one_its_answer(redis: Talk, command: bytes) -> None:
    heard, outcome = redis.hears(command + words(b"PING"))
    error, *rest = heard.split(b"\r\n")
    assert error.startswith(b"-ERR no such command")
    assert (rest, outcome) == ([b"+PONG", b""], "FIN")


@pytest.mark.parametrize(
    "wrong",
    [
        b"*x\r\n",
        b"*-1\r\n",
        b"*17\r\n",
        b"*" + b"9" * 5000 + b"\r\n",
        b"*1\r\n4\r\nPING\r\n",
        b"*1\r\n*1\r\n$4\r\nPING\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$1048577\r\n",
        b"*1\r\n$four\r\nPING\r\n",
    ],
    ids=lambda wrong: repr(wrong[:30]),
)
def test_a_protocol_error_is_answered_after_what_came_before_it_though_more_is_coming(
    redis: Talk, wrong: bytes
) -> None:
    heard = redis.hears_late(words(b"PING") + wrong + words(b"PING") * 100_000)
    assert heard == (b"+PONG\r\n-ERR Protocol error\r\n", "FIN")


@pytest.mark.parametrize("begin", [b"", b"*1\r\n$"])
def test_a_line_without_end_is_refused_while_it_comes(redis: Talk, begin: bytes) -> None:
    assert redis.hears_late(begin + b"1" * 10_000_000) == (b"-ERR Protocol error\r\n", "FIN")


def test_one_that_asks_for_much_and_reads_late_gets_it_all_and_fills_no_memory(redis: Talk) -> None:
    value, times = bytes(resp.SIZES.stop - 1), 100  # more in all than `buffer_limit`
    resp.STORE[b"k"] = value
    pending: set[int] = set()

    def talk() -> int:
        with Peer(redis.address) as peer:
            peer.send(words(b"GET", b"k") * times)
            peer.end()
            return len(peer.receive_all()[0])

    def look() -> None:
        pending.update(conn.pending_bytes for conn in redis.server.connections)

    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(talk)
        pump(redis.loop, lambda: look() or client.done())
    assert client.result() == times * len(resp.answer(b"GET", b"k"))
    assert max(pending) <= 2 * len(value)
    pump(redis.loop, lambda: redis.reports)
    assert (redis.reports[0].reason, redis.reports[0].clean) == (Reason.PEER_ENDED, True)
