"""The command line: `make bench`, `make bench-full`, `make bench ARGS="--only echo --peers node,twisted"`.

    python -m bench.run [--full] [--only WORKLOADS] [--peers PEERS] [--rounds N] [--seconds S] [--out DIRECTORY]
    python -m bench.run --base COMMIT [the same]       this library beside itself as a commit has it, and no peers
    python -m bench.run compare BEFORE.json AFTER.json
    python -m bench.run report RESULTS.json            the page and the pictures again
    python -m bench.run list                           workloads and peers

Results go to bench/results/quick, full or base, unless told otherwise by --out.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import machine, plots, report, results
from bench.peers import BY_NAME, EVERYBODY, Peer
from bench.plan import Step, plan
from bench.results import BASE, OURS, Results, Run
from bench.stage import Failed, Stage
from bench.versions import short_name, two
from bench.workloads import Workload, every_workload

RESULTS = machine.ROOT / "bench" / "results"
console = Console(highlight=False)


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        return int(options.command(options) or 0)
    except (ValueError, OSError) as error:
        console.print(f"{error}", style="red", markup=False)
        return 2


def parse(words: list[str]) -> argparse.Namespace:
    commands = {"compare": ("before", "after"), "report": ("file",), "list": ()}
    named = words[0] if words and words[0] in commands else None
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__, epilog="See bench/README.md.",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    if named is not None:
        parser.add_argument("name", choices=[named])
        for argument in commands[named]:
            parser.add_argument(argument, type=Path)
        parser.set_defaults(command={"compare": show_comparison, "report": write_again, "list": show_list}[named])
        return parser.parse_args(words)
    parser.add_argument("--full", action="store_true", help="every workload and every peer; otherwise the main ones")
    parser.add_argument("--only", metavar="A,B", type=several, default=[], help="these workloads; echo* is a pattern")
    parser.add_argument("--peers", metavar="A,B", type=several, default=[], help="these peers, beside ours")
    parser.add_argument("--base", metavar="COMMIT", help="compare with the library of this commit")
    parser.add_argument("--rounds", metavar="N", type=positive(int), help="5; with --base, 11")
    parser.add_argument(
        "--seconds", metavar="S", type=positive(float), help="that are counted in a run; 0.35, 1 in the full one"
    )
    parser.add_argument("--out", metavar="DIRECTORY", type=Path, help="directory for the results")
    parser.add_argument("--python-load", action="store_true", help="the load generator in Python even if there is a cc")
    parser.set_defaults(command=measure)
    return parser.parse_args(words)


def several(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def positive(kind: type[float]) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    return convert


# Measuring.


def measure(options: argparse.Namespace) -> int:
    if options.base:
        options.base = short_name(options.base)
    options.rounds = options.rounds or (11 if options.base else 5)
    limit = machine.allow_many_descriptors()
    if limit < 16_000:
        console.print(f"[yellow]only {limit} descriptors are allowed here (ulimit -Hn): large workloads will fail[/]")
    seconds = options.seconds or (1.0 if options.full else 0.35)
    stage = Stage(seconds, warmup=min(0.3, seconds / 2), python_load=options.python_load)
    chosen = choose(options)
    missing = {name: why for name in EVERYBODY if (why := BY_NAME[name].missing())}
    for name, why in missing.items():
        console.print(f"[yellow]without {BY_NAME[name].title}: {why}[/]")
    if stage.slow_load:
        console.print("[yellow]the load generator is the one in Python: it is as slow as what it measures[/]")
    taking_part = [(workload.name, [name for name in peers if name not in missing]) for workload, peers in chosen]
    found = Results(describe(stage, missing, options.rounds, seconds))
    if options.base:
        found.machine["base"] = options.base
    with peers_with(options.base) as peers:
        try:
            perform(stage, list(plan(taking_part, options.rounds)), peers, found)
        except KeyboardInterrupt:
            console.print("[yellow]stopped; what was measured so far is written[/]")
    return write(found, options.out or RESULTS / ("base" if options.base else "full" if options.full else "quick"))


@contextmanager
def peers_with(base: str | None) -> Iterator[dict[str, Peer]]:
    """All peers by name; with a commit, ours in both versions, each with the library in a directory of its own."""
    if base is None:
        yield BY_NAME
        return
    ours = BY_NAME[OURS]
    with two(base) as places:
        here = replace(ours, library=places[OURS][0])
        before = replace(ours, library=places[BASE][0], name=BASE, title=f"{ours.title} {base}")
        yield BY_NAME | {OURS: here, BASE: before}


def choose(options: argparse.Namespace) -> list[tuple[Workload, list[str]]]:
    """Workloads, and the peers that take part in each. Raises ValueError for unknown names."""
    known = every_workload()
    names = chosen_names(options.only, known)
    for name in options.peers:
        if name not in BY_NAME:
            raise ValueError(f"no peer {name!r}; there are {', '.join(BY_NAME)}")
    chosen = []
    for workload in (known[name] for name in names):
        peers = workload.peers(quick=not (options.full or options.only or options.peers))
        if peers and (options.peers or options.base):
            peers = [name for name in peers if name == OURS or name in options.peers]
        if peers and options.base:
            peers.append(BASE)
        if peers:
            chosen.append((workload, peers))
    return chosen


def chosen_names(only: list[str], known: Iterable[str]) -> list[str]:
    """The known names that fit a pattern; without a pattern, all. Raises ValueError for a pattern that fits none."""
    names = list(known)
    for pattern in only:
        if not fnmatch.filter(names, pattern):
            raise ValueError(f"no workload {pattern!r}; there are {', '.join(names)}")
    return [name for name in names if not only or any(fnmatch.fnmatchcase(name, pattern) for pattern in only)]


def describe(stage: Stage, missing: dict[str, str], rounds: int, seconds: float) -> dict[str, object]:
    return machine.describe() | {
        "server_cores": sorted(stage.server_cores),
        "load_cores": sorted(stage.load_cores),
        "load_generator": "Python" if stage.slow_load else "C",
        "rounds": rounds,
        "seconds": seconds,
        "missing": missing,
        "versions": {name: peer.version() for name, peer in BY_NAME.items() if name not in missing},
    }


def perform(stage: Stage, steps: list[Step], peers: dict[str, Peer], found: Results) -> None:
    known = every_workload()
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=len(steps))
        for step in steps:
            workload, peer = known[step.workload], peers[step.peer]
            progress.update(task, description=f"{workload.name} · {peer.title} · round {step.round + 1}")
            run = perform_step(stage, step, peer, workload)
            if run.failed:
                progress.console.print(f"[red]{workload.title}, {peer.title}: {run.failed}[/]")
            found.runs.append(run)
            progress.advance(task)


def perform_step(stage: Stage, step: Step, peer: Peer, workload: Workload) -> Run:
    where = (step.workload, step.peer, step.round, step.group)
    busy, own = machine.busy_seconds(), own_seconds()
    begun = os.times().elapsed
    try:
        metrics = workload.measure(stage, peer, workload)
    except Failed as failure:
        return Run(*where, failed=str(failure))
    others = (machine.busy_seconds() - busy) - (own_seconds() - own)
    cores = len(stage.server_cores | stage.load_cores)
    return Run(*where, metrics | {"others_busy": max(others, 0) / (os.times().elapsed - begun) / cores})


def own_seconds() -> float:
    """CPU seconds of this process and of all that it started and that has exited."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


# Telling.


def write(found: Results, directory: Path) -> int:
    if not found.runs:
        raise ValueError("nothing was measured")
    directory.mkdir(parents=True, exist_ok=True)
    results.save(found, directory / "results.json")
    page = report.page(found, every_workload())
    (directory / "results.md").write_text(page)
    print(report.summary(found, every_workload()))
    for path in (directory / "results.md", directory / "results.json", *plots.draw(found, every_workload(), directory)):
        console.print(f"wrote {os.path.relpath(path)}")
    return 1 if found.failures() else 0


def write_again(options: argparse.Namespace) -> int:
    return write(results.load(options.file), options.file.parent)


def show_comparison(options: argparse.Namespace) -> int:
    before, after = results.load(options.before), results.load(options.after)
    print(report.comparison(before, after, every_workload()))
    return 0


def show_list(options: argparse.Namespace) -> int:
    for workload in every_workload().values():
        console.print(f"{workload.name:16} {workload.title}")
    console.print()
    for peer in BY_NAME.values():
        console.print(f"{peer.name:16} {peer.title}{', not here: ' + why if (why := peer.missing()) else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
