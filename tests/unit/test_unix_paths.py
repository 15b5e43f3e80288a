"""What a path of a Unix socket may be, and what is said of one that cannot be."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from reactor.net.sockets import unix
from reactor.net.sockets.unix import check_mode, check_path, is_abstract

LONGEST = 107  # bytes; sun_path has 108 on Linux, and a NUL ends it (unix(7))


TAKEN: dict[str, list[tuple[Any, str]]] = {
    "text, bytes or path-like, which become text": [
        (path, "/run/x.sock") for path in ("/run/x.sock", b"/run/x.sock", Path("/run/x.sock"))
    ],
    "bytes that are no UTF-8, which survive there and back": [(b"/run/\xff\xfe", os.fsdecode(b"/run/\xff\xfe"))],
    "as long as the kernel takes": [("x" * LONGEST,) * 2],
    "an abstract name is a byte longer, for no NUL ends it": [("\0" + "x" * LONGEST,) * 2],
    "a NUL inside an abstract name is part of it": [("\0a\0b", "\0a\0b")],
}  # fmt: skip


@pytest.mark.parametrize("promise", TAKEN)
def test_what_a_path_may_be(promise: str) -> None:
    for path, text in TAKEN[promise]:
        assert check_path(path) == text


REFUSED: dict[str, tuple[list[Any], type[Exception], str]] = {
    "bytes are counted, not characters": (["é" * 54], ValueError, "path must be at most 107 bytes long, not 108"),
    "an abstract name that is too long": (
        ["\0" + "x" * 108], ValueError, "path must be at most 108 bytes long, not 109",
    ),
    "an empty path or name": (["", b"", "\0", "\0\0"], ValueError, r"path must not be empty, which .* is"),
    "a NUL inside a path": (
        ["/run/x\0y"], ValueError, r"path must have no NUL after its beginning, not '/run/x\\x00y'",
    ),
    "text that no file name can have": (["/run/\ud800"], ValueError, "path must be text that a file name can have"),
    "what is no path": (
        [None, 7, bytearray(b"/run/x"), ["/run/x"]], TypeError, r"path must be a str, bytes or os\.PathLike, not ",
    ),
}  # fmt: skip


@pytest.mark.parametrize("promise", REFUSED)
def test_what_a_path_may_not_be(promise: str) -> None:
    paths, kind, said = REFUSED[promise]
    for path in paths:
        with pytest.raises(kind, match=said):
            check_path(path)


def test_a_path_that_is_too_long_is_shortened_in_the_error() -> None:
    with pytest.raises(ValueError, match="path must be at most 107 bytes long, not 4000: '/xxxx") as caught:
        check_path("/" + "x" * 3999)
    assert len(str(caught.value)) < 120


def test_the_argument_can_have_another_name() -> None:
    with pytest.raises(ValueError, match=r"^--path must not be empty"):
        check_path("", "--path")


def test_where_there_are_no_abstract_names_or_no_unix_sockets_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unix, "_LINUX", False)
    with pytest.raises(ValueError, match=r"abstract names are Linux's own, not '\\x00name'"):
        check_path("\0name")
    monkeypatch.delattr(socket, "AF_UNIX")
    with pytest.raises(ValueError, match="path needs a system that Python has Unix sockets on"):
        check_path("/run/x")


@pytest.mark.parametrize("mode", [None, 0, 0o600, 0o777])
def test_a_mode_is_permission_bits_or_none(mode: int | None) -> None:
    assert check_mode(mode, "/run/x") == mode


@pytest.mark.parametrize(
    ("mode", "said"), [(660, "660, which is 0o1224"), (0o1000, "512, which is 0o1000"), (-1, "-1, which is -0o1")]
)
def test_a_mode_with_other_bits_is_shown_in_octal_too(mode: int, said: str) -> None:
    with pytest.raises(ValueError, match=f"mode must be permission bits from 0 to 0o777, or None, not {said}"):
        check_mode(mode, "/run/x")


@pytest.mark.parametrize("mode", ["660", True, 6.6])
def test_a_mode_that_is_no_number_is_refused(mode: Any) -> None:
    with pytest.raises(TypeError, match="mode must be permission bits from 0 to 0o777, or None, not "):
        check_mode(mode, "/run/x")


def test_an_abstract_name_has_no_mode() -> None:
    with pytest.raises(ValueError, match="mode must be None with an abstract name, which has no file, not 0o660"):
        check_mode(0o660, "\0name")


def test_a_leading_nul_is_what_makes_a_name_abstract() -> None:
    assert is_abstract("\0name")
    assert not is_abstract("@name")
