"""The command line of counting: `make bench-counts BASE=<commit>`.

    python -m bench.counts --base COMMIT [--only WORKLOADS] [--runs N] [--jobs N] [--out DIRECTORY]

Each workload runs under callgrind with the library of COMMIT and with the library of the working tree. The table shows
instructions, the change, the spread of runs of one library, and a verdict. Results go to bench/results/counts, unless
told otherwise by --out. `counting/` says how it counts.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench import machine, results, versions
from bench.counting import callgrind
from bench.counting.judge import METRIC, Judged, judged, percent
from bench.counting.workloads import WORKLOADS, Counted
from bench.results import BASE, Results, Run
from bench.run import RESULTS, chosen_names, positive, several
from bench.stage import Failed

console = Console(highlight=False)


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return measure(options)
    except (ValueError, OSError) as error:
        console.print(f"{error}", style="red", markup=False)
        return 2


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.counts", description=__doc__, epilog="See bench/README.md.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--base", metavar="COMMIT", default="", help="the commit to compare with (make: BASE=...)")
    parser.add_argument("--only", metavar="A,B", type=several, default=[], help=f"of {', '.join(WORKLOADS)}")
    parser.add_argument("--runs", metavar="N", type=positive(int), default=2, help="of each library; 2")
    jobs = len(os.sched_getaffinity(0))
    parser.add_argument("--jobs", metavar="N", type=positive(int), default=jobs, help="at the same time; one a core")
    parser.add_argument("--out", metavar="DIRECTORY", type=Path, default=RESULTS / "counts")
    return parser.parse_args(words)


def measure(options: argparse.Namespace) -> int:
    if not options.base:
        raise ValueError("say which commit to compare with: make bench-counts BASE=<commit>")
    if options.runs < 2:
        raise ValueError("one run has no spread: --runs must be at least 2")
    callgrind.require()
    commit = versions.short_name(options.base)
    names = chosen_names(options.only, WORKLOADS)
    found = Results(machine.describe() | {"base": commit, "runs": options.runs})
    with versions.two(commit, options.runs) as libraries:
        found.runs = perform([WORKLOADS[name] for name in names], libraries, options.runs, options.jobs)
    options.out.mkdir(parents=True, exist_ok=True)
    results.save(found, options.out / "results.json")
    tell(found)
    console.print(f"wrote {os.path.relpath(options.out / 'results.json')}")
    return 1 if found.failures() else 0


def perform(workloads: list[Counted], libraries: dict[str, list[Path]], runs: int, jobs: int) -> list[Run]:
    """The commit's runs of a workload come first: their spread is known before there is a change to judge."""
    steps = [(workload, library, number) for workload in workloads for library in libraries for number in range(runs)]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task("counting", total=len(steps))

        def step(workload: Counted, library: str, number: int) -> Run:
            where = (workload.name, library, number, 0)
            try:
                run = Run(*where, {METRIC: callgrind.count(workload, libraries[library][number], number)})
            except Failed as failure:
                run = Run(*where, failed=str(failure))
            progress.advance(task)
            return run

        return list(pool.map(lambda words: step(*words), steps))


def tell(found: Results) -> None:
    base, ours = found.machine["base"], found.machine["commit"]
    title = f"user instructions of the server, Python {found.machine['python']}"
    table = Table("workload", title=title, box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in (f"BASE {base}", f"here {ours}", "each", "change", "spread"):
        table.add_column(column, justify="right")
    table.add_column("verdict")
    for one in judged(found):
        table.add_row(*row(one))
    console.print(table)
    for workload, library, failed in dict.fromkeys((run.workload, run.peer, run.failed) for run in found.failures()):
        which = base if library == BASE else f"{ours}, the working tree"
        console.print(f"{workload} cannot be counted with {which}: {failed}", style="red", markup=False)
    if any(one.verdict == "within the spread" for one in judged(found)):
        console.print("A change within the spread says nothing: runs of one and the same library differ as much.")


def row(one: Judged) -> list[str]:
    units = WORKLOADS[one.workload].units
    each = f"{one.after / units:,.0f}" if units > 1 else ""
    numbers = [f"{one.before / 1e6:,.2f} M", f"{one.after / 1e6:,.2f} M", each]
    return [one.workload, *numbers, percent(one.change), percent(one.spread, "-"), one.verdict]


if __name__ == "__main__":
    sys.exit(main())
