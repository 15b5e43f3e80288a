"""Who runs when.

What else the machine does changes from minute to minute, so a peer is compared with a run of ours next to it and
not with one of long ago: peers run in groups of four with ours in the middle, two runs away at most. Each round
turns the order around, so that nobody always runs after the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.results import OURS

GROUP = 4


@dataclass(frozen=True, slots=True)
class Step:
    workload: str
    peer: str
    round: int
    group: int


def groups(peers: Sequence[str]) -> list[list[str]]:
    """Peers by fours, ours in the middle of each group; ours alone when there is nobody else."""
    others = [peer for peer in peers if peer != OURS]
    if OURS not in peers:
        return [others]
    found = []
    for begin in range(0, len(others) or 1, GROUP):
        some = others[begin : begin + GROUP]
        middle = len(some) // 2
        found.append([*some[:middle], OURS, *some[middle:]])
    return found


def plan(peers_of: Iterable[tuple[str, Sequence[str]]], rounds: int) -> Iterator[Step]:
    """All steps, for (workload, its peers) one after the other."""
    for workload, peers in peers_of:
        arranged = groups(peers)
        for number in range(rounds):
            steps = [Step(workload, peer, number, group) for group, some in enumerate(arranged) for peer in some]
            yield from steps if number % 2 == 0 else reversed(steps)
