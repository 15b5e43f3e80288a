"""RFC 8305's race (Happy Eyeballs) for one client: which address is tried next, and when.

The rules, of section 5:

- Addresses are tried in the order in which they were found, each once.
- The next address is tried when the newest attempt has failed or has not answered for `attempt_delay`. An older
  attempt that fails makes room for the next address too.
- A late attempt stays in the race. The first attempt to succeed wins, and all others are closed.
- When every address has failed, the race is lost, and its error has the failure of each.

A `Race` only decides. It gets events and the time as arguments, and each method returns a `Decision`, which says what
to open, what to close, when to call `look` again, and how the race ended. Sockets, timers and the program are the
caller's (`stand_in.py`). Each call of `look` opens at most one socket, and the caller calls it once a turn: however
many attempts fail in one turn, one is begun in the next. So a list of bad addresses never becomes a burst of SYNs.

A call that comes too early, or after the end of the race, changes nothing.
"""

from __future__ import annotations

from collections import deque

from ...foreign import plain
from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .names import Target


class AttemptsFailed(OSError):
    """Several addresses were tried and all failed: `errno` is that of the first failure, `errors` has all of them in
    the order in which they happened.
    """

    errors: list[OSError]

    @classmethod
    def of(cls, errors: list[OSError]) -> OSError:
        """One error for all of `errors`. A single failure is returned as it is."""
        if len(errors) == 1:
            return errors[0]
        failed = cls(errors[0].errno, "; ".join(plain(str(error.strerror)) for error in errors))
        vars(failed).update(vars(errors[0]), errors=errors)
        return failed


class Decision(NamedTuple):
    """What the caller has to do after an event. An empty field asks for nothing."""

    open: Target | None = None  #: Begin an attempt to this address.
    close: tuple[Target, ...] = ()  #: Close the sockets of these attempts.
    late: Target | None = None  #: This attempt has not answered for `attempt_delay`; it goes on.
    look_next_turn: bool = False  #: Call `look` in the next turn, once, and at no other time.
    look_at: float | None = None  #: Call `look` at this time.
    winner: Target | None = None  #: The race is won by this attempt.
    error: OSError | None = None  #: The race is lost: the one error for all attempts.


NOTHING = Decision()


class Race:
    """The attempts of one client."""

    __slots__ = ("_delay", "_errors", "_late_at", "_newest", "_over", "_under_way", "_waiting")

    def __init__(self, attempt_delay: float) -> None:
        self._delay = attempt_delay
        self._waiting: deque[Target] = deque()
        self._under_way: dict[Target, None] = {}
        self._errors: list[OSError] = []
        self._newest: Target | None = None  # the attempt for which the next address waits
        self._late_at = 0.0  # when it waits no longer
        self._over = False

    def resolved(self, targets: Iterable[Target]) -> Decision:
        """The addresses are known: the first is tried in the next turn."""
        if self._over:
            return NOTHING
        self._waiting.extend(targets)
        return Decision(look_next_turn=True)

    def look(self, now: float) -> Decision:
        """The turn or the time that an earlier decision asked for has come.

        A late attempt is reported in one turn, and the next address is tried in the turn after it.
        """
        if self._over or not self._waiting:
            return NOTHING
        if self._newest is not None:
            if now < self._late_at:
                return Decision(look_at=self._late_at)
            late, self._newest = self._newest, None
            return Decision(late=late, look_next_turn=True)
        target = self._waiting.popleft()
        self._under_way[target] = None
        if not self._waiting:
            return Decision(open=target)
        self._newest, self._late_at = target, now + self._delay
        return Decision(open=target, look_at=self._late_at)

    def failed(self, target: Target, error: OSError) -> Decision:
        """An attempt has failed: the next address is tried at once, or the race goes on without it, or is lost."""
        if target not in self._under_way:
            return NOTHING
        del self._under_way[target]
        self._errors.append(error)
        if self._waiting:
            self._newest = None
            return Decision(close=(target,), look_next_turn=True)
        if self._under_way:
            return Decision(close=(target,))
        self._over = True
        return Decision(close=(target,), error=AttemptsFailed.of(self._errors))

    def succeeded(self, target: Target) -> Decision:
        """An attempt has succeeded: it wins, and the others are closed."""
        if target not in self._under_way:
            return NOTHING
        del self._under_way[target]
        return Decision(winner=target, close=self.give_up())

    def give_up(self) -> tuple[Target, ...]:
        """End the race: the time is up, or nobody wants its outcome. Returns the attempts to close, each once."""
        self._over = True
        under_way = tuple(self._under_way)
        self._under_way.clear()
        return under_way
