"""The early refusal: a client uploads 8 MiB and reads late, and still gets the whole answer of 1 MiB."""

from __future__ import annotations

import pytest

from tests.stress.accounts import Account
from tests.stress.crowds import honest
from tests.stress.server_process import Served, served

UPLOAD = bytes(8 << 20)
ANSWER = 1 << 20


def missing(server: Served, ending: str) -> int:
    """Bytes of the answer that a client did not get which reads only when it has sent everything."""
    with server.connect(f"give {ANSWER} {ending}", receive_buffer=65_536) as sock:
        got = 0
        try:
            sock.sendall(UPLOAD)
            while piece := sock.recv(1 << 20):
                got += len(piece)
        except OSError:  # what is missing says it
            pass
        return ANSWER - got


@pytest.mark.parametrize("ending", ["end", "destroy_soon"])
@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_an_early_refusal_arrives_whole(ending: str, times: int, account: Account) -> None:
    with served() as server, honest(server) as good:
        lost = sum(missing(server, ending) for _ in range(times))
        worst, lost_by_others = good.saw()
        leaks = server.leaks()
        assert [told["clean"] for told in server.ask("reports")] == [True] * (times + 10)
    account.did(f"early refusals by {ending}()", times, lost=lost + lost_by_others, worst=worst, leaks=leaks)
