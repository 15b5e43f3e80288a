"""What the loop has read ahead of its listeners, given back to a caller that cannot wait for it."""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from .interfaces import Readable
    from .turn import Turns


def take_back(turns: Turns, handler: Readable) -> bytes:
    """The bytes that were read for a handler in this turn and not delivered. They will not be delivered any more.

    The caller knows that this turn has delivered nothing to the handler: the lists tell what was read, and not how far
    the loop has come with it.
    """
    for arrived in (turns._delivering, turns._arrived):
        for place, (whose, data) in enumerate(arrived):
            if whose is handler:
                arrived[place] = handler, b""
                return data
    return b""
