"""`make mutants`: break the library in one way after the other, each in a copy of the tree, and see that the tests
notice.

First the tests that should; if they do not, the whole suite. One that survives shows a promise that no test holds.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.mutants.mutations import MUTATIONS, ROOT, Mutation  # found by the line above

LIMIT = 120.0  # seconds for the likeliest tests; who hangs them is noticed too
WHOLE = 600.0  # seconds for the whole suite
LEFT_OUT = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "*.egg-info")


def main(wanted: list[str]) -> int:
    """The exit status: 1 when one survives, or fits no more."""
    chosen = [one for one in MUTATIONS if all(word in one.name for word in wanted)]
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place) / "tree"
        shutil.copytree(ROOT, tree, ignore=LEFT_OUT)
        unbroken = noticed(tree, sorted({test for one in chosen for test in one.tests}), WHOLE)
        if unbroken:
            print(f"the tests fail with the library as it is: {unbroken}")
            return 1
        found = [(one, judge(tree, one)) for one in chosen]
    print(f"\n{sum(bool(by) for _, by in found)} of {len(found)} mutations caught")
    for one, by in found:
        print(f"  {'caught  ' if by else 'SURVIVED'}  {one.name}: {one.breaks}{f' ({by})' if by else ''}")
    return 0 if all(by for _, by in found) else 1


def judge(tree: Path, mutation: Mutation) -> str:
    """What noticed it; "" if nothing did."""
    begun = time.monotonic()
    path = tree / mutation.file
    text = path.read_text()
    path.write_text(mutation.applied(text))
    try:
        by = noticed(tree, list(mutation.tests), LIMIT) or noticed(tree, [], WHOLE)
    finally:
        path.write_text(text)
    print(f"{mutation.name}: {by or 'SURVIVED'}, {time.monotonic() - begun:.1f} s", flush=True)
    return by


def noticed(tree: Path, tests: list[str], seconds: float) -> str:
    """The first of the tests that fails, or that they do not end; "" when all pass."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider", *tests]
    process = subprocess.Popen(
        command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)  # with the servers that it has started
        process.communicate()
        return f"not over after {seconds:g} s"
    if process.returncode == 0:
        return ""
    failed = re.search(r"^(?:FAILED|ERROR) (?:tests/)?(.*?)(?: - .*)?$", out, re.MULTILINE)
    return failed[1] if failed else out.strip().splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
