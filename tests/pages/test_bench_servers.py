"""The benchmark's servers do what their roles say, checked by its load generator: ours, and asyncio's, which need
nothing that is not here.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.machine import compiled
from bench.servers.common import BLOCK
from tests.support.process import CHECKOUT, Program

SERVERS = ["ours", "asyncio_protocol"]
SIZE = 3 * len(BLOCK)
LOADED = [
    ("echo", "", "echo --conns=20"),
    ("echo", "", "echo --conns=3 --size=300000"),
    ("echo_timeout", "60", "echo --conns=20"),
    ("echo_timeout", "0.3", "echo --conns=3 --idle=20 --rate=500 --seconds=10"),
    ("lines", "", "echo --conns=5 --depth=16"),
    ("greet", "", "churn --conns=5"),
    ("push", str(SIZE), f"pull --conns=2 --bytes={SIZE}"),
    ("fanout", "", "fanout --conns=30"),
]


def load_command(words: str, port: str) -> list[str]:
    program = compiled("load")
    command = [str(program)] if program is not None else [sys.executable, "-m", "bench.slow_load"]
    return [*command, "--seconds=0.05", "--warmup=0.02", "--patience=5", f"--port={port}", *words.split()]


def loaded(server: str, role: str, value: str, words: str) -> int:
    """How many operations the load generator counts with a server in its role."""
    with Program.of("-m", f"bench.servers.{server}", role, value, cwd=CHECKOUT) as process:
        command = load_command(words, process.out.next())
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=CHECKOUT, check=False)
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout)["operations"])


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("role", "value", "words"), LOADED)
def test_a_server_fills_its_role_to_the_byte(server: str, role: str, value: str, words: str) -> None:
    assert loaded(server, role, value, words) > 0


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_sends_a_file(server: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BLOCK * 3)
    assert loaded(server, "file", str(tmp_path / "file"), f"pull --bytes={SIZE}") > 0


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_told_to_stop_delivers_what_is_pending_and_exits(server: str) -> None:
    options = f"pull --conns=10 --bytes={SIZE} --gate --receive-buffer=4096 --segment=1460"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        Program.of("-m", f"bench.servers.{server}", "stop", str(SIZE), cwd=CHECKOUT) as process,
        subprocess.Popen(load_command(options, process.out.next()), text=True, cwd=CHECKOUT, **pipes) as load,
    ):
        assert load.stdout is not None
        assert load.stdout.readline() == "ready\n"
        process.signal(signal.SIGTERM)
        out, errors = load.communicate("\n", timeout=20)
        assert load.returncode == 0, errors
        assert json.loads(out)["operations"] == 10 * SIZE
        assert process.status() == 0


def test_the_role_of_timers_tells_what_one_costs() -> None:
    with Program.of("-m", "bench.servers.ours", "timers", "2000", cwd=CHECKOUT) as process:
        assert sorted(json.loads(process.out.next())) == ["cancel", "fire"]
        assert process.status() == 0
