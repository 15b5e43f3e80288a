"""This library with every limit on, or with none: `ours_limited echo on`, `ours_limited echo off`.

Nobody meets one of them; what is measured is what they cost who keeps them. The windows of the rates are one second,
a fifth of what is usual, so that a short run has some.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from bench.servers.common import HOST, role_and_value
from bench.servers.ours import set_up
from reactor import serve

LIMITS: dict[str, Any] = {
    "max_connections": 100_000,
    "max_per_address": 100_000,
    "accept_rate": (1e6, 1_000_000),
    "block": ["192.0.2.0/24"],
    "allow": ["127.0.0.0/8"],
    "memory_limit": 1 << 30,
    "give_up_idle": 60,
    "idle_timeout": 60,
    "read_timeout": 60,
    "first_byte_timeout": 10,
    "max_lifetime": 3600,
    "jitter": 30,
    "slow_reader": (1 << 20, 30),
    "min_read_rate": (1, 1),
    "min_write_rate": (1, 1),
}


def main() -> None:
    role, which = role_and_value()
    limits = LIMITS if which == "on" else {}
    serve(lambda conn: None, HOST, 0, grace=30, on_server=partial(set_up, role, ""), **limits)


if __name__ == "__main__":
    main()
