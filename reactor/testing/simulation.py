"""A whole world for a test: a reactor in a simulated kernel, clients on other machines, and a way to live it often.

    def scenario(choices):
        with Simulation(choices, ROUGH) as world:
            server = make_my_server(world.loop)
            server.listen("10.0.0.1", 7)
            client = world.client("10.0.0.1", 7)
            client.send(b"hello")
            client.end()
            world.run(until=lambda: client.outcome)
            assert client.received == b"HELLO"

    simulate(scenario, seeds=range(1000))

Each seed is another order of events, another weather of delays and partial reads. A seed that fails is simplified, and
the failure says how to live just that again. What a listener or a timer raises, and the library logs, fails too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from ..engine.loop import Reactor
from .choices import Choices, Record
from .kernel import FAIR, Kernel, Weather
from .remote import Remote
from .shrinking import shrink

log = logging.getLogger("reactor")

MOST_TURNS = 100_000  # of a `run`: more is a loop that spins


class Simulation:
    """A reactor, its kernel, and clients. A context manager that ends it all, and checks that nothing is left and no
    error was logged.
    """

    def __init__(
        self, choices: Choices | None = None, weather: Weather = FAIR, *, plain: bool = False, debug: bool = True
    ) -> None:
        self.choices = choices or Choices(record={})
        self._errors = ErrorLog()
        log.addHandler(self._errors)
        self.kernel = Kernel(self.choices, weather)
        self.clock = self.kernel.clock
        self.loop = Reactor(self.kernel.selector(plain), clock=self.clock, debug=debug)

    def client(self, host: str, port: int) -> Remote:
        """A client on its way to that address."""
        return Remote(self.kernel, host, port)

    def run(self, until: Callable[[], object] | None = None, seconds: float = 3600.0) -> None:
        """Take turns until `until()` is true, and fail when it does not come true in so many simulated seconds; without
        it, for so many.
        """
        limit = self.clock() + seconds
        for _ in range(MOST_TURNS):
            if until is not None and until():
                return
            if self.clock() >= limit:
                if until is None:
                    return
                raise AssertionError(f"not within {seconds} simulated seconds: {until}")
            pause = min(limit, self.kernel.next_event or limit)  # what clients hear is news too
            self.loop.run_once(max(pause - self.clock(), 0))
        raise AssertionError(f"{MOST_TURNS} turns: the loop spins")

    def close(self) -> None:
        """End everything, and hold that no descriptor and no registration is left, and no error was logged."""
        self._end()
        if self._errors.texts:
            raise AssertionError("\n".join(self._errors.texts))
        if self.kernel.sockets:
            raise AssertionError(f"descriptors left open: {list(self.kernel.sockets.values())}")
        forgotten = sum(epoll.forgotten for epoll in self.kernel.epolls)
        if forgotten:
            raise AssertionError(f"{forgotten} descriptors were closed while they were watched")

    def __enter__(self) -> Simulation:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:  # what has failed is the news, not what it left behind
            self._end()
            for text in self._errors.texts:
                error.add_note(f"logged before: {text}")

    def _end(self) -> None:
        self.loop.close()
        log.removeHandler(self._errors)


class ErrorLog(logging.Handler):
    """What the library logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self.texts.append(f"{record.getMessage()}: {error!r}" if error else record.getMessage())


class SeedFailed(AssertionError):
    """A seed at which a scenario fails. `record` is the simplest way that was found to the same failure."""

    def __init__(self, seed: int, record: Record, error: BaseException) -> None:
        super().__init__(
            "\n".join([f"seed {seed} fails: {type(error).__name__}: {error}", *getattr(error, "__notes__", ())]) + "\n"
            f"  as it was:  scenario(Choices({seed}))\n"
            f"  simplified: scenario(Choices({seed}, {record!r}))"
        )
        self.seed, self.record, self.error = seed, record, error


def simulate(scenario: Callable[[Choices], Any], seeds: Iterable[int]) -> None:
    """Live a scenario once for each seed; raise `SeedFailed` for the first one that fails, simplified."""
    for seed in seeds:
        choices = Choices(seed)
        error = failure_of(scenario, choices)
        if error is not None:
            record = simplest(scenario, seed, choices.record, error)
            raise SeedFailed(seed, record, failure_of(scenario, Choices(seed, record)) or error) from error


def simplest(scenario: Callable[[Choices], Any], seed: int, record: Record, error: BaseException) -> Record:
    """The simplest way that is found to a failure of the same kind."""
    return shrink(record, lambda tried: type(failure_of(scenario, Choices(seed, tried))) is type(error))


def failure_of(scenario: Callable[[Choices], Any], choices: Choices) -> Exception | None:
    """What the scenario raises."""
    try:
        scenario(choices)
    except Exception as error:
        return error
    return None
