"""Servers and load as processes, on cores of their own.

The server's CPU time is read by the load generator, from the kernel's clock of that process, exactly when it begins
and ends to count; /proc, and so psutil, counts in steps of 10 ms. Resident memory comes from psutil.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil

from bench.machine import ROOT, compiled, pick_cores
from bench.peers import Peer

START = 20.0  # seconds to wait for a server's port, and for an orderly exit
PATIENCE = 10.0  # of the load, for the next byte


class Failed(Exception):
    """A server or the load did not do what it should; the text says what."""


@dataclass(frozen=True, slots=True)
class Server:
    process: subprocess.Popen[str]
    port: int
    errors: IO[str]

    @property
    def pid(self) -> int:
        return self.process.pid

    def resident(self) -> int:
        """Bytes."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def ask_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def await_exit(self) -> None:
        try:
            status = self.process.wait(START)
        except subprocess.TimeoutExpired:
            raise Failed(f"the server did not exit within {START:g} s") from None
        if status != 0:
            raise Failed(f"the server exited with {status}: {last_line(self.errors)}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the load generator counted."""

    said: dict[str, Any]

    @property
    def latency(self) -> dict[str, float]:
        return dict(self.said.get("latency", {}))

    def work(self, scale: float = 1.0) -> dict[str, float]:
        """Operations by the clock and by the server's CPU time, and how busy both sides were."""
        seconds, operations = self.said["seconds"], self.said["operations"] * scale
        return {
            "rate": operations / seconds,
            "per_cpu": operations / max(self.said["server_cpu"], 1e-9),
            "server_busy": self.said["server_cpu"] / seconds,
            "load_busy": self.said["load_cpu"] / seconds,
        }


class Load:
    """A load generator that runs."""

    def __init__(self, process: subprocess.Popen[str], errors: IO[str], limit: float) -> None:
        self._process, self._errors, self._limit = process, errors, limit

    def await_ready(self) -> None:
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "ready\n":
            self.finish()

    def open_gate(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def finish(self) -> Outcome:
        try:
            out, _ = self._process.communicate(timeout=self._limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"the load did not end within {self._limit:g} s") from None
        if self._process.returncode != 0:
            raise Failed(last_line(self._errors) or f"the load exited with {self._process.returncode}")
        return Outcome(json.loads(out))


class Stage:
    def __init__(self, seconds: float, warmup: float, python_load: bool = False) -> None:
        self.seconds, self.warmup = seconds, warmup
        self.server_cores, self.load_cores = pick_cores()
        program = None if python_load else compiled("load")
        #: True if the load is as slow as what it measures.
        self.slow_load = program is None
        self._load_command = [str(program)] if program else [sys.executable, "-m", "bench.slow_load"]
        os.sched_setaffinity(0, self.load_cores)  # this process must not disturb the server either

    def spawn(self, command: list[str], cores: set[int], library: Path = ROOT, **pipes: Any) -> subprocess.Popen[str]:
        """A process on these cores from its first instruction on, with the `reactor` that is in `library`."""
        environment = os.environ | {"PYTHONPATH": f"{library}{os.pathsep}{ROOT}", "PYTHONHASHSEED": "random"}
        for name in ("REACTOR_DEBUG", "PYTHONDONTWRITEBYTECODE", "PYTHONASYNCIODEBUG", "PYTHONDEVMODE"):
            environment.pop(name, None)
        before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, cores)
        try:
            return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)
        finally:
            os.sched_setaffinity(0, before)

    @contextmanager
    def server(self, peer: Peer, role: str, value: str = "") -> Iterator[Server]:
        """Running until the block ends, then killed if it has not exited."""
        with tempfile.TemporaryFile("w+") as errors:
            process = self.spawn(
                peer.command(role, value), self.server_cores, peer.library, stdout=subprocess.PIPE, stderr=errors
            )
            try:
                assert process.stdout is not None
                line = process.stdout.readline().strip()
                if not line.isdigit():
                    raise Failed(f"the server did not start: {last_line(errors)}")
                yield Server(process, int(line), errors)
            except Failed as failure:
                words = last_line(errors)
                raise Failed(f"{failure}; the server said: {words}" if words else str(failure)) from failure
            finally:
                process.kill()
                process.communicate()

    def run_alone(self, peer: Peer, role: str, value: str) -> dict[str, float]:
        """A role that needs no load, and prints what it measured."""
        with tempfile.TemporaryFile("w+") as errors:
            process = self.spawn(
                peer.command(role, value), self.server_cores, peer.library, stdout=subprocess.PIPE, stderr=errors
            )
            out, _ = process.communicate()
            if process.returncode != 0:
                raise Failed(last_line(errors))
            return dict(json.loads(out))

    @contextmanager
    def loading(self, server: Server, mode: str, **options: Any) -> Iterator[Load]:
        """The load under way, for those that wait at its gate."""
        settings = {"port": server.port, "server": server.pid, "patience": PATIENCE}
        settings |= {"seconds": self.seconds, "warmup": self.warmup} | options
        gate = ["--gate"] if settings.pop("gate", False) else []
        words = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        with tempfile.TemporaryFile("w+") as errors:
            process = self.spawn(
                [*self._load_command, mode, *words, *gate],
                self.load_cores,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            try:
                yield Load(process, errors, 60 + 10 * float(settings["seconds"]))
            finally:
                process.kill()
                process.communicate()

    def load(self, server: Server, mode: str, **options: Any) -> Outcome:
        with self.loading(server, mode, **options) as load:
            return load.finish()


def last_line(errors: IO[str]) -> str:
    """Of what a process said on stderr."""
    errors.seek(0)
    lines = errors.read().strip().splitlines()
    return lines[-1] if lines else ""


def settle() -> None:
    """Let a server come to rest before its memory is read."""
    time.sleep(0.3)


@contextmanager
def file_of_blocks(size: int) -> Iterator[Path]:
    """A file of what servers say, in the page cache."""
    from bench.servers.common import BLOCK

    with tempfile.NamedTemporaryFile() as file:
        for _ in range(size // len(BLOCK)):
            file.write(BLOCK)
        file.flush()
        yield Path(file.name)
