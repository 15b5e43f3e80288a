"""The picture of the house in design.md is true: imports go downward only, inside a folder in no circle, and
each rule of the house holds. Imports for type checking only are no dependencies.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import reactor

ROOT = Path(reactor.__file__).parent
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
# From the ground up.
FLOORS = ["hints", "former", "log", "errors", "arguments", "engine", "net", "testing", "cli", "__main__"]


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        yield from imports(node)


def imported(name: str) -> set[str]:
    """The modules that a module imports: ours by their place in the house ("net.server"), others by name."""
    found = set()
    package = ["reactor", *name.split(".")[:-1]]
    for node in imports(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, node.module] if node.module else above)
        parts = {f"{base}.{alias.name}" for alias in node.names}
        found |= {part if part.removeprefix("reactor.") in MODULES else base for part in parts}
    return {module.removeprefix("reactor.") for module in found}


def floor(name: str) -> int:
    return FLOORS.index(name.partition(".")[0])


INNER = [name for name in MODULES if not name.endswith("__init__")]


@pytest.mark.parametrize("name", INNER)
def test_imports_go_downward_only(name: str) -> None:
    ours = {module for module in imported(name) if module in MODULES}
    assert [module for module in ours if floor(module) > floor(name)] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {name: {module for module in imported(name) if module in MODULES} for name in INNER}
    TopologicalSorter(graph).prepare()  # raises CycleError with the circle in it


def test_only_the_pollers_know_how_to_wait_on_descriptors() -> None:
    users = {name for name in INNER if imported(name) & {"select", "selectors"}}
    assert {name for name in users if not name.startswith("testing.")} == {
        "engine.poller", "engine.poller_choice", "engine.epoll_poller", "engine.selector_poller",
    }  # fmt: skip


def test_the_engine_knows_no_socket_but_its_own_wakeup() -> None:
    users = {name for name in INNER if name.startswith("engine.") and "socket" in imported(name)}
    assert users == {"engine.wakeup"}


def test_the_pure_parts_know_no_socket_and_no_clock() -> None:
    pure = (
        "engine.timers", "net.connection.states", "net.connection.outbuf", "net.connection.account",
        "net.deadlines.agenda", "net.deadlines.rules", "net.deadlines.gauges", "net.protocols.framing",
        "net.server.gate", "net.server.memory", "net.server.tally", "net.sockets.networks",
        "net.client.attempts",
    )  # fmt: skip
    for name in pure:
        assert not imported(name) & {"socket", "time", "os", "net.sockets.kernel"}, name


@pytest.mark.parametrize("name", INNER)
def test_nothing_outside_the_standard_library_is_needed(name: str) -> None:
    others = {module.partition(".")[0] for module in imported(name) if module not in MODULES}
    assert others <= sys.stdlib_module_names | {"reactor"}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_can_be_read_in_one_go(name: str) -> None:
    lines = MODULES[name].read_text().count("\n")
    assert lines <= 400


@pytest.mark.parametrize("name", MODULES)
def test_a_module_opens_with_its_theory(name: str) -> None:
    assert ast.get_docstring(ast.parse(MODULES[name].read_text()))
