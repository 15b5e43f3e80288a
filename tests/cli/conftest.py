"""Programs are forks of one interpreter, which is up before `floor` counts descriptors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.forks import open_mother


@pytest.fixture(scope="session", autouse=True)
def mother() -> Iterator[None]:
    with open_mother():
        yield
