"""Which poller a reactor waits on."""

from __future__ import annotations

import select
import selectors

from ..hints import TYPE_CHECKING
from .epoll_poller import EpollPoller

if TYPE_CHECKING:
    from .poller import Poller


def default_poller() -> Poller:
    """epoll where there is one, else the best that `selectors` knows."""
    return EpollPoller() if hasattr(select, "epoll") else over(selectors.DefaultSelector())


def poller_for(selector: selectors.BaseSelector | None) -> Poller:
    """The poller for what the program passed as `Reactor(selector=...)`; TypeError for what is no selector."""
    if selector is None:
        return default_poller()
    if isinstance(selector, EpollPoller):
        return selector
    if isinstance(selector, selectors.BaseSelector):
        return over(selector)
    raise TypeError(f"selector must be a selectors.BaseSelector or None, not {selector!r}")


def over(selector: selectors.BaseSelector) -> Poller:
    """The poller over a selector of the standard library or of the program, loaded when one is used."""
    from .selector_poller import SelectorPoller

    return SelectorPoller(selector)
