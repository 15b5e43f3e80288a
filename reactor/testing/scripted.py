"""A selector that says what it was told to say."""

from __future__ import annotations

import selectors
from collections.abc import Iterable, Mapping
from typing import Any


class ScriptedPoller(selectors.BaseSelector):
    """A selector that reports what it was told to, and never sleeps.

    `script` gives one list of `(file object, events)` for each `select()`; after the last one nothing is ever
    ready. Registrations are kept as by any selector, and every call is noted in `calls` by name.
    """

    def __init__(self, script: Iterable[Iterable[tuple[Any, int]]] = ()) -> None:
        self._script = iter(script)
        self._keys: dict[int, selectors.SelectorKey] = {}
        self.calls: list[str] = []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.calls.append("register")
        fd = fileobj if isinstance(fileobj, int) else fileobj.fileno()
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self._keys[fd] = selectors.SelectorKey(fileobj, fd, events, data)
        return self._keys[fd]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        self.calls.append("unregister")
        return self._keys.pop(fileobj if isinstance(fileobj, int) else fileobj.fileno())

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self.unregister(fileobj)
        return self.register(fileobj, events, data)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.calls.append("select")
        ready = []
        for fileobj, events in next(self._script, ()):
            key = self._keys.get(fileobj if isinstance(fileobj, int) else fileobj.fileno())
            if key is not None and key.events & events:
                ready.append((key, key.events & events))
        return ready

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {key.fileobj: key for key in self._keys.values()}

    def close(self) -> None:
        self._keys.clear()
