"""Pictures of the results, each as SVG and PNG.

`overview`: how many times better or worse than each peer, a row for each workload. `workloads`: what was measured, a
panel for each. `growth`: the cost of an operation as connections grow. `latency`: how long messages wait.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.bars import telling_metric
from bench.metrics import METRICS, shown, title
from bench.report import Described, Workloads
from bench.results import BASE, OURS, Results, Spread

COLUMNS = 3
OURS_COLOR, LIMIT_COLOR = "#d1242f", "#000000"
COLORS = {
    OURS: OURS_COLOR, "limit": LIMIT_COLOR, "uvloop-protocol": "#6639ba", "uvloop-streams": "#b799e8",
    "asyncio-protocol": "#0969da", "asyncio-streams": "#80b9f5", "node": "#2da44e", "gevent": "#bf8700",
    "twisted": "#8c5a3c", "tornado": "#57606a", "trio": "#d15aa8", BASE: "#e58a92",
}  # fmt: skip
GROWTH = "growth-"
TICKS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32, 64)

plt.rcParams |= {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "svg.fonttype": "none"}


def draw(results: Results, workloads: Workloads, directory: Path) -> Iterator[Path]:
    """Those for which there are results; where they were written."""
    figures = {
        "overview": overview(results, workloads),
        "workloads": panels(results, workloads),
        "growth": growth(results),
        "latency": latency(results),
    }
    for name, figure in figures.items():
        if figure is None:
            continue
        for ending in ("svg", "png"):
            path = directory / f"{name}.{ending}"
            figure.savefig(path, dpi=150, bbox_inches="tight")
            yield path
        plt.close(figure)


def overview(results: Results, workloads: Workloads) -> Figure | None:
    names = [name for name in results.compared() if not name.startswith(GROWTH)]
    peers = [peer for peer in results.peers() if peer != OURS]
    if not peers or not names:
        return None
    figure, axes = plt.subplots(figsize=(9, 0.45 * len(names) + 1.6))
    for row, name in enumerate(names):
        for number, peer in enumerate(peers):
            metric = telling_metric(results, name, workloads[name].metrics[0], peer)
            better = advantage(results.ratios(name, peer, metric), metric)
            if better is not None:
                height = row + 0.5 * (number / max(len(peers) - 1, 1) - 0.5)
                whiskers = [[better.median - better.low], [better.high - better.median]]
                axes.errorbar(better.median, height, xerr=whiskers, fmt="o", ms=5, lw=1, color=COLORS[peer], label=peer)
    for row in range(0, len(names), 2):
        axes.axhspan(row - 0.5, row + 0.5, color="black", alpha=0.04, lw=0)
    axes.axvline(1, color=OURS_COLOR, lw=1.5)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×" if value >= 1 else f"1/{1 / value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks([value for value in TICKS if in_range(axes, value)])
    axes.set_yticks(range(len(names)), [workloads[name].title for name in names])
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(
        "reactor beside others: right of the line, reactor is better (medians, and the middle half of rounds)"
    )
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    axes.legend(
        handles.values(), handles.keys(), ncols=5, loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False
    )
    return figure


def advantage(ratio: Spread | None, metric: str) -> Spread | None:
    """How many times better ours is: turned around where less is better."""
    if ratio is None or METRICS[metric].more_is_better:
        return ratio
    if ratio.low <= 0:
        return None
    return Spread(1 / ratio.median, 1 / ratio.high, 1 / ratio.low, ratio.count)


def in_range(axes: Axes, value: float) -> bool:
    low, high = axes.get_xlim()
    return low <= value <= high


def panels(results: Results, workloads: Workloads) -> Figure | None:
    names = [name for name in results.workloads() if not name.startswith(GROWTH)]
    if not names:
        return None
    rows = -(-len(names) // COLUMNS)
    figure, grid = plt.subplots(rows, COLUMNS, figsize=(5 * COLUMNS, 3.1 * rows), squeeze=False, layout="constrained")
    for axes in grid.flat[len(names) :]:
        axes.axis("off")
    for axes, name in zip(grid.flat, names, strict=False):
        panel(axes, results, name, workloads[name])
    return figure


def panel(axes: Axes, results: Results, name: str, workload: Described) -> None:
    """A bar for each peer, the best on top, with its number and ours to theirs."""
    metric = workload.metrics[0]
    found = [(peer, spread) for peer in results.peers(name) if (spread := results.values(name, peer, metric))]
    found.sort(key=lambda pair: pair[1].median, reverse=METRICS[metric].more_is_better)
    wish = "more" if METRICS[metric].more_is_better else "less"
    axes.set_title(workload.title, loc="left", fontweight="bold")
    axes.set_xlabel(f"{title(metric, workload.unit)} ({wish} is better)")
    for row, (peer, spread) in enumerate(found):
        whiskers = [[spread.median - spread.low], [spread.high - spread.median]]
        axes.barh(row, spread.median, color=COLORS[peer], alpha=0.9 if peer in (OURS, "limit") else 0.55)
        axes.errorbar(spread.median, row, xerr=whiskers, color="black", lw=1, capsize=2)
        ratio = results.ratios(name, peer, metric)
        beside = "" if peer == OURS or ratio is None else f"   ours = {ratio.median:.2f} ×"
        axes.annotate(
            f" {shown(metric, spread.median)}{beside}", (spread.high, row), xytext=(4, 0), textcoords="offset points",
            va="center", fontsize=8,
        )  # fmt: skip
    axes.set_yticks(range(len(found)), [peer for peer, _ in found])
    for label in axes.get_yticklabels():
        if label.get_text() == OURS:
            label.set_color(OURS_COLOR)
            label.set_fontweight("bold")
    axes.invert_yaxis()
    axes.margins(x=0.35)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(metric, value) if value else "0"))
    axes.locator_params(axis="x", nbins=4)


def growth(results: Results) -> Figure | None:
    """Server CPU of one message, against the number of connections."""
    counts = sorted(int(name.removeprefix(GROWTH)) for name in results.workloads() if name.startswith(GROWTH))
    if len(counts) < 2:
        return None
    figure, axes = plt.subplots(figsize=(8, 5))
    for peer in results.peers(f"{GROWTH}{counts[0]}"):
        spreads = [results.values(f"{GROWTH}{count}", peer, "per_cpu") for count in counts]
        pairs = zip(counts, spreads, strict=True)
        points = [(count, 1e6 / one.median, 1e6 / one.high, 1e6 / one.low) for count, one in pairs if one]
        if points:
            line(axes, peer, points)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections, each with one message of 64 B under way")
    axes.set_ylabel("server CPU per message, µs")
    axes.set_title("What a message costs as connections grow (flat is good, low is better)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def line(axes: Axes, peer: str, points: Sequence[tuple[float, ...]]) -> None:
    places, middles, lows, highs = zip(*points, strict=True)
    style: dict[str, Any] = {"color": COLORS[peer], "lw": 2.5 if peer == OURS else 1.2}
    axes.plot(places, middles, marker="o", ms=4, label=peer, zorder=3 if peer == OURS else 2, **style)
    axes.fill_between(places, lows, highs, color=COLORS[peer], alpha=0.12)


def latency(results: Results) -> Figure | None:
    """Percentiles of each peer, from the median to the worst."""
    shares = ["p50", "p99", "p99.9", "worst"]
    peers = [peer for peer in results.peers("latency") if results.values("latency", peer, "p99")]
    if not peers:
        return None
    figure, axes = plt.subplots(figsize=(8, 5))
    for peer in peers:
        spreads = [results.values("latency", peer, share) for share in shares]
        points = [(place, one.median, one.low, one.high) for place, one in enumerate(spreads) if one]
        line(axes, peer, points)
    axes.set_yscale("log")
    axes.set_xticks(range(len(shares)), ["median", "99 %", "99.9 %", "worst"])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown("p99", value)))
    axes.set_title("How long a message waits, from when it was due, at the same rate for all (low is better)")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
