"""curl against `examples/http10.py`, redis-cli and redis-benchmark against `examples/resp.py`.

Each server runs as a reader would run it, is used by all its tests, and stops in order, with no traceback.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from reactor import Connection, Server
from tests.support.programs import ROOT, running
from tests.support.tools import hosted, needs, run

MIB = 1 << 20
TOO_LARGE = 20_000_000  # bytes, for the example


def serve_example(name: str) -> Iterator[tuple[str, int]]:
    with running(str(ROOT / "examples" / f"{name}.py"), "0") as program:
        yield program.address()
        program.ask_to_stop()
        assert program.finish()[0] == 0


# curl


@pytest.fixture(scope="module")
def http() -> Iterator[str]:
    """Where the HTTP example serves."""
    for address in serve_example("http10"):
        yield "http://{}:{}".format(*address)


def curl(*arguments: str, sends: bytes = b"", status: int = 0) -> bytes:
    """What it prints; of a user's settings and proxies it knows nothing."""
    return run("curl", "-q", "-sS", "--noproxy", "*", *arguments, sends=sends, status=status)


@pytest.fixture
def upload(tmp_path: Path) -> str:
    """A file larger than the example takes."""
    path = tmp_path / "upload"
    path.write_bytes(bytes(TOO_LARGE))
    return str(path)


@needs("curl")
def test_curl_gets_a_page_with_its_head(http: str) -> None:
    head, _, page = curl("-i", f"{http}/").partition(b"\r\n\r\n")
    assert head.splitlines() == [b"HTTP/1.0 200 OK", b"Content-Type: text/plain", b"Content-Length: 19"]
    assert page == b"/ with 0 bytes: OK\n"


@needs("curl")
def test_curl_gets_the_head_alone_if_it_asks_for_that(http: str) -> None:
    assert curl("-I", f"{http}/").endswith(b"Content-Length: 19\r\n\r\n")


@needs("curl")
@pytest.mark.parametrize("version", ["--http1.0", "--http1.1"])
def test_curl_uploads_and_is_told_how_much_came(http: str, version: str) -> None:
    assert curl(version, "--data", "hello", f"{http}/here") == b"/here with 5 bytes: OK\n"
    sends = random.Random(1).randbytes(900_000)
    assert curl(version, "--data-binary", "@-", f"{http}/here", sends=sends) == b"/here with 900000 bytes: OK\n"


@needs("curl")
def test_curl_is_told_what_is_not_there(http: str) -> None:
    assert curl("-w", "%{http_code}", f"{http}/none") == b"/none with 0 bytes: Not Found\n404"


@needs("curl")
@pytest.mark.parametrize("pace", [(), ("--limit-rate", "50M")], ids=["at once", "at a pace"])
def test_curl_gets_a_whole_refusal_while_it_is_still_uploading(http: str, upload: str, pace: tuple[str, ...]) -> None:
    phrase = HTTPStatus(413).phrase  # another one since Python 3.13
    for _ in range(10):
        told = curl("--http1.0", *pace, "-w", "%{http_code} %{size_upload}", "-T", upload, f"{http}/")
        page, _, rest = told.partition(b"\n")
        code, sent = rest.split()
        assert (page, code) == (f"/upload with {TOO_LARGE} bytes: {phrase}".encode(), b"413")
        assert int(sent) < TOO_LARGE, "it was refused too late to show anything"


@needs("curl")
def test_curl_is_refused_before_it_uploads_if_it_asks_first(http: str, upload: str) -> None:
    told = curl("--http1.1", "-w", "%{http_code} %{size_upload}", "-T", upload, f"{http}/")
    assert told.endswith(b"413 0"), "by its own rule it waits for `100 Continue` before a body of so much"


@needs("curl")
def test_curl_is_told_that_an_upload_of_unknown_size_is_no_http_1_0(http: str) -> None:
    assert curl("--http1.1", "-w", "%{http_code}", "-T", "-", f"{http}/here", sends=bytes(MIB)).endswith(b"400")


@needs("curl")
def test_curl_is_told_that_its_head_is_too_long(http: str) -> None:
    assert curl("-w", "%{http_code}", "-H", "x: " + "x" * 100_000, f"{http}/").endswith(b"400")


@needs("curl")
def test_curl_gets_a_refusal_of_a_megabyte_whole_though_it_reads_slowly(upload: str) -> None:
    page = random.Random(2).randbytes(MIB)
    answer = b"HTTP/1.0 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(page) + page

    def say_it(conn: Connection, data: bytes) -> None:
        conn.write(answer)
        conn.destroy_soon()

    def refuse(server: Server) -> None:
        server.on("data", say_it)

    with hosted(refuse) as server:
        host, port = server.address
        assert curl("--http1.0", "--limit-rate", "4M", "-T", upload, f"http://{host}:{port}/") == page
        assert server.report().clean


# redis-cli and redis-benchmark


@pytest.fixture(scope="module")
def resp() -> Iterator[tuple[str, ...]]:
    """What tells Redis' programs where the RESP example serves."""
    for host, port in serve_example("resp"):
        yield "-h", host, "-p", str(port)


@needs("redis-cli")
def test_redis_cli_gets_what_it_has_set(resp: tuple[str, ...]) -> None:
    assert run("redis-cli", *resp, "ping") == b"PONG\n"
    assert run("redis-cli", *resp, "set", "colour", "blue") == b"OK\n"
    assert run("redis-cli", *resp, "get", "colour") == b"blue\n"
    assert run("redis-cli", *resp, "get", "sound") == b"\n"


@needs("redis-cli")
def test_redis_cli_gets_a_large_binary_value_back_as_it_was(resp: tuple[str, ...]) -> None:
    value = random.Random(3).randbytes(1_000_000)
    assert run("redis-cli", *resp, "-x", "set", "noise", sends=value) == b"OK\n"
    assert run("redis-cli", *resp, "get", "noise") == value + b"\n"


@needs("redis-cli")
def test_redis_cli_is_told_of_a_command_that_does_not_exist_and_goes_on(resp: tuple[str, ...]) -> None:
    told = run("redis-cli", *resp, sends=b"flushall\nping\n").splitlines()
    assert told[0].startswith(b"ERR no such command")
    assert told[-1] == b"PONG"


@needs("redis-benchmark")
@pytest.mark.parametrize(
    ("load", "size"),
    [("-n 3000", 3), ("-n 10000 -P 16", 3), ("-n 1000 -P 16", 20_000), ("-n 200 -P 100 -c 2", 100_000)],
)
def test_redis_benchmark_ends_with_every_request_answered(resp: tuple[str, ...], load: str, size: int) -> None:
    printed = run("redis-benchmark", *resp, *load.split(), "-d", str(size), "-t", "ping,set,get", "--csv", "-e")
    tests = [name for name, *_ in csv.reader(io.StringIO(printed.decode())) if name != "test"]
    assert [name.partition("_")[0] for name in tests] == ["PING", "PING", "SET", "GET"]
    assert len(run("redis-cli", *resp, "get", "key:__rand_int__")) == size + len("\n")
