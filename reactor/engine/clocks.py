"""How long the loop may sleep, by which clock.

The timeout of a poll counts CLOCK_MONOTONIC, which stands while the machine is suspended. So does `time.monotonic`, the
clock of a reactor unless it is given another: both agree, and a sleep lasts until the next timer. A clock that goes on
in a suspend (`CLOCK_BOOTTIME`, for leases, tokens and other times of the world) may have passed a timer's time when the
machine wakes up, and the kernel would sleep on for what it had been told. With any clock but `time.monotonic`, the loop
therefore looks at the clock once a second while a timer is armed; without a timer it sleeps on.

Rejected: a timerfd on CLOCK_BOOTTIME, which would fire in the moment of the wake-up: Python has it from 3.13 on, and a
clock is a function of which nobody can tell what it reads. A simulated kernel sleeps by the clock of the simulation.
"""

from __future__ import annotations

import time

from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .poller import Poller

LONGEST_SLEEP = 86_400.0  # seconds; epoll_wait(2) takes milliseconds in a C int, 24 days at most
LOOK = 1.0  # seconds; a wake-up of the process each second costs it 0.01 % of a core


def set_longest_sleep(turns: Any, clock: Callable[[], float], poller: Poller) -> None:
    """Shorten the longest sleep of a loop in which a timer is armed, if its clock may be another than the kernel's."""
    if clock is not time.monotonic and poller.system is None:
        turns._longest_sleep = LOOK
