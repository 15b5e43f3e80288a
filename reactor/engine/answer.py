"""The future of `Reactor.call_soon_threadsafe`: another thread may wait for it, the loop's own thread may not.

A loop that waits for a call of its own waits for ever. asyncio's futures raise in that place, those of
`concurrent.futures` do not know who asks; this one does. Its class is made with the first one, since
`concurrent.futures` takes long to import, and most programs call nothing from other threads.
"""

from __future__ import annotations

import functools
from _thread import get_ident

from ..errors import ReactorError
from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import Future

    from .turn import Turns


def answer(turns: Turns) -> Future[Any]:
    """A future for what a call on the loop's thread returns or raises."""
    made: Future[Any] = _answer_class()(turns)
    return made


@functools.cache
def _answer_class() -> Any:
    from concurrent.futures import Future

    class Answer(Future[Any]):
        """What a call on the loop's thread returned or raised."""

        def __init__(self, turns: Turns) -> None:
            super().__init__()
            self._turns = turns

        def result(self, timeout: float | None = None) -> Any:
            """What the call returned. Raises what it raised, TimeoutError after `timeout` seconds, and `ReactorError`
            on the loop's own thread if the call was not made yet.
            """
            self._check("result")
            return super().result(timeout)

        def exception(self, timeout: float | None = None) -> BaseException | None:
            """What the call raised, or None. Waits and raises as `result`."""
            self._check("exception")
            return super().exception(timeout)

        def _check(self, name: str) -> None:
            if self._turns._owner == get_ident() and not self.done():
                raise ReactorError(
                    f"{name}() was called on the loop's own thread, which would wait for itself for ever: "
                    "use add_done_callback"
                )

    return Answer
