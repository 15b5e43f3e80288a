"""Where chance comes from: one seed, and a record of every choice that was made.

A `Choices` has streams by name, each with a generator of its own that is seeded by the seed and the name: what one
client draws does not depend on how often another did. Every choice is a number below a bound, and 0 is always the
simplest: no delay, no fault, the first of a list. A record is played back by giving it in the place of the generator;
where it ends, all is 0. So to simplify a failure is to cut its record and to put zeros into it, see `shrinking.py`.

Nothing here or beside may depend on the order of a set or on `hash()`, which differ between processes.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

Record = dict[str, list[int]]


class Stream:
    """Choices of one kind, one after the other."""

    __slots__ = ("_given", "_random", "taken")

    def __init__(self, seed: str, given: Sequence[int] | None) -> None:
        self._given = given
        self._random = random.Random(seed).random
        #: Every choice so far.
        self.taken: list[int] = []

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        given = self._given
        if given is None:
            chosen = int(self._random() * bound)
        else:
            position = len(self.taken)
            chosen = min(given[position], bound - 1) if position < len(given) else 0
        self.taken.append(chosen)
        return chosen

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: float) -> bool:
        """True in so many of a hundred cases."""
        return self.below(10_000) >= 10_000 - percent * 100

    def pick(self, options: Sequence[T]) -> T:
        """One of several, the simplest first."""
        return options[self.below(len(options))]

    def shuffle(self, items: list[T]) -> None:
        """Put them in any order."""
        for i in range(len(items) - 1):
            j = i + self.below(len(items) - i)
            items[i], items[j] = items[j], items[i]


class Choices:
    """All streams of one run: of a seed, or of a record of an earlier one."""

    def __init__(self, seed: int = 0, record: Mapping[str, Sequence[int]] | None = None) -> None:
        self.seed = seed
        self._record = record
        self._streams: dict[str, Stream] = {}

    def stream(self, name: str) -> Stream:
        """The stream of this name."""
        found = self._streams.get(name)
        if found is None:
            given = None if self._record is None else self._record.get(name, ())
            found = self._streams[name] = Stream(f"{self.seed} {name}", given)
        return found

    @property
    def record(self) -> Record:
        """What was chosen, for another run."""
        return {name: list(stream.taken) for name, stream in self._streams.items() if stream.taken}
