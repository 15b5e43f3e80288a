"""The picture of the house in design.md is true: imports go downward only, those for type checkers counted; no circle
but the one named pair; an underscore keeps its package; and each rule of the house holds.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TypeGuard

import reactor

ROOT = Path(reactor.__file__).parent
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
TREES = {name: ast.parse(path.read_text()) for name, path in MODULES.items()}
INNER = [name for name in MODULES if not name.endswith("__init__")]
# From the ground up; who shares a floor may import each other's modules, in no circle.
FLOORS = [
    {"hints"},
    {"foreign"},
    {"log", "former"},
    {"signatures"},
    {"errors", "arguments"},
    {"engine"},
    {"net.limits", "net.fields"},
    {"net.sockets"},
    {"net.keywords", "net.settings"},
    {"net.connection", "net.deadlines"},
    {"net.protocols", "net.debug", "net.preload", "net.closes"},
    {"net.client", "net.server"},
    {"__init__"},
    {"testing", "cli"},
    {"__main__"},
]
#: All that is written here for people to read.
TEXTS = [
    *MODULES.values(),
    *(one for name in ("tests", "examples", "docs") for one in (ROOT.parent / name).rglob("*.py")),
]
#: A connection knows the type of its server, and a server makes connections.
PAIR = ("net.connection.connection", "net.server.server")
#: Underscores of others that the house uses, because they offer it in no other way.
FOREIGN = {
    ("net.sockets.opening", "_accept"),  # socket.socket.accept() makes a socket.socket: a class in Python, and slower
    ("cli.parser", "_ArgumentGroup"),  # the type of what argparse's add_argument_group() returns
}
OF_NAMED_TUPLES = {"_replace", "_fields", "_asdict"}  # public: the underscore keeps them apart from the fields


def imported(name: str, type_only: bool = True) -> set[str]:
    """The modules that a module imports: ours by their place in the house ("net.server"), others by name. Those for
    type checkers are among them, unless `type_only` is False.
    """
    found = set()
    package = ["reactor", *name.split(".")[:-1]]
    for node in import_statements(TREES[name], type_only):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
            continue
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, node.module] if node.module else above)
        parts = {f"{base}.{alias.name}" for alias in node.names}
        found |= {part if part.removeprefix("reactor.") in MODULES else base for part in parts}
    return {module.removeprefix("reactor.") for module in found}


def import_statements(tree: ast.AST, type_only: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in ast.iter_child_nodes(tree):
        if not type_only and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        yield from import_statements(node, type_only)


def ours(name: str) -> set[str]:
    """The modules of the house that it imports, less the one named pair."""
    return {module for module in imported(name) if module in MODULES and (name, module) != PAIR}


def floor(name: str) -> int:
    """Of the room that a module is in."""
    first, *rest = name.split(".")
    room = f"{first}.{rest[0]}" if first == "net" and rest else first
    found = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"{name} is in no room that FLOORS names"
    return found[0]


# Imports.


def test_imports_go_downward_only() -> None:
    assert [(name, module) for name in INNER for module in ours(name) if floor(module) > floor(name)] == []


def test_no_modules_import_each_other_in_a_circle_but_the_named_pair() -> None:
    TopologicalSorter({name: ours(name) for name in INNER}).prepare()  # raises CycleError with the circle in it


def test_the_named_pair_is_one_for_type_checkers_alone() -> None:
    connection, server = PAIR
    assert server in imported(connection) - imported(connection, type_only=False)
    assert connection in imported(server)


def test_nothing_outside_the_standard_library_is_needed() -> None:
    needed = {module for name in INNER for module in imported(name, type_only=False) if module not in MODULES}
    assert {module.partition(".")[0] for module in needed} <= sys.stdlib_module_names | {"reactor"}


def test_only_the_pollers_know_how_to_wait_on_descriptors() -> None:
    users = {name for name in INNER if imported(name, type_only=False) & {"select", "selectors"}}
    assert {name for name in users if not name.startswith("testing.")} == {
        "engine.poller", "engine.poller_choice", "engine.epoll_poller", "engine.selector_poller",
    }  # fmt: skip


def test_the_engine_knows_no_socket_but_its_own_wakeup() -> None:
    users = {name for name in INNER if name.startswith("engine.") and "socket" in imported(name)}
    assert users == {"engine.wakeup"}


PURE = (
    "engine.timers", "net.client.attempts", "net.connection.account", "net.connection.callbacks",
    "net.connection.intake", "net.connection.outbuf", "net.connection.pause", "net.connection.read_size",
    "net.connection.states", "net.deadlines.agenda", "net.deadlines.gauges", "net.deadlines.rules", "net.limits",
    "net.protocols.framing", "net.server.gate", "net.server.memory", "net.server.tally", "net.sockets.networks",
)  # fmt: skip


def test_the_pure_parts_know_no_socket_and_no_clock() -> None:
    assert [name for name in PURE if imported(name) & {"socket", "time", "os", "net.sockets.kernel"}] == []


# Names.


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def uses(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Every `other._name`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr) and ast.unparse(node.value) not in {"self", "cls"}:
            yield node


def declared(tree: ast.AST) -> Iterator[str]:
    """Methods, classes, attributes, slots, annotations in a Protocol, and names of a module."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__":
            yield from (str(part.value) for part in ast.walk(node.value) if isinstance(part, ast.Constant))


def test_an_underscore_of_another_object_is_used_only_in_the_package_that_declares_it() -> None:
    known: dict[str, set[str]] = defaultdict(lambda: set(OF_NAMED_TUPLES))
    for name, tree in TREES.items():
        known[name.partition(".")[0]].update(declared(tree))
    found = [(name, node) for name, tree in TREES.items() for node in uses(tree)]
    strange = [(name, node) for name, node in found if node.attr not in known[name.partition(".")[0]]]
    assert {(name, node.attr) for name, node in strange} == FOREIGN


# How a module reads.


def test_a_module_can_be_read_in_one_go_and_opens_with_its_theory() -> None:
    assert [name for name, path in MODULES.items() if path.read_text().count("\n") > 400] == []
    assert [name for name, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_docstrings_and_comments_state_and_never_ask() -> None:
    assert [line for path in TEXTS for line in _questions(path)] == []


def _questions(path: Path) -> list[str]:
    """The lines of docstrings and comments with a question mark that is no code and no quotation."""
    with path.open("rb") as file:
        told = [token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]
    docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(path.read_text())) if _documented(node)]
    texts = [token.string for token in told] + docstrings
    return [f"{path.name}: {text}" for text in texts if "?" in re.sub(r"`[^`]*`|\"[^\"]*\"", "", text)]


def _documented(node: ast.AST) -> TypeGuard[ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))


def test_nothing_of_a_connection_is_left_for_a_subclass_to_write() -> None:
    connection = {name: path.read_text() for name, path in MODULES.items() if name.startswith("net.connection.")}
    left = r"raise NotImplementedError|\babstractmethod\b|\bABC\b"
    assert [name for name, text in connection.items() if re.search(left, text)] == []


def test_the_type_checker_is_overruled_only_where_a_library_is_wrong() -> None:
    lines = [line for path in MODULES.values() for line in path.read_text().splitlines() if "type: ignore" in line]
    reason = r"# type: ignore\[[a-z-]+\]  # (typeshed|mypy|CPython) "
    assert [line for line in lines if not re.search(reason, line)] == []


#: What may be asked whether it has a name: modules, which differ from platform to platform, and a class about its own.
ASKED = {"errno", "os", "select", "signal", "socket", "type(self)"}


def test_what_a_socket_can_do_is_never_found_out_by_hasattr() -> None:
    nodes = [node for tree in TREES.values() for node in ast.walk(tree)]
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "hasattr"]
    assert {ast.unparse(node.args[0]) for node in calls} <= ASKED
