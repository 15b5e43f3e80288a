"""What `listen(path=)` does not take, and what the system does not let it have."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Server, serve
from tests.support.unix import bound, is_served, make_stale, refusal, without_privileges

# Arguments.


ONE_OF = "one of: host and port, path, sock, or fd"
OF_TCP = "reuse_port and ipv6_only go with host and port, not with path"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"host": "127.0.0.1"}, ONE_OF),
        ({"port": 0}, ONE_OF),
        ({"fd": 0}, ONE_OF),
        ({"sock": socket.socket}, ONE_OF),
        ({"reuse_port": True}, OF_TCP),
        ({"ipv6_only": True}, OF_TCP),
        ({"mode": 0o1000}, "mode must be permission bits from 0 to 0o777"),
        ({"path": "\0reactor test", "mode": 0o600}, "mode must be None with an abstract name"),
        ({"path": None, "host": "127.0.0.1", "port": 0, "mode": 0o600}, f"mode must be None, not {0o600}"),
    ],
)
def test_what_does_not_go_with_a_path_is_refused(server: Server, path: str, options: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        server.listen(**({"path": path} | options))
    assert not server.listening
    assert not os.path.exists(path)


@pytest.mark.parametrize("other", [{"host": "127.0.0.1"}, {"port": 8080}])
def test_serve_takes_a_path_or_a_host_and_port(path: str, other: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="one of: host and port, path"):
        serve(lambda conn: None, path=path, **other)


def test_a_path_that_is_too_long_is_refused_before_anything_happens(server: Server, path: str) -> None:
    with pytest.raises(ValueError, match="path must be at most 107 bytes long, not 2"):
        server.listen(path=path + "x" * 200)
    assert os.listdir(os.path.dirname(path)) == []


def test_the_longest_path_is_served(server: Server, path: str) -> None:
    longest = path + "x" * (107 - len(path))
    server.listen(path=longest)
    assert is_served(server, longest)
    server.close()
    assert not os.path.exists(longest)


# What the system refuses.


def test_an_error_names_call_code_and_path(server: Server, path: str) -> None:
    with bound(path, backlog=1):
        error = refusal(server, path, errno.EADDRINUSE)
    assert error.strerror == f"listen EADDRINUSE {path}"
    assert (error.syscall, error.address, error.port) == ("listen", path, None)


def test_a_directory_that_is_none_is_enotdir(server: Server, path: str) -> None:
    Path(path).touch()
    refusal(server, f"{path}/s", errno.ENOTDIR)


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody can enter, unlike pytest's own, and nobody but root can write to."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        yield Path(folder)
        os.chmod(folder, 0o755)


def test_a_directory_that_may_not_be_written_to_is_eacces(server: Server, public: Path) -> None:
    with without_privileges():
        refusal(server, str(public / "s"), errno.EACCES)


def test_a_stale_file_that_may_not_be_removed_is_eacces_and_stays(server: Server, public: Path) -> None:
    public.chmod(0o755)
    path = str(public / "s")
    stale = make_stale(path)
    os.chmod(path, 0o777)
    public.chmod(0o555)
    with without_privileges():
        refusal(server, path, errno.EACCES)
    assert os.lstat(path).st_ino == stale


def test_a_socket_that_may_not_be_asked_counts_as_one_that_lives(server: Server, public: Path) -> None:
    public.chmod(0o777)
    path = str(public / "s")
    stale = make_stale(path)
    os.chmod(path, 0)
    with without_privileges():
        refusal(server, path, errno.EADDRINUSE)
    assert os.lstat(path).st_ino == stale


def test_a_missing_working_directory_is_enoent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    refusal(server, "s", errno.ENOENT)


def test_a_failed_listen_leaves_the_server_usable(server: Server, path: str) -> None:
    refusal(server, f"{path}/s", errno.ENOENT)
    server.listen(path=path)
    assert is_served(server, path)
