"""Selectors that cannot watch for a hang-up look for it now and then: here often, to save the wait."""

from __future__ import annotations

import pytest

from reactor.engine import selector_poller


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selector_poller, "HANGUP_PERIOD", 0.002)
