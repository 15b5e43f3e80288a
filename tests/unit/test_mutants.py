"""The mutations of tests/mutants fit the library as it is, and name tests that are there."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("mutations", ROOT / "tests" / "mutants" / "mutations.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutations"] = module
    spec.loader.exec_module(module)
    return module


MUTATIONS = _load().MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
def test_a_mutation_changes_one_place_into_another_program(mutation: Any) -> None:
    before = (ROOT / mutation.file).read_text()
    after = mutation.applied(before)
    assert ast.dump(ast.parse(after)) != ast.dump(ast.parse(before))


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[one.name for one in MUTATIONS])
def test_the_tests_that_a_mutation_names_are_there(mutation: Any) -> None:
    for named in mutation.tests:
        path, _, test = named.partition("::")
        assert f"def {test}" in (ROOT / path).read_text(), named


def test_no_two_mutations_have_the_same_name() -> None:
    names = [one.name for one in MUTATIONS]
    assert len(set(names)) == len(names)
