"""The account of a run under stress: what was done to the server, how often, and what it cost whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

HEADINGS = ("done to it", "times", "bytes lost", "worst honest latency", "leaks")


class Row(NamedTuple):
    """One thing that was done. A byte that did not arrive is lost unless a report says so."""

    what: str
    times: int
    lost: int
    worst: float | None  # seconds that a message of an honest client took at most; None: there was none
    leaks: int  # descriptors, registrations, timers, connections that should have gone

    def cells(self) -> tuple[str, ...]:
        worst = "–" if self.worst is None else f"{self.worst * 1e3:.1f} ms"
        return (self.what, f"{self.times:,}", f"{self.lost:,}", worst, f"{self.leaks:,}")


def table(rows: Iterable[Row]) -> list[str]:
    """As Markdown, with what all rows come to at the end."""
    every = list(rows)
    worst = max((row.worst for row in every if row.worst is not None), default=None)
    total = Row("all", sum(row.times for row in every), sum(row.lost for row in every), worst,
                sum(row.leaks for row in every))  # fmt: skip
    cells = [HEADINGS, *(row.cells() for row in [*every, total])]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]
    lines = [_line(line, widths) for line in cells]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return [lines[0], rule, *lines[1:]]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    first, *others = (cell.ljust(width) if not column else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(cells, widths, strict=True)))  # fmt: skip
    return "| " + " | ".join([first, *others]) + " |"


class Account:
    """What one test has to tell."""

    def __init__(self, rows: list[Row], progress: Callable[[str], None]) -> None:
        self._rows = rows
        #: Says how far it is.
        self.progress = progress

    def did(self, what: str, times: int, *, lost: int = 0, worst: float | None = None, leaks: int = 0) -> None:
        """`times` of it were done. Nothing may be lost, and nothing be left."""
        self._rows.append(Row(what, times, lost, worst, leaks))
        assert lost == 0, f"{what}: {lost} bytes lost"
        assert leaks == 0, f"{what}: {leaks} leaks"
