"""A value for each setting of a connection that is not its default."""

from __future__ import annotations

from typing import Any

OTHER: dict[str, Any] = {
    "idle_timeout": 1.0,
    "read_timeout": 2.0,
    "write_timeout": None,
    "linger_timeout": 4.0,
    "half_open_timeout": 5.0,
    "on_idle": "reset",
    "allow_half_open": True,
    "high_water": 0,
    "low_water": 0,
    "buffer_limit": 1,
}
