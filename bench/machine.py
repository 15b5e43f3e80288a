"""This machine: its name in the results, its cores, and its C compiler."""

from __future__ import annotations

import datetime
import os
import platform
import resource
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "bench" / "build"
FLAGS = ["-O2", "-std=gnu11", "-Wall", "-Wextra"]


@cache
def compiled(name: str) -> Path | None:
    """The program made of bench/NAME/*.c, made anew where a source is newer; None where there is no cc."""
    sources = sorted((ROOT / "bench" / name).glob("*.[ch]"))
    program = BUILD / name
    if program.exists() and program.stat().st_mtime > max(source.stat().st_mtime for source in sources):
        return program
    if shutil.which("cc") is None:
        return None
    BUILD.mkdir(exist_ok=True)
    units = [str(source) for source in sources if source.suffix == ".c"]
    subprocess.run(["cc", *FLAGS, "-o", str(program), *units, "-lm"], check=True)
    return program


def pick_cores() -> tuple[set[int], set[int]]:
    """One core for the server, and those for the load: others, if there are any, and of no shared core."""
    here = sorted(os.sched_getaffinity(0))
    server = here[0]
    apart = set(here) - _threads_of(server)
    return {server}, apart or set(here) - {server} or {server}


def _threads_of(core: int) -> set[int]:
    """The hardware threads of the same core, itself included."""
    try:
        text = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list").read_text()
    except OSError:
        return {core}
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def allow_many_descriptors() -> int:
    """As many as the hard limit has, for this process and those it starts; that number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def busy_seconds() -> float:
    """CPU seconds that all cores have spent on anything, time stolen by a hypervisor included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0) - times.guest - times.guest_nice)


def describe() -> dict[str, Any]:
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "cpu": _processor(),
        "cores": psutil.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "load_average": os.getloadavg()[0],
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    """The commit that was measured, with a + where the tree differs from it."""
    try:
        commit = subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip()
        changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "reactor"], cwd=ROOT, check=False).returncode
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return commit + ("+" if changed else "")
