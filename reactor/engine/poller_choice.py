"""Which poller a reactor waits on."""

from __future__ import annotations

import select
import selectors

from ..foreign import shown
from ..hints import TYPE_CHECKING
from .epoll_poller import EpollPoller

if TYPE_CHECKING:
    from .poller import Poller


def poller_for(selector: selectors.BaseSelector | None) -> Poller:
    """The poller for what the program passed as `Reactor(selector=...)`; TypeError for what is no selector. None is
    epoll where there is one, else the best that `selectors` knows.
    """
    if selector is None:
        selector = EpollPoller() if hasattr(select, "epoll") else selectors.DefaultSelector()
    if isinstance(selector, EpollPoller):
        return selector
    if not isinstance(selector, selectors.BaseSelector):
        raise TypeError(f"selector must be a selectors.BaseSelector or None, not {shown(selector)}")
    from .selector_poller import SelectorPoller  # loaded when one is used

    return SelectorPoller(selector)
