"""From a failure to a simple one: cut and zero the record of its choices as long as it still fails.

0 is the simplest choice everywhere (`choices.py`), and where a record ends all is 0. So four passes do, over and over
while they help: leave whole streams out, cut streams short, put zeros in, make numbers smaller. hypothesis shrinks more
cleverly; but a program that tests its own server with this library needs nothing besides.
"""

from __future__ import annotations

from collections.abc import Callable

from .choices import Record

MOST_TRIES = 2_000
BLOCKS = (64, 16, 4, 1)  # choices at a time
SHARES = (0.25, 0.5, 0.75, 0.9)  # of a stream that is kept


def shrink(record: Record, fails: Callable[[Record], bool], tries: int = MOST_TRIES) -> Record:
    """A simpler record that still fails; the same one if there is none."""
    search = _Search(_trimmed(record), fails, tries)
    before: Record | None = None
    while search.best != before and search.tries > 0:
        before = search.best
        for name in sorted(before, key=lambda name: -len(before[name])):  # called at once
            search.without(name)
        for name in list(search.best):
            search.cut_short(name)
            search.put_zeros(name)
            search.make_smaller(name)
    return search.best


class _Search:
    """The simplest record so far."""

    def __init__(self, best: Record, fails: Callable[[Record], bool], tries: int) -> None:
        self.best = best
        self.tries = tries
        self._fails = fails

    def _try(self, name: str, values: list[int]) -> None:
        candidate = _trimmed({**self.best, name: values})
        if self.tries > 0 and candidate != self.best:
            self.tries -= 1
            if self._fails(candidate):
                self.best = candidate

    def _values(self, name: str) -> list[int]:
        return self.best.get(name, [])

    def without(self, name: str) -> None:
        self._try(name, [])

    def cut_short(self, name: str) -> None:
        for share in SHARES:
            values = self._values(name)
            self._try(name, values[: int(len(values) * share)])

    def put_zeros(self, name: str) -> None:
        for block in BLOCKS:
            for start in range(0, len(self._values(name)), block):
                values = self._values(name)
                self._try(name, [*values[:start], *[0] * min(block, len(values) - start), *values[start + block :]])

    def make_smaller(self, name: str) -> None:
        for place in range(len(self._values(name))):
            values = self._values(name)
            while place < len(values) and values[place] > 1:
                self._try(name, [*values[:place], values[place] // 2, *values[place + 1 :]])
                if self._values(name) == values:
                    break
                values = self._values(name)


def _trimmed(record: Record) -> Record:
    """Without zeros at the ends, which mean nothing."""
    trimmed = {}
    for name, values in record.items():
        end = len(values)
        while end and not values[end - 1]:
            end -= 1
        if end:
            trimmed[name] = values[:end]
    return trimmed
