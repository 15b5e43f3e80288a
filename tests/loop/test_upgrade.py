"""The package may be replaced or removed under a running server: each public call finds its module afterwards."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import reactor
from reactor import ClientGroup, Connection, Reactor, Server, Timer

PROGRAM = Path(__file__).parents[1] / "support" / "upgraded.py"


def test_every_public_call_works_when_the_files_are_gone(tmp_path: Path) -> None:
    shutil.copytree(Path(reactor.__file__).parent, tmp_path / "old" / "reactor")
    command = [sys.executable, "-I", "-S", str(PROGRAM), str(tmp_path / "old")]
    found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert (found.returncode, found.stdout.strip()) == (0, ""), found.stderr
    done = set(found.stderr.split("\n")[-2].split())
    public = {
        f"{kind.__name__}.{name}"
        for kind in (ClientGroup, Connection, Reactor, Server, Timer)
        for name in dir(kind)
        if not name.startswith("_")
    }
    assert {"removed", *public, *reactor.__all__} <= done
