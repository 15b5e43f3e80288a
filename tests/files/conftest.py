"""The files that are sent, and how the kernel is watched while it sends them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.sending import LARGE, SOURCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of SOURCE."""
    made = tmp_path / "file"
    made.write_bytes(SOURCE)
    return made


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of LARGE zeros, which takes no room on the disk."""
    made = tmp_path / "large"
    made.touch()
    os.truncate(made, LARGE)
    return made


@pytest.fixture(params=["tcp", "unix"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Settings of a scene: where its server listens."""
    return {"path": tmp_path / "socket"} if request.param == "unix" else {}


@pytest.fixture
def by_kernel(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(bytes asked for, bytes taken) of each sendfile(2)."""
    calls: list[tuple[int, int]] = []
    original = os.sendfile

    def sendfile(out: int, source: int, offset: int, count: int) -> int:
        calls.append((count, 0))
        calls[-1] = (count, original(out, source, offset, count))
        return calls[-1][1]

    monkeypatch.setattr(os, "sendfile", sendfile)
    return calls


@pytest.fixture(params=["sendfile", "read"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How files go out: by the kernel, or by reads because it cannot."""

    def cannot(*_: int) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    if request.param == "read":
        monkeypatch.setattr(os, "sendfile", cannot)
    return str(request.param)
