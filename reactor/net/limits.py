"""What the settings of limits hold that is more than one number. Pure values, below the settings and those that keep
the limits.

They are loaded where such a limit is set: most programs set none.
"""

from __future__ import annotations

from ..hints import NamedTuple


class Rate(NamedTuple):
    """Connections a second, and how many may come at once after a quiet time."""

    per_second: float
    burst: int


class Speed(NamedTuple):
    """Bytes a second that must move in each window of this many seconds. The first window is the grace."""

    bytes_per_second: float
    seconds: float


class Excess(NamedTuple):
    """How many bytes may be pending, and for how many seconds more than these may be."""

    bytes: int
    seconds: float
