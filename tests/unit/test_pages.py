"""What the pages say of the code is true: names, signatures, defaults, events, reasons, diagrams and links."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import reactor
from reactor import CloseReport, Reactor, ReactorStatistics, Reason, Server, ServerStatistics, ShutdownReport, Timer
from reactor import errors as errors_module
from reactor.cli.options import parse
from reactor.net.connection.connection import Connection
from reactor.net.connection.listeners import CLIENT_EVENTS, CONNECTION_EVENTS, SERVER_EVENTS
from reactor.net.fields import Setting
from reactor.net.settings import Live, ServerSettings, Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *sorted(DOCS.glob("*.md"))]
REFERENCE = re.sub(r"^```.*?^```$", "", (DOCS / "reference.md").read_text(), flags=re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")


def section(heading: str) -> str:
    """The text under a heading of the reference, up to the next one of its level or above."""
    level = heading.index(" ")
    begin = REFERENCE.index(f"\n{heading}\n")
    end = re.compile(rf"^#{{1,{level}}} ", re.MULTILINE).search(REFERENCE, begin + len(heading) + 2)
    return REFERENCE[begin : end.start() if end else None]


def rows(text: str) -> Iterator[list[str]]:
    """The cells of the tables in a text, headings left out."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        ruled = number + 1 < len(lines) and lines[number + 1].startswith("|-")
        if line.startswith("| ") and not ruled:
            yield [cell.strip() for cell in line.strip("|").split(" |")]


def words(text: str) -> set[str]:
    """All names in the code spans of a text."""
    return {name for span in CODE.findall(text) for name in re.findall(r"\w+", span)}


def first_cells(heading: str) -> list[str]:
    return [name for cells in rows(section(heading)) for name in CODE.findall(cells[0])]


# The reference: names and signatures.


def test_the_reference_has_every_public_name() -> None:
    assert set(reactor.__all__) - words(REFERENCE) == set()


@pytest.mark.parametrize("kind", [Connection, Server, Reactor, Timer])
def test_the_reference_has_everything_that_can_be_called_or_asked(kind: type) -> None:
    place = section("### Timer" if kind is Timer else f"## {kind.__name__}")
    known = words(place) | words(section("## Names that are not for programs")) | {field.name for field in settings()}
    assert sorted(members(kind) - known) == [], "describe it in docs/reference.md, or list it at its end"


def members(kind: type) -> set[str]:
    return {name for base in kind.__mro__ for name in members_of(base)}


def members_of(base: type) -> set[str]:
    """Attributes without an underscore that a class brings, also those that instances get in `__init__`."""
    assigned = re.findall(r"^\s+self\.([a-z]\w*)\b[^=\n(]*=[^=]", source_of(base), re.MULTILINE)
    return {name for name in (*vars(base), *assigned) if not name.startswith("_")}


def source_of(base: type) -> str:
    return inspect.getsource(base) if base.__module__.startswith("reactor") else ""


@pytest.mark.parametrize("kind", [Connection, Server, Reactor])
def test_what_the_reference_calls_a_name_of_a_class_is_one(kind: type) -> None:
    named = {re.match(r"\w+", span)[0] for span in first_cells(f"## {kind.__name__}")}  # type: ignore[index]
    assert named - members(kind) == set()


SPANS: list[tuple[Any, str]] = [
    *((kind, span) for kind in (Connection, Server, Reactor) for span in first_cells(f"## {kind.__name__}")),
    (reactor, CODE.findall(section("## Reactor"))[0]),
    (reactor, CODE.findall(section("## serve"))[0]),
    (reactor, CODE.findall(section("## connect"))[0]),
]
CALLS = [(owner, span) for owner, span in SPANS if span.endswith(")")]


@pytest.mark.parametrize(("owner", "written"), CALLS, ids=[written for _, written in CALLS])
def test_a_signature_in_the_reference_is_that_of_the_code(owner: Any, written: str) -> None:
    fn = getattr(owner, written.partition("(")[0])
    assert parameters_of(f"def {written}: ...") == parameters_of(real_signature(fn))


def real_signature(fn: Callable[..., Any]) -> str:
    signature = inspect.signature(fn)
    plain = []
    for parameter in signature.parameters.values():
        if parameter.name != "self":
            shown = parameter.replace(annotation=inspect.Parameter.empty)
            if callable(parameter.default) and parameter.default is not inspect.Parameter.empty:
                shown = shown.replace(default=ClockName())
            plain.append(shown)
    return f"def {fn.__name__}{inspect.Signature(plain)}: ..."


class ClockName:
    """Stands for the one default that is a function."""

    def __repr__(self) -> str:
        return "time.monotonic"


def parameters_of(definition: str) -> str:
    function = ast.parse(definition).body[0]
    assert isinstance(function, ast.FunctionDef)
    return ast.unparse(function.args)


def test_the_reference_has_every_error() -> None:
    defined = {name for name, value in vars(errors_module).items() if isinstance(value, type)}
    assert defined <= set(first_cells("## Errors"))


# The reference: settings, events, reasons, reports.


def settings() -> list[Setting]:
    return [*Settings.FIELDS.values(), *ServerSettings.FIELDS.values()]


def test_the_tables_of_the_reference_are_those_of_the_code_and_one_out_of_date_is_noticed() -> None:
    renewed = runpy.run_path(str(DOCS / "tables.py"))["renewed"]
    assert renewed(REFERENCE) == REFERENCE, "python docs/tables.py writes them anew"
    for right, wrong in (
        ("| `idle_timeout` | conn | `None` |", "| `idle_timeout` | conn | `5.0` |"),
        ("up to 262,144 at", "up to 65,536 at"),
        ("| `PEER_ENDED` | The", "| `PEER_ENDED` | A"),
        ("| `pause()` |", "| `pause(seconds)` |"),
        ("`Server(loop, on_connection=None, ", "`Server(loop, "),
    ):
        assert right in REFERENCE
        assert renewed(REFERENCE.replace(right, wrong)) == REFERENCE


def test_each_setting_has_a_reason_and_those_of_a_connection_are_there() -> None:
    assert [cells[0] for cells in rows(section("## Settings")) if len(cells) != 6 or not cells[5]] == []
    assert {name for name in vars(Live) if not name.startswith("_")} <= words(section("### Time"))


def test_the_tables_of_events_have_each_event_and_no_other() -> None:
    assert first_cells("## Events") == [*CONNECTION_EVENTS, *SERVER_EVENTS]
    assert {CODE.findall(cells[0])[0] for cells in rows(section("## connect")) if not cells[3:]} == set(CLIENT_EVENTS)


def test_the_table_of_reasons_has_each_reason_and_no_other() -> None:
    said = [name for name in first_cells("### Reasons") if name.isupper()]
    assert sorted(said) == sorted(reason.name for reason in Reason)


def test_the_reference_has_the_fields_of_every_report() -> None:
    said = [cells[0].strip("`") for cells in rows(section("## CloseReport").partition("### Reasons")[0])]
    assert said == list(CloseReport._fields)
    assert {*ShutdownReport._fields, "cut"} <= words(section("### ShutdownReport"))
    for statistics, place in ((ServerStatistics, "## Server"), (ReactorStatistics, "## Reactor")):
        assert set(statistics._fields) <= words(section(place))


def test_the_reference_has_every_option_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    known = set(re.findall(r"(?<![\w-])--[a-z-]+", capsys.readouterr().out))
    of_settings = {"--" + field.name.replace("_", "-") for field in settings()}  # all said in one sentence
    of_settings |= {"--no-" + option[2:] for option in of_settings}
    assert known - of_settings == set(re.findall(r"`(--[a-z-]+)`", section("## Command line"))) - of_settings


# The other pages.


@pytest.mark.parametrize("part", ["life", "reasons"])
def test_a_printed_part_of_the_design_page_is_that_of_the_code(part: str) -> None:
    assert runpy.run_path(str(DOCS / "diagram.py"))[part]() in (DOCS / "design.md").read_text()


def test_the_house_on_the_design_page_is_the_house_that_stands() -> None:
    picture = (DOCS / "design.md").read_text().partition("## The house")[2].split("```")[1]
    modules = {path.name for path in (ROOT / "reactor").rglob("*.py")}
    assert set(re.findall(r"\w+\.py", picture)) == modules


def test_the_changelog_has_this_version() -> None:
    assert f"## {reactor.__version__}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_link_of_a_page_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors(linked), target


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
