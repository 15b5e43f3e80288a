"""A simulated kernel: descriptors, ports, a network, and time that passes when nothing else is left to do.

    kernel = Kernel(Choices(seed), ROUGH)
    loop = Reactor(kernel.selector(), clock=kernel.clock)

Whatever that reactor opens is a socket of this kernel: `Server.listen("10.0.0.1", 80)` and `connect` need no port and
no network. The reactor asks the kernel for events; when nothing is ready, time jumps to the next arrival on the
network or to the reactor's next deadline, so that hours pass in milliseconds.

Everything that may happen in one way or another is a choice (`choices.py`): how long a segment takes, when it is
acknowledged, whether a call is interrupted half-way or fails, in which order the events of one poll are told. A
`Weather` says how often. The same choices make the same run, to the byte.
"""

from __future__ import annotations

import errno
import heapq
import selectors
import socket
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..engine.epoll_poller import EpollPoller
from .choices import Choices
from .clock import ManualClock
from .doubles.epoll import PlainSelector, SimulatedEpoll, SimulatedPoll
from .doubles.link import Link
from .doubles.socket import SimulatedSocket
from .doubles.tcp import Endpoint
from .doubles.tcp_states import State

FIRST_DESCRIPTOR = 1 << 30  # above any of the system (fs.nr_open is 2**20), so that none is taken for a real one
FIRST_PORT = 32_768
SEND_BUFFER = 65_536  # bytes
RECEIVE_BUFFER = 65_536


@dataclass(frozen=True)
class Weather:
    """How often what happens. Percentages are of calls, of segments, or of polls."""

    #: Seconds that a segment takes, one of these for each connection.
    latencies: tuple[float, ...] = (0.0,)
    #: Segments that take up to as long again, and such that take seconds: retransmissions.
    jitter: float = 0.0
    stalls: float = 0.0
    longest_stall: float = 20.0
    #: Resets that get lost: RST is not sent again.
    lost_resets: float = 0.0
    #: Acknowledgements that come 40 ms late (delayed ACK).
    late_acks: float = 0.0
    #: Sends and receives that do a part of what they could.
    parts: float = 0.0
    #: Calls during which time passes, up to half a millisecond, and the network goes on.
    slow_calls: float = 0.0
    #: Polls that tell a part of what is ready, and all that in any order.
    shuffled: float = 0.0
    #: Calls that fail: name -> (percent, errno codes).
    faults: Mapping[str, tuple[float, tuple[int, ...]]] = field(default_factory=dict)


#: Loopback at its best: at once, and nothing fails.
FAIR = Weather()
#: The internet, and a machine in trouble.
ROUGH = Weather(
    latencies=(0.0, 0.0002, 0.03, 0.3),
    jitter=20,
    stalls=0.3,
    late_acks=30,
    parts=10,
    slow_calls=5,
    shuffled=50,
    lost_resets=5,
)


class Kernel:
    """Of one reactor, or several. It is the `system` of their selectors (`engine/poller.py`)."""

    def __init__(self, choices: Choices | None = None, weather: Weather = FAIR) -> None:
        #: The time, for `Reactor(clock=)`.
        self.clock = ManualClock()
        self.monotonic = self.clock
        self.weather = weather
        self._chance = (choices or Choices(record={})).stream("kernel")
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0
        self._free: list[int] = []
        self._next_descriptor = FIRST_DESCRIPTOR
        self._next_port = FIRST_PORT
        #: Open sockets by descriptor.
        self.sockets: dict[int, SimulatedSocket] = {}
        #: So many may be open (RLIMIT_NOFILE); None: any number.
        self.most_descriptors: int | None = None
        #: Hosts from which no answer comes.
        self.unreachable: set[str] = set()
        #: Who listens where.
        self.listening: dict[tuple[str, int], Endpoint] = {}
        self.epolls: list[SimulatedEpoll] = []
        self._planned: dict[str, deque[int]] = {}
        #: A list that is put here gets a line for every call.
        self.trace: list[str] | None = None
        #: What was called how often; failures as "recv ECONNRESET".
        self.calls: Counter[str] = Counter()
        self.events = 0

    # What a reactor takes from a system.

    def socket(self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM) -> SimulatedSocket:
        """A new TCP socket; IPv4 is all there is."""
        if (family, kind) != (socket.AF_INET, socket.SOCK_STREAM):
            raise OSError(errno.EAFNOSUPPORT, "a simulated kernel knows TCP over IPv4 only")
        self._fail("socket")
        return self._open(Endpoint(self, RECEIVE_BUFFER, SEND_BUFFER))

    def epoll(self) -> SimulatedEpoll:
        made = SimulatedEpoll(self)
        self.epolls.append(made)
        return made

    def poll(self) -> SimulatedPoll:
        return SimulatedPoll(self)

    def selector(self, plain: bool = False) -> selectors.BaseSelector:
        """What to give a reactor: the library's own poller, or one that, like those of `selectors`, cannot watch
        for a hang-up alone.
        """
        own = EpollPoller(self)
        return PlainSelector(own) if plain else own

    # Time.

    def at(self, when: float, fn: Callable[..., None], *args: Any) -> None:
        """Something on the network, or what somebody does, at that time."""
        heapq.heappush(self._events, (when, self._order, fn, args))
        self._order += 1

    def later(self, seconds: float, fn: Callable[..., None], *args: Any) -> None:
        self.at(self.clock() + seconds, fn, *args)

    def settle(self) -> None:
        """Let happen what is due by now."""
        events, now = self._events, self.clock()
        while events and events[0][0] <= now:
            _, _, fn, args = heapq.heappop(events)
            self.events += 1
            fn(*args)

    def jump(self, limit: float) -> bool:
        """Nothing is ready: on to the next event, or to `limit`. False: nothing happens before that."""
        if self._events and self._events[0][0] <= limit:
            self.clock.advance(max(self._events[0][0] - self.clock(), 0))
            self.settle()
            return True
        if limit == float("inf"):
            raise AssertionError("a poll without a timeout, and nothing will ever happen")
        self.clock.advance(max(limit - self.clock(), 0))
        return False

    @property
    def next_event(self) -> float | None:
        """When something will happen by itself."""
        return self._events[0][0] if self._events else None

    # Chance.

    def called(self, name: str, sock: SimulatedSocket) -> None:
        """A system call begins: the network has gone on, and it may fail."""
        self.calls[name] += 1
        if self.trace is not None:
            self.trace.append(f"{self.clock():.6f} {name} {sock!r}")
        weather = self.weather
        if weather.slow_calls and self._chance.chance(weather.slow_calls):
            self.clock.advance(self._chance.below(500) * 1e-6)
        if self._events:
            self.settle()
        if weather.faults or self._planned:
            self._fail(name)

    def fail(self, call: str, code: int, times: int = 1) -> None:
        """Let the next calls of that name fail: "recv", "send", "accept", "epoll_ctl", ..."""
        self._planned.setdefault(call, deque()).extend([code] * times)

    def _fail(self, name: str) -> None:
        planned = self._planned.get(name)
        if planned:
            raise OSError(planned.popleft(), "")
        percent, codes = self.weather.faults.get(name, (0.0, ()))
        if percent and self._chance.chance(percent):
            code = self._chance.pick(codes)
            self.calls[f"{name} {errno.errorcode[code]}"] += 1
            raise OSError(code, "")

    def part(self, count: int) -> int:
        """How much of so many bytes a call moves at most."""
        weather = self.weather
        if weather.parts and count > 1 and self._chance.chance(weather.parts):
            return 1 + self._chance.below(min(count, 3000) - 1)
        return count

    def jitter(self, link: Link) -> float:
        weather = self.weather
        if weather.stalls and self._chance.chance(weather.stalls):
            link.stalled_until = self.clock() + self._chance.below(1000) / 1000 * weather.longest_stall
        if weather.jitter and self._chance.chance(weather.jitter):
            return link.latency * self._chance.below(100) / 100
        return 0.0

    def loses_reset(self) -> bool:
        return bool(self.weather.lost_resets) and self._chance.chance(self.weather.lost_resets)

    def ack_delay(self) -> float:
        return 0.04 if self.weather.late_acks and self._chance.chance(self.weather.late_acks) else 0.0

    def order(self, ready: list[Any]) -> list[Any]:
        """The events of one poll, as they are told."""
        if len(ready) > 1 and self.weather.shuffled and self._chance.chance(self.weather.shuffled):
            self._chance.shuffle(ready)
            if self._chance.chance(self.weather.shuffled):
                del ready[1 + self._chance.below(len(ready)) :]
        return ready

    # Descriptors and ports.

    def _open(self, endpoint: Endpoint) -> SimulatedSocket:
        """The lowest free number, as every kernel gives it."""
        if self.most_descriptors is not None and len(self.sockets) >= self.most_descriptors:
            raise OSError(errno.EMFILE, "")
        if self._free:
            fd = heapq.heappop(self._free)
        else:
            fd, self._next_descriptor = self._next_descriptor, self._next_descriptor + 1
        made = self.sockets[fd] = SimulatedSocket(self, fd, endpoint)
        return made

    def release(self, fd: int) -> None:
        """A descriptor is closed; who still watches it hears no more of it."""
        del self.sockets[fd]
        heapq.heappush(self._free, fd)
        for epoll in self.epolls:
            epoll.on_closed(fd)

    def _port(self) -> int:
        self._next_port += 1
        return self._next_port

    def bind(self, endpoint: Endpoint, address: tuple[str, int]) -> None:
        host, port = address
        endpoint.address = (host, port or self._port())

    def listen(self, endpoint: Endpoint, backlog: int) -> None:
        if endpoint.address is None:
            endpoint.address = ("0.0.0.0", self._port())
        if endpoint.address in self.listening:
            raise OSError(errno.EADDRINUSE, "")
        endpoint.backlog, endpoint.state = backlog, State.LISTEN
        self.listening[endpoint.address] = endpoint

    def forget_port(self, endpoint: Endpoint) -> None:
        if endpoint.address is not None:
            self.listening.pop(endpoint.address, None)

    def dial(self, host: str, port: int, home: str = "192.0.2.1") -> Endpoint:
        """A client on another machine, on its way: it has no descriptor here, and none of its calls fails."""
        endpoint = Endpoint(self, RECEIVE_BUFFER, SEND_BUFFER)
        self.bind(endpoint, (home, 0))
        self.connect(endpoint, (host, port))
        return endpoint

    def connect(self, endpoint: Endpoint, address: tuple[str, int]) -> None:
        host, port = address[:2]
        if endpoint.address is None or not endpoint.address[1]:
            endpoint.address = (endpoint.address or ("127.0.0.1",))[0], self._port()
        endpoint.peer_address = (host, port)
        endpoint.link = Link(self, self._chance.pick(self.weather.latencies))
        endpoint.connect()

    def on_syn(self, client: Endpoint) -> None:
        """A SYN arrives: at who listens there, or it is refused."""
        assert client.peer_address is not None
        assert client.link is not None
        host, port = client.peer_address
        if host in self.unreachable:
            return
        listening = self.listening.get((host, port)) or self.listening.get(("0.0.0.0", port))
        if listening is None:
            client.link.carry(1 - client.way, client.on_reset)
        else:
            listening.on_syn(client)

    def accept(self, endpoint: Endpoint) -> tuple[SimulatedSocket, Any]:
        if self.most_descriptors is not None and len(self.sockets) >= self.most_descriptors:
            raise OSError(errno.EMFILE, "")  # looked for first, as accept(2) does
        if not endpoint.queue:
            raise BlockingIOError(errno.EAGAIN, "")
        child = endpoint.queue.popleft()
        return self._open(child), child.peer_address
