"""For tests of this library, and of what is built on it: a clock set by hand, a scripted poller, a peer with bad
habits, and a simulated kernel.

`ManualClock` makes deadlines testable without waiting: `Reactor(clock=clock)`, `clock.advance(60)`,
`pump(loop, ...)`.

`Peer` is a blocking client that uses none of this library's code, so that what it sees is what the wire said.
It can do what real clients do: end its half, go away with RST, stop reading, read a little at a time, keep
sending and read late.

`pump` takes turns until a condition holds and fails when it does not come true in time: no test sleeps.

`Simulation` and `simulate` let a server live in a kernel of their own, with a network that is late, calls that fail,
clients that do anything, and hours that pass at once; all of it from one seed. docs/testing.md has the whole of it.
"""

from .choices import Choices
from .clock import ManualClock, pump, settle
from .kernel import FAIR, ROUGH, Kernel, Weather
from .peer import Outcome, Peer
from .remote import Remote
from .scripted import ScriptedPoller
from .simulation import SeedFailed, Simulation, simulate

__all__ = [
    "FAIR",
    "ROUGH",
    "Choices",
    "Kernel",
    "ManualClock",
    "Outcome",
    "Peer",
    "Remote",
    "ScriptedPoller",
    "SeedFailed",
    "Simulation",
    "Weather",
    "pump",
    "settle",
    "simulate",
]
