"""docs/reliability.md is true: the tests that it names are there, and each file of faults is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "reliability.md").read_text()
NAMED = sorted(set(re.findall(r"`(\w+/test_\w+\.py)::(test_\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_the_page_names_is_there(file: str, test: str) -> None:
    assert f"def {test}(" in (TESTS / file).read_text()


def test_each_promise_names_a_test() -> None:
    promises = PAGE.partition("## The promises")[2].partition("\n## ")[0]
    rows = [line for line in promises.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) > 20
    assert [row for row in rows if "::" not in row] == []


def test_the_page_names_each_file_of_faults() -> None:
    assert {path.name for path in (TESTS / "stress").glob("test_*.py")} <= {Path(file).name for file, _ in NAMED}


def test_the_page_says_how_many_mutations_there_are() -> None:
    count = (TESTS / "mutants" / "mutations.py").read_text().count("    Mutation(\n")
    assert f"changes the library in {count} ways" in PAGE
