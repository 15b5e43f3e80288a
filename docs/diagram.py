"""Prints two parts of docs/design.md: the life of a connection, from the table of its states
(`reactor/net/connection/states.py`), and the table of reasons (`reactor/net/connection/account.py`).

    python docs/diagram.py

A test checks that the page has exactly these two parts. After a change of the code, paste them again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this clone's package, installed or not

from reactor.net.connection.account import PLAIN, ROWS, Reason
from reactor.net.connection.states import CLOSED, CONNECTING, OPEN, Read, State, Write, reachable


def state_name(state: State) -> str:
    return state.name


def read_half(state: State) -> str:
    return "closed" if state is CLOSED else state.read.name


def write_half(state: State) -> str:
    return "closed" if state is CLOSED else state.write.name


def diagram(label: Callable[[State], str], start: State) -> str:
    """A Mermaid state diagram: an arrow for each change of the label, with the events that bring it about."""
    arrows: dict[tuple[str, str], dict[str, None]] = {}
    for state in reachable(start):
        for event, (after, _) in state.on.items():
            if label(after) != label(state):
                arrows.setdefault((label(state), label(after)), {})[event.value] = None
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {label(start)}"]
    lines += [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in arrows.items()]
    return "\n".join((*lines, "```"))


def table() -> str:
    """All states of a connection that is connected: its halves, and what programs see of them."""
    lines = ["| read half | write half | `conn.state` | `report.phase` when it ends there |", "|---|---|---|---|"]
    for state in sorted(reachable(OPEN), key=_place):
        halves = "closed | closed" if state is CLOSED else f"{state.read.name} | {state.write.name}"
        lines.append(f"| {halves} | `{state.name}` | {_phase(state)} |")
    return "\n".join(lines)


def _phase(state: State) -> str:
    if state is CLOSED:
        return "–"
    return "that of the state in which the write failed" if state.write is Write.BROKEN else f"`{state.phase}`"


def _place(state: State) -> tuple[bool, int, int]:
    return state is CLOSED, list(Read).index(state.read), list(Write).index(state.write)


def life() -> str:
    """The diagrams of the two halves, and the table of their pairs."""
    return "\n\n".join(
        (
            "What programs see, as `conn.state`:",
            diagram(state_name, CONNECTING),
            "The read half:",
            diagram(read_half, OPEN),
            "The write half:",
            diagram(write_half, OPEN),
            "All pairs of halves that can be reached:",
            table(),
        )
    )


def reasons() -> str:
    """Every reason that has a row of its own: how it differs from the others."""
    lines = ["| reason | its deadline ends the connection | the row says |", "|---|---|---|"]
    for reason in Reason:
        row = ROWS[reason]
        if row != PLAIN:
            way = "–" if reason in (Reason.GIVEN_UP, Reason.SHUTDOWN_IDLE) else row.way.value
            said = ", ".join(f"`{name}`" for name in row._fields[1:] if getattr(row, name))
            lines.append(f"| `{reason.name}` | {way} | {said} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(life(), reasons(), sep="\n\n")
