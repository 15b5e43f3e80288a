"""What programs see of the library: every visible name is described in docs/reference.md and by `help()`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

import reactor
import reactor.testing
from reactor import (
    ClientGroup,
    CloseReport,
    Connection,
    PeerCredentials,
    Reactor,
    ReactorStatistics,
    Server,
    ServerStatistics,
    ShutdownReport,
    Timer,
)
from reactor.former import Former

REPORTS = [CloseReport, ShutdownReport, ServerStatistics, ReactorStatistics, PeerCredentials]
KINDS = [Connection, Server, ClientGroup, Reactor, Timer, *REPORTS]
REFERENCE = (Path(__file__).parents[2] / "docs" / "reference.md").read_text()
OF_TUPLES = {"count", "index"}


def section(kind: type) -> str:
    """The part of the reference about a class, up to the next heading of its level."""
    place = {ServerStatistics: "Server", ReactorStatistics: "Reactor", PeerCredentials: "Connection"}
    name = place.get(kind, kind.__name__)
    found = re.search(rf"^(#+) {name}$(.*?)(?=^#{{1,2}} |\Z)", REFERENCE, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    settings = REFERENCE.partition("\n## Settings\n")[2].partition("\n## ")[0]
    return found[2] + (settings if kind in (Connection, Server) else "")


def visible(kind: type) -> set[str]:
    names = {name for name in dir(kind) if not name.startswith("_")} - OF_TUPLES
    return {name for name in names if not isinstance(inspect.getattr_static(kind, name), Former)}


def described(kind: type) -> set[str]:
    return {name for span in re.findall(r"`([^`]+)`", section(kind)) for name in re.findall(r"\w+", span)}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_visible_name_is_in_the_reference(kind: type) -> None:
    assert sorted(visible(kind) - described(kind)) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_help_tells_what_every_visible_name_is(kind: type) -> None:
    assert inspect.getdoc(kind)
    silent = [name for name in sorted(visible(kind)) if not inspect.getdoc(getattr(kind, name))]
    assert silent == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_an_object_shows_its_class_shows_too(kind: type) -> None:
    """No attribute is made in `__init__` alone, where neither `help()` nor the tests above see it."""
    source = "".join(inspect.getsource(base) for base in kind.__mro__ if base.__module__.startswith("reactor."))
    assigned = set(re.findall(r"\bself\.([a-z]\w*)(?:: [^=\n]+)? = ", source))
    assert sorted(assigned - visible(kind)) == []


@pytest.mark.parametrize("module", [reactor, reactor.testing], ids=lambda module: module.__name__)
def test_every_name_of_a_module_has_a_docstring(module: ModuleType) -> None:
    names = [name for name in module.__all__ if not isinstance(getattr(module, name), (str, tuple))]
    assert [name for name in names if not inspect.getdoc(getattr(module, name))] == []


def test_a_docstring_asks_no_question() -> None:
    asking = [
        (kind.__name__, name)
        for kind in KINDS
        for name in visible(kind)
        if "?" in (inspect.getdoc(getattr(kind, name)) or "")
    ]
    assert asking == []
