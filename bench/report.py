"""A Markdown page of results, and a shorter text for the terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from bench.bars import Verdict, telling_metric, verdicts
from bench.metrics import METRICS, saturated, shown, title
from bench.results import BASE, OURS, SURE, Results, Spread, chance, compare, spread


class Described(Protocol):
    """What of a workload is needed to tell about it."""

    @property
    def title(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def metrics(self) -> tuple[str, ...]: ...


Workloads = Mapping[str, Described]


def page(results: Results, workloads: Workloads) -> str:
    parts = ["# Results", about(results.machine), *failures(results), *bars(results, workloads)]
    parts += [against_base(results, workloads)]
    if told := overview(results, workloads):
        parts += ["## Ours to theirs", told]
    parts += ["![overview](overview.svg)"] if results.compared() else []
    for name in results.workloads():
        parts += [f"## {workloads[name].title}", details(results, name, workloads[name])]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(results: Results, workloads: Workloads) -> str:
    parts = [*failures(results), *bars(results, workloads), against_base(results, workloads)]
    parts += [overview(results, workloads), noise(results)]
    return "\n\n".join(part for part in parts if part)


# The parts.


def about(machine: Mapping[str, Any]) -> str:
    """On what, when, and how it was measured."""
    lines = [
        f"{machine['date']}, commit {machine['commit']}, Python {machine['python']}, {machine['system']}.",
        f"{machine['cpu']}, {machine['cores']} cores; the server on {machine['server_cores']}, "
        f"the load (in {machine['load_generator']}) on {machine['load_cores']}.",
        f"{machine['rounds']} rounds of {machine['seconds']:g} s; "
        f"load average {machine['load_average']:.1f} at the start.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in machine["versions"].items()) + ".",
    ]
    lines += [f"Left out: {name}, {why}." for name, why in machine["missing"].items()]
    return "\n".join(lines)


def noise(results: Results) -> str:
    shares = [run.metrics["others_busy"] for run in results.runs if "others_busy" in run.metrics]
    if not shares:
        return ""
    share = sum(shares) / len(shares)
    doubt = " These numbers are not to be trusted." if share > 0.05 else ""
    return f"Other programs took {share:.0%} of the cores while this was measured.{doubt}"


def failures(results: Results) -> list[str]:
    failed = [f"- {run.workload}, {run.peer}, round {run.round + 1}: {run.failed}" for run in results.failures()]
    return ["**Failed:**", "\n".join(failed)] if failed else []


def bars(results: Results, workloads: Workloads) -> list[str]:
    rows = [bar_row(verdict, workloads[verdict.workload]) for verdict in verdicts(results)]
    if not rows:
        return []
    return ["## The bars", table(["workload", "against", "what", "ours / theirs", "bar", ""], rows)]


def bar_row(verdict: Verdict, workload: Described) -> list[str]:
    sign = "≥" if verdict.at_least else "≤"
    against = "itself at rest" if verdict.peer == OURS else verdict.peer
    what = title(verdict.metric, workload.unit)
    met = "met" if verdict.met else "**not met**"
    return [workload.title, against, what, ratio_text(verdict.ratio), f"{sign} {verdict.limit:.2f}", met]


def overview(results: Results, workloads: Workloads) -> str:
    """Ours divided by each peer's, for the first metric of each workload; for a rate, `work`."""
    peers = [peer for peer in results.peers() if peer not in (OURS, BASE)]
    if not peers:
        return ""
    rows = []
    for name in results.compared():
        first, unit = workloads[name].metrics[0], workloads[name].unit
        what = f"{unit}*" if first == "rate" else title(first, unit)
        wish = "more" if METRICS[first].more_is_better else "less"
        rows.append([workloads[name].title, what, wish, *(overview_cell(results, name, first, peer) for peer in peers)])
    note = "\\* per second; with a c, per second of server CPU, because it was not both servers that set the pace."
    return table(["workload", "ours / theirs in", "better is", *peers], rows) + "\n\n" + note


def overview_cell(results: Results, name: str, first: str, peer: str) -> str:
    metric = telling_metric(results, name, first, peer)
    ratio = results.ratios(name, peer, metric)
    if ratio is None:
        return ""
    return f"{ratio.median:.2f}" + (" c" if metric != first else "")


def against_base(results: Results, workloads: Workloads) -> str:
    """The library as it stands divided by that of a commit: every metric, and what its spread allows to say."""
    rows = []
    for name in results.workloads():
        for metric in workloads[name].metrics:
            ratios = results.each_ratio(name, BASE, metric)
            ratio, ours = spread(ratios), results.values(name, OURS, metric)
            if ratio is None or ours is None:
                continue
            told = f"{ratio.median:.3f} ({ratio.low:.3f} – {ratio.high:.3f})"
            what = [workloads[name].title, title(metric, workloads[name].unit), shown(metric, ours.median)]
            rows.append([*what, told, ratio_verdict(metric, ratios)])
    if not rows:
        return ""
    return "\n\n".join(
        [
            f"## Here to BASE, commit {results.machine['base']}",
            table(["workload", "what", "here", "here / BASE", ""], rows),
            "The median of the ratios of neighbouring runs, and where the middle half of them lies. Within the spread: "
            "equal versions would give ratios as one-sided as these in more than 5 of 100 cases.",
        ]
    )


def ratio_verdict(metric: str, ratios: list[float]) -> str:
    if chance(ratios) >= SURE:
        return "within the spread"
    return "better" if (statistics.median(ratios) > 1) == METRICS[metric].more_is_better else "worse"


def details(results: Results, name: str, workload: Described) -> str:
    """A row for each peer: each metric with its spread, and ours to theirs in it."""
    metrics = [metric for metric in workload.metrics if has(results, name, metric)]
    busy = has(results, name, "server_busy") and has(results, name, "load_busy")
    header = ["", *(word for metric in metrics for word in (title(metric, workload.unit), "ours / theirs"))]
    rows = []
    for peer in results.peers(name):
        row = [f"**{peer}**" if peer == OURS else peer]
        for metric in metrics:
            row += [spread_text(metric, results.values(name, peer, metric))]
            row += ["" if peer == OURS else ratio_text(results.ratios(name, peer, metric))]
        rows.append([*row, busy_text(results, name, peer)] if busy else row)
    return table([*header, "the pace was set by"] if busy else header, rows)


def has(results: Results, workload: str, metric: str) -> bool:
    return any(results.values(workload, peer, metric) for peer in results.peers(workload))


def busy_text(results: Results, workload: str, peer: str) -> str:
    server, load = (results.values(workload, peer, metric) for metric in ("server_busy", "load_busy"))
    if server is None or load is None:
        return ""
    who = saturated(server.median, load.median)
    return f"{who} (server {server.median:.0%}, load {load.median:.0%})"


def spread_text(metric: str, spread: Spread | None) -> str:
    if spread is None:
        return "failed"
    return f"{shown(metric, spread.median)} ({shown(metric, spread.low)} – {shown(metric, spread.high)})"


def ratio_text(spread: Spread | None) -> str:
    return "" if spread is None else f"{spread.median:.2f} ({spread.low:.2f} – {spread.high:.2f})"


def comparison(before: Results, after: Results, workloads: Workloads) -> str:
    """What has become of each number: of ours, the number; of a peer, our ratio to it."""
    rows = []
    for change in compare(before, after, METRICS):
        workload = workloads.get(change.workload)
        if workload is None or change.metric not in workload.metrics:
            continue
        ours = change.peer == OURS
        medians = (change.before.median, change.after.median)
        numbers = [shown(change.metric, median) if ours else f"{median:.2f}" for median in medians]
        subject = "ours" if ours else f"ours / {change.peer}"
        what, factor = title(change.metric, workload.unit), f"{change.factor:.2f}"
        rows.append([workload.title, subject, what, *numbers, factor, verdict_text(change.metric, change)])
    return table(["workload", "", "what", "before", "after", "after / before", ""], rows)


def verdict_text(metric: str, change: Any) -> str:
    if not change.certain:
        return "within the spread"
    return "better" if (change.factor > 1) == METRICS[metric].more_is_better else "worse"


def table(header: list[str], rows: Iterable[list[str]]) -> str:
    """Markdown whose source can be read too."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def text(cells: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([text(header), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(text, lines[1:])])
