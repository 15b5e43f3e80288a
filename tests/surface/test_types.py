"""What type checkers see of the library: `mypy --strict` rejects the ten mistakes of tests/typing/wrong.py, and accepts
all that tests/typing/right.py does.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy comes with `make lint`")

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "typing"


def rejected(*paths: Path) -> dict[tuple[str, int], str]:
    """The lines that mypy rejects, with the first error of each."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--no-error-summary", *map(str, paths)]
    found = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
    assert found.returncode in (0, 1), found.stdout + found.stderr
    errors = re.findall(r"^(?:.*/)?(\w+\.py):(\d+): error: (.*)$", found.stdout, re.MULTILINE)
    return {(name, int(line)): text for name, line, text in reversed(errors)}


def test_a_type_checker_rejects_each_mistake_and_nothing_else() -> None:
    lines = (PROGRAMS / "wrong.py").read_text().splitlines()
    wrong = {("wrong.py", number) for number, line in enumerate(lines, 1) if "# wrong: " in line}
    assert len(wrong) == 12
    assert rejected(PROGRAMS / "wrong.py", PROGRAMS / "right.py").keys() == wrong
