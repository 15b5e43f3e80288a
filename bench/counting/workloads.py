"""What is counted, and in how many batches.

The totals are those of the table: 10,000 messages, 10,000 lines, 2,000 connections, 64 MiB, 50,000 timers. The warm-up
is long enough for the interpreter to have specialised what runs in every batch, and for TCP to have opened its window.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.counting import lockstep


@dataclass(frozen=True, slots=True)
class Counted:
    name: str
    units: int  # messages, lines, connections, MiB, timers between the marks
    batches: int = 0
    warm_up: int = 0  # batches before the first mark
    batch: int = 0  # see server.py
    load: lockstep.Load | None = None

    def numbers(self) -> list[str]:
        """For the command line of server.py."""
        return [str(number) for number in (self.warm_up, self.batches, self.batch)]


IMPORT = "import"  # has no server: the whole of it stands between the marks

WORKLOADS = {
    workload.name: workload
    for workload in (
        Counted("echo", 10_000, 200, 20, 50 * 64, lockstep.echoing(50, 1, 64)),
        Counted("lines", 10_000, 25, 10, 25 * 16, lockstep.echoing(25, 16, 64)),
        Counted("connections", 2_000, 40, 10, 50, lockstep.churning(50)),
        Counted("bulk", 64, 256, 32, 1 << 18, lockstep.echoing(1, 1, 1 << 18)),
        Counted("timers", 50_000, 50, 5, 1_000),
        Counted(IMPORT, 1),
    )
}
