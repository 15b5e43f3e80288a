"""What is measured: its name, how it is shown, and whether more of it is better."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Metric:
    title: str
    more_is_better: bool
    kind: str  # how a value is shown, see `shown`


METRICS = {
    "rate": Metric("{unit} per second", True, "count"),
    "per_cpu": Metric("{unit} per second of server CPU", True, "count"),
    "p50": Metric("median latency", False, "seconds"),
    "p99": Metric("99 % latency", False, "seconds"),
    "p99.9": Metric("99.9 % latency", False, "seconds"),
    "worst": Metric("worst latency", False, "seconds"),
    "bytes_each": Metric("resident bytes per connection", False, "count"),
    "rest_p99": Metric("99 % latency at rest", False, "seconds"),
    "reap_p99": Metric("99 % latency while reaping", False, "seconds"),
    "reap_worst": Metric("worst latency while reaping", False, "seconds"),
    "reap_factor": Metric("99 % latency while reaping / at rest", False, "factor"),
    "limits_factor": Metric("server CPU of a message, limits on / off", False, "factor"),
    "gone": Metric("first to last connection reaped", False, "seconds"),
    "drained": Metric("SIGTERM to the last client's FIN", False, "seconds"),
    "exited": Metric("SIGTERM to exit", False, "seconds"),
    "stop_cpu": Metric("server CPU of the stop", False, "seconds"),
    "cancel": Metric("CPU to arm and cancel one", False, "seconds"),
    "fire": Metric("CPU to arm and fire one", False, "seconds"),
    "import_cpu": Metric("CPU of the import", False, "seconds"),
    "import_memory": Metric("resident bytes of the import", False, "count"),
    # Of the run, not of the server:
    "server_busy": Metric("server's core busy", False, "share"),
    "load_busy": Metric("load's core busy", False, "share"),
    "others_busy": Metric("cores busy with other programs", False, "share"),
}

FULLY_BUSY = 0.95  # of its core: such a process sets the pace


def title(name: str, unit: str) -> str:
    return METRICS[name].title.format(unit=unit)


def shown(name: str, value: float) -> str:
    """A value with its unit, three digits of it."""
    match METRICS[name].kind:
        case "seconds":
            return _with_unit(value, [(1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")])
        case "share":
            return f"{value:.0%}"
        case "factor":
            return f"{value:.2f}"
        case _:
            return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _with_unit(value: float, units: list[tuple[float, str]]) -> str:
    for size, unit in units:
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / units[-1][0]:.3g} {units[-1][1]}"


def saturated(server_busy: float, load_busy: float) -> str:
    """Which side set the pace."""
    sides = [name for name, busy in (("server", server_busy), ("load", load_busy)) if busy >= FULLY_BUSY]
    return " and ".join(sides) or "neither"
