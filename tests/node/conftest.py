"""Node and ours, each in one process for the whole session: up before `floor` counts descriptors."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.drivers import Stages, open_stages


@pytest.fixture(scope="session")
def opened_stages() -> Iterator[Stages | str]:
    with open_stages() as opened:
        yield opened


@pytest.fixture
def stages(opened_stages: Stages | str) -> Stages:
    if isinstance(opened_stages, str):
        pytest.skip(opened_stages)
    return opened_stages
