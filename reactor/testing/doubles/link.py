"""The way between two ends of a simulated connection.

It carries segments both ways, in order, each after a delay; it can stall for a while, and it can be cut, which neither
end is told. No segment but a reset is lost, and none is doubled: that, TCP hides from programs too, except as delay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .world import World


class Link:
    """Between two endpoints."""

    __slots__ = ("_kernel", "_last", "cut", "latency", "stalled_until")

    def __init__(self, kernel: World, latency: float) -> None:
        self._kernel = kernel
        self._last = [0.0, 0.0]  # the latest arrival each way: nothing overtakes
        self.latency = latency
        self.stalled_until = 0.0
        #: True if nothing arrives any more.
        self.cut = False

    def carry(self, way: int, arrive: Callable[..., None], *args: Any) -> None:
        """Call `arrive(*args)` at the other end."""
        if self.cut:
            return
        kernel = self._kernel
        when = max(kernel.clock() + self.latency + kernel.jitter(self), self._last[way], self.stalled_until)
        self._last[way] = when
        kernel.at(when, self._arrive, arrive, *args)

    def _arrive(self, arrive: Callable[..., None], *args: Any) -> None:
        if not self.cut:
            arrive(*args)
