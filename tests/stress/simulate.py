"""Live many simulated worlds, and say what was done to them. `make stress` does, among other things; alone it is

python -m tests.stress.simulate 5000            5,000 fresh seeds
python -m tests.stress.simulate --seed 17       one seed again; if it fails, simplified

A world has 20 connections (`crowd.py`). Exit status 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from reactor.testing import Choices
from reactor.testing.simulation import failure_of, simplest
from tests.stress.crowd import Crowd
from tests.stress.relays import Relays
from tests.stress.worlds import World

SIZE = 20  # connections a world
BATCH = 50  # worlds between two lines of progress
COLUMNS = 3  # of the table
SHOWN = 3  # failures told in full


def scenario(choices: Choices) -> World:
    """One world; raises what is wrong with it."""
    world = made(choices)
    world.live()
    return world


def made(choices: Choices) -> World:
    """Every fifth world has a relay in it."""
    return (Relays if choices.seed % 5 == 4 else Crowd)(choices, SIZE)


def batch(seeds: range) -> tuple[Counter[str], list[tuple[int, str]]]:
    """Some worlds: what was done in all, and which failed."""
    done: Counter[str] = Counter()
    failed = []
    for seed in seeds:
        try:
            done += scenario(Choices(seed)).tally()
        except Exception as error:
            failed.append((seed, f"{type(error).__name__}: {error}"))
    return done, failed


def fresh_seed() -> int:
    """One that was never used before, and with as many behind it as anybody lives."""
    return int(time.time()) * 1000


def run(count: int, first: int, jobs: int, tell: Callable[[str], None]) -> tuple[Counter[str], list[tuple[int, str]]]:
    """All of them, in processes; `tell` hears how far it is."""
    done: Counter[str] = Counter()
    failed: list[tuple[int, str]] = []
    batches = [range(at, min(at + BATCH, first + count)) for at in range(first, first + count, BATCH)]
    started = time.monotonic()
    with multiprocessing.Pool(jobs) as pool:
        for number, (more, wrong) in enumerate(pool.imap_unordered(batch, batches), 1):
            done += more
            failed += wrong
            pace = done["connections"] / (time.monotonic() - started)
            lived = f"{min(number * BATCH, count):,} of {count:,} worlds, {done['connections']:,} connections"
            tell(f"{lived}, {pace:,.0f} a second, {len(failed)} failed")
    done["seconds of real time"] = round(time.monotonic() - started)
    return done, failed


def table(done: Counter[str], failed: list[tuple[int, str]]) -> str:
    """What was done to it, how often, and what came of it."""
    groups: dict[str, list[str]] = {}
    for name, count in sorted(done.items(), key=lambda item: -item[1]):
        group, _, rest = name.rpartition(": ")
        groups.setdefault(group or "in all", []).append(f"{count:>15,}  {rest:<22}")
    lost = "?" if failed else "0"
    groups["promises"] = [f"{len(failed):>15,}  worlds with one broken", f"{lost:>15}  bytes lost, leaks"]
    lines = []
    for group, entries in groups.items():
        lines.append(group)
        lines += ["".join(entries[at : at + COLUMNS]).rstrip() for at in range(0, len(entries), COLUMNS)]
    return "\n".join(lines)


def failures(failed: list[tuple[int, str]]) -> list[str]:
    """The first few, and how to see them again."""
    return [f"\n{text}\n  again: python -m tests.stress.simulate --seed {seed}" for seed, text in failed[:SHOWN]]


def again(seed: int) -> int:
    """One seed, and the simplest way to its failure."""
    choices = Choices(seed)
    error = failure_of(scenario, choices)
    if error is None:
        print(f"seed {seed}: every promise was kept")
        return 0
    print(f"seed {seed}: {type(error).__name__}: {error}\n")
    record = simplest(scenario, seed, choices.record, error)
    world = made(Choices(seed, record))
    print(f"simplified: {failure_of(lambda choices: world.live(), choices)}")
    print(world.explained())
    print(f"  its choices {json.dumps(record)}")
    return 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=10_000, help="worlds (10,000: 200,000 connections)")
    parser.add_argument("--first", type=int, help="the first seed; else one that was never used before")
    parser.add_argument("--seed", type=int, help="live this one again")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    given: Any = parser.parse_args()
    if given.seed is not None:
        return again(given.seed)
    first = given.first if given.first is not None else fresh_seed()
    done, failed = run(given.count, first, given.jobs, lambda text: print(f"\r{text} ", end="", file=sys.stderr))
    print(file=sys.stderr)
    print(table(done, failed))
    print(*failures(failed), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
