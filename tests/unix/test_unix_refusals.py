"""What `listen(path=)` does not take, and what the system does not let it have."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reactor import Reactor, Server
from tests.support.unix import bound, is_served, make_stale, refusal, without_privileges


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where no file is yet; short, since sun_path is."""
    return str(tmp_path_factory.mktemp("u") / "s")


@pytest.fixture
def server(loop: Reactor) -> Server:
    """A server that greets, so that a client can tell that it was let in."""
    return Server(loop, lambda conn: conn.end(b"hi"))


# Arguments.


@pytest.mark.parametrize("other", [{"host": "127.0.0.1"}, {"port": 0}, {"fd": 0}])
def test_a_path_goes_with_no_other_place(server: Server, path: str, other: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="one of: host and port, path, sock, or fd"):
        server.listen(path=path, **other)
    assert not os.path.exists(path)


def test_a_path_and_a_socket_are_one_too_many(server: Server, path: str) -> None:
    with bound(path + "2", backlog=1) as sock, pytest.raises(TypeError, match="one of: host and port, path, sock, or"):
        server.listen(path=path, sock=sock)


@pytest.mark.parametrize("option", ["reuse_port", "ipv6_only"])
def test_options_of_tcp_do_not_go_with_a_path(server: Server, path: str, option: str) -> None:
    with pytest.raises(TypeError, match="reuse_port and ipv6_only go with host and port, not with path"):
        server.listen(path=path, **{option: True})


def test_a_mode_needs_a_path(server: Server) -> None:
    with pytest.raises(TypeError, match=f"mode must be None, not {0o600}"):
        server.listen("127.0.0.1", 0, mode=0o600)
    assert not server.listening


@pytest.mark.parametrize("mode", [0o1000, -1, 0o7777])
def test_a_mode_with_more_than_permissions_is_refused(server: Server, path: str, mode: int) -> None:
    with pytest.raises(ValueError, match="mode must be permission bits from 0 to 0o777"):
        server.listen(path=path, mode=mode)
    assert not os.path.exists(path)


def test_an_abstract_name_takes_no_mode(server: Server) -> None:
    with pytest.raises(ValueError, match="mode must be None with an abstract name"):
        server.listen(path="\0reactor test", mode=0o600)


def test_a_path_that_is_too_long_is_refused_before_anything_happens(server: Server, path: str) -> None:
    with pytest.raises(ValueError, match="path must be at most 107 bytes long, not 2"):
        server.listen(path=path + "x" * 200)
    assert os.listdir(os.path.dirname(path)) == []


def test_the_longest_path_is_served(loop: Reactor, server: Server, path: str) -> None:
    longest = path + "x" * (107 - len(path))
    server.listen(path=longest)
    assert is_served(loop, server, longest)
    server.close()
    assert not os.path.exists(longest)


# What the system refuses.


def test_an_error_names_call_code_and_path(server: Server, path: str) -> None:
    with bound(path, backlog=1):
        error = refusal(server, path, errno.EADDRINUSE)
    assert error.strerror == f"listen EADDRINUSE {path}"
    assert (error.syscall, error.address, error.port) == ("listen", path, None)


def test_a_directory_that_is_missing_is_enoent(server: Server, path: str) -> None:
    refusal(server, f"{path}/s", errno.ENOENT)


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


def test_a_working_directory_that_is_gone_is_enoent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    refusal(server, "s", errno.ENOENT)


def test_a_failed_listen_leaves_the_server_usable(loop: Reactor, server: Server, path: str) -> None:
    refusal(server, f"{path}/s", errno.ENOENT)
    server.listen(path=path)
    assert is_served(loop, server, path)
