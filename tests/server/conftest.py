"""What most tests of servers begin with: `h` is a server with the default settings, a recorder, and peers for it."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def h(harness: Any) -> Any:
    return harness()
