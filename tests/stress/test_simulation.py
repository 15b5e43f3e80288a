"""Whatever a program, its clients, the network and the kernel do, in simulated worlds: every promise is kept.

The seeds are fixed, so that a run of the suite says the same every time; `make stress` lives fresh ones. A failure
names the seed, and `python -m tests.stress.simulate --seed N` shows the simplest way to it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reactor.testing import Choices
from tests.stress import simulate
from tests.stress.accounts import Account
from tests.stress.crowd import Crowd

WORLDS = 40  # a test
TRACE = """
from tests.stress import simulate
from reactor.testing import Choices
for seed in range(20):
    world = simulate.made(Choices(seed))
    world.kernel.trace = []
    world.live()
    print("\\n".join([*world.kernel.trace, *map(str, world.reports)]))
"""


@pytest.mark.expects_errors  # listeners that raise are among what programs do
@pytest.mark.parametrize("first", range(0, 480, WORLDS))
def test_every_promise_is_kept_in_every_world(first: int) -> None:
    done, failed = simulate.batch(range(first, first + WORLDS))
    assert not failed, "\n".join(simulate.failures(failed))
    assert done["connections"] > 10 * WORLDS
    assert min(done["bytes read"], done["clean endings"]) > 0


@pytest.mark.slow
@pytest.mark.expects_errors
def test_every_promise_is_kept_in_as_many_fresh_worlds_as_are_asked_for(account: Account) -> None:
    """`make stress SEEDS=50000`: the number of worlds."""
    count = int(os.environ.get("SEEDS", "10000"))
    done, failed = simulate.run(count, simulate.fresh_seed(), os.cpu_count() or 1, account.progress)
    assert not failed, "\n".join(simulate.failures(failed))
    for what, names in {
        "simulated connections": ["connections"],
        "simulated programs that do anything": ["programs: does anything", "programs: does anything else"],
        "simulated clients that do anything": ["clients: does anything"],
        "simulated clients that vanish": ["clients: vanishes"],
        "simulated calls that fail": [name for name in done if name.startswith("failed calls: ")],
    }.items():
        account.did(what, sum(done[name] for name in names))
    assert done["connections"] > 10 * count


def test_a_seed_is_lived_again_to_the_byte_whatever_the_hash_seed() -> None:
    traces = []
    for hash_seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        run = subprocess.run(
            [sys.executable, "-c", TRACE], capture_output=True, check=True, env=environment, timeout=60
        )
        traces.append(run.stdout)
    assert len(traces[0]) > 200_000
    assert hashlib.sha256(traces[0]).digest() == hashlib.sha256(traces[1]).digest()


@pytest.mark.expects_errors
def test_a_record_of_choices_makes_the_same_world_as_its_seed() -> None:
    seeded = Choices(7)
    first = Crowd(seeded, 10)
    first.live()
    second = Crowd(Choices(7, seeded.record), 10)
    second.live()
    assert second.tally() == first.tally()
