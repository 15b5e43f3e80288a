"""Descriptors and threads that have run out, for this process or for a program of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.process import environment


@contextmanager
def descriptors(left: int) -> Iterator[None]:
    """Meanwhile this process can open this many more descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY) for _ in range(left + 1)]  # those that the kernel gives out next
    for fd in taken:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken[-1], before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def no_thread(error: BaseException | None = None) -> Iterator[None]:
    """Meanwhile no thread can be started."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread") if error is None else error

    with pytest.MonkeyPatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        yield


def printed(program: str) -> str:
    """What a program prints that runs in a process of its own, and may use up all that the process has."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
