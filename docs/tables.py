"""Writes the tables of docs/reference.md anew, from the code.

    python docs/tables.py

What is from the code: of settings the name, place, default, unit and help; of events, reasons and the fields of a
report everything; of calls the signature. What only the page has, the last column of the settings and what is said of a
call, stays as it is, and so does everything between the tables. A test holds that the page is up to date.
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # this clone's package, installed or not

import reactor
from reactor import CloseReport, Connection, Reactor, Reason, Server
from reactor.net.fields import Setting, declared
from reactor.net.settings import AtOpening, ClientSettings, Live, OfServer

PAGE = Path(__file__).parent / "reference.md"
Row = list[str]


def tables() -> dict[tuple[str, int], Callable[[dict[str, Row]], list[Row]]]:
    """For the tables below a heading, by their number there, what makes the rows, given those on the page."""
    return {
        ("Settings", 0): lambda old: settings(declared(Live, AtOpening), old),
        ("Settings", 1): lambda old: settings(declared(OfServer), old),
        ("connect", 0): lambda old: [client(field) for field in ClientSettings.FIELDS.values()],
        ("connect", 1): lambda old: events(reactor.connect),
        ("Events", 0): lambda old: events(Connection),
        ("Events", 1): lambda old: events(Server),
        ("CloseReport", 0): lambda old: [[f"`{name}`", doc_of(CloseReport, name)] for name in CloseReport._fields],
        ("Reasons", 0): lambda old: [[f"`{name}`", text] for name, text in reasons()],
    }


def settings(fields: dict[str, Setting], old: dict[str, Row]) -> list[Row]:
    return [
        [
            f"`{name}`",
            "conn" if hasattr(Connection, name) else "server",
            f"`{shown(field.default)}`",
            field.unit,
            sentence(field.help),
            old[name][-1] if name in old else "",
        ]
        for name, field in fields.items()
    ]


def client(field: Setting) -> Row:
    return [f"`{field.name}`", f"`{shown(field.default)}`", field.unit, sentence(field.help)]


def shown(default: Any) -> str:
    """A default as a program would write it."""
    if isinstance(default, str):
        return f'"{default}"'
    if isinstance(default, enum.Enum):
        return default.name  # AF_UNSPEC
    return f"{default:_}" if type(default) is int else repr(default)


def sentence(text: str) -> str:
    """With a capital, unless it begins with the name of a call."""
    return f"{text if '(' in text.partition(' ')[0] else text[0].upper() + text[1:]}."


def doc_of(kind: type, name: str) -> str:
    return inspect.getdoc(getattr(kind, name)) or ""


def events(of: Any) -> list[Row]:
    """The rows of a docstring's list of events: "- `name(arguments)`: when it comes"."""
    text = (inspect.getdoc(of) or "").partition("Events")[2]
    found = re.findall(r"^- `(\w+)\((.+?)\)`: (.+?)(?=^\S|^$|\Z)", text, re.MULTILINE | re.DOTALL)
    return [[f"`{name}`", f"`{given}`", sentence(" ".join(said.split())[:-1])] for name, given, said in found]


def reasons() -> list[tuple[str, str]]:
    """The members of `Reason` with the comments beside them."""
    return re.findall(r"^    ([A-Z_]+) = .*?#: (.*)$", inspect.getsource(Reason), re.MULTILINE)


# Signatures.

OWNERS: dict[str, Any] = {"Connection": Connection, "Server": Server, "Reactor": Reactor}


def signature(fn: Callable[..., Any]) -> str:
    """The call as the page writes it: without annotations and `self`."""
    plain = []
    for parameter in inspect.signature(fn).parameters.values():
        if parameter.name != "self":
            shown_one = parameter.replace(annotation=inspect.Parameter.empty)
            if callable(parameter.default) and parameter.default is not inspect.Parameter.empty:
                shown_one = shown_one.replace(default=_Named(parameter.default))
            plain.append(shown_one)
    written = str(inspect.Signature(plain))
    return written.replace("b''", 'b""')


class _Named:
    """A default that is a function, by its name."""

    def __init__(self, fn: Any) -> None:
        self._text = f"{fn.__module__}.{fn.__name__}"

    def __repr__(self) -> str:
        return self._text


def with_signatures(owner: Any, cell: str) -> str:
    """A cell in which each call of `owner` has its signature."""

    def call(found: re.Match[str]) -> str:
        name = found[1]
        fn = inspect.getattr_static(owner, name, None)
        return f"`{name}{signature(fn)}`" if inspect.isfunction(fn) else found[0]

    return re.sub(r"`(\w+)\([^`]*\)`", call, cell)


# The page.


def _renewed(lines: list[str]) -> Iterator[str]:
    known = tables()
    chapter = heading = ""
    number = place = 0
    while place < len(lines):
        line = lines[place]
        if line.startswith("#"):
            level, _, heading = line.partition(" ")
            number = 0
            chapter = heading if len(level) == 2 else chapter
        if not line.startswith("|"):
            yield line
            place += 1
            continue
        end = next((at for at in range(place, len(lines)) if not lines[at].startswith("|")), len(lines))
        head, rule, *rows = lines[place:end]
        cells = [[cell.strip() for cell in row.strip("|").split(" |")] for row in rows]
        make = known.get((heading, number))
        if make is not None:
            cells = make({row[0].strip("`"): row for row in cells})
        elif chapter in OWNERS:
            cells = [[with_signatures(OWNERS[chapter], row[0]), *row[1:]] for row in cells]
        yield from (head, rule, *(re.sub(" +", " ", f"| {' | '.join(row)} |") for row in cells))
        number += 1
        place = end


def headed(text: str) -> str:
    """The page with the signatures of what is no row of a table: classes and functions."""

    def call(found: re.Match[str]) -> str:
        written = f"`{found[1]}{signature(getattr(reactor, found[1]))}`"
        return found[0] if " ".join(found[0].split()) == written else written

    return re.sub(r"^`(Server|Reactor|connect|adopt|serve)\([^`]*\)`", call, text, flags=re.MULTILINE)


def renewed(text: str) -> str:
    """The whole page."""
    return headed("\n".join(_renewed(text.split("\n"))))


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text()))
