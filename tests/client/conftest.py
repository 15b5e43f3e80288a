"""What the tests of clients connect to, and how they hold one on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from reactor import Reactor
from tests.support.far_ends import ACCEPTS, REFUSES, SILENT, FarEnds, Held, Place

HOST = "127.0.0.1"


@pytest.fixture
def far() -> Iterator[FarEnds]:
    """127.0.0.1 accepts, 127.0.0.3 never answers, and 127.0.0.4 refuses, all on one port."""
    with FarEnds({HOST: ACCEPTS, "127.0.0.3": SILENT, "127.0.0.4": REFUSES}) as ends:
        yield ends


@pytest.fixture(params=["tcp", "unix"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Where a client is accepted: on TCP, and on a Unix socket."""
    with Place(str(tmp_path_factory.mktemp("u") / "s") if request.param == "unix" else None) as found:
        yield found


@pytest.fixture(params=Held.STAGES)
def stage(request: pytest.FixtureRequest) -> str:
    """How far the client of `hold` has come."""
    return str(request.param)


@pytest.fixture
def hold(loop: Reactor, far: FarEnds, stage: str) -> Callable[..., Held]:
    """`hold(**settings)`: a client that is held on its way, at one stage after the other."""
    return lambda **settings: Held(loop, far, stage, **settings)
