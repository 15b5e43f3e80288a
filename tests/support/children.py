"""Children of the test's own process, made by fork(2): what a function does there, seen from here."""

from __future__ import annotations

import os
import pickle
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

SECONDS = 20.0  # for what takes a few milliseconds, on a busy machine


def fork() -> int:
    """os.fork(), without the warning of Python 3.12 that the process has threads: in tests they are asleep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class Child:
    """A child that calls a function, tells what it returned or raised, and ends without any clean-up of pytest's."""

    def __init__(self, fn: Callable[[], Any]) -> None:
        self._told, theirs = os.pipe()
        self.pid = fork()
        if self.pid == 0:
            os.close(self._told)
            _perform(fn, theirs)
        os.close(theirs)

    def result(self) -> Any:
        """What the function returned; RuntimeError with the text of what it raised."""
        ready = select.select([self._told], [], [], SECONDS)[0]
        data = os.read(self._told, 65_536) if ready else b""  # one write: a child of the child may hold the other end
        os.close(self._told)
        status = self.wait(kill=not data)
        if not data:
            raise RuntimeError(f"the child said nothing, status {status}")
        raised, told = pickle.loads(data)
        if raised:
            raise RuntimeError(told)
        return told

    def wait(self, kill: bool = False) -> int:
        """Its wait status."""
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        return os.waitpid(self.pid, 0)[1]

    def status(self) -> int:
        """Its wait status, of a child whose function tells nothing."""
        os.close(self._told)
        return self.wait()


def in_child(fn: Callable[[], Any]) -> Any:
    """What a function returns in a child."""
    return Child(fn).result()


def _perform(fn: Callable[[], Any], pipe: int) -> None:
    signal.alarm(int(SECONDS))  # a child of a test that failed does not stay
    told: tuple[bool, Any] = (True, "")
    try:
        told = (False, fn())
    except SystemExit as error:
        told = (False, f"exit {error.code}")
    except BaseException as error:
        told = (True, "".join(traceback.format_exception(error)))
    finally:
        try:
            os.write(pipe, pickle.dumps(told))
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        os._exit(0)
