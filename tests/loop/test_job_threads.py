"""The threads in which jobs run: how many there are, what they keep alive, and how they end."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from reactor import Reactor
from reactor.engine.jobs import Jobs
from reactor.testing import pump
from tests.loop.conftest import SECONDS
from tests.support.forks import start_afresh
from tests.support.process import Program, environment

LONG_JOB = """
import threading, time
from reactor import Reactor
loop = Reactor()
begun = threading.Event()
loop.run_in_thread(lambda: (begun.set(), time.sleep(3600)))
begun.wait()
{then}
print("the end")
"""


def job_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("reactor-job")]


@pytest.mark.parametrize("then", ["loop.close()", "pass"], ids=["closed", "never closed"])
def test_a_job_that_does_not_end_does_not_keep_a_process_alive(then: str) -> None:
    with Program(start_afresh(("-c", LONG_JOB.format(then=then)), None, environment())) as program:
        ended = program.ended()
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the end\n", "")


def test_jobs_one_after_the_other_share_a_thread(real: Reactor) -> None:
    used: list[int] = []

    def note(thread: Any, error: BaseException | None) -> None:
        used.append(thread)
        if len(used) < 5:
            real.run_in_thread(threading.get_ident, callback=note)

    real.run_in_thread(threading.get_ident, callback=note)
    real.run()
    assert len(set(used)) == 1


def test_there_are_no_more_threads_than_the_bound_and_every_job_is_done(real: Reactor) -> None:
    jobs, answers, release = Jobs(real.call_soon_threadsafe, bound=3), [], threading.Event()
    for number in range(8):
        jobs.submit(
            lambda number: (release.wait(SECONDS), number)[1], (number,), lambda *answer: answers.append(answer)
        )
    assert len(job_threads()) == 3
    release.set()
    pump(real, lambda: len(answers) == 8)
    assert sorted(answers) == [(number, None) for number in range(8)]
    jobs.close()


def test_what_has_not_begun_when_the_loop_closes_never_begins(real: Reactor) -> None:
    jobs, begun, release = Jobs(real.call_soon_threadsafe, bound=1), threading.Event(), threading.Event()
    jobs.submit(lambda: (begun.set(), release.wait(SECONDS)), (), None)
    called: list[str] = []
    waiting = jobs.submit(called.append, ("called",), None)
    assert begun.wait(SECONDS)
    jobs.close()
    release.set()
    for thread in job_threads():
        thread.join(SECONDS)
    assert waiting.cancelled()
    assert called == []


def test_a_reactor_that_is_dropped_leaves_no_threads(real: Reactor) -> None:
    jobs = Jobs(real.call_soon_threadsafe)
    jobs.submit(int, (), None).result(SECONDS)
    (thread,) = job_threads()
    del jobs
    gc.collect()
    real.run_once(0)
    gc.collect()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_without_a_thread_the_call_raises_and_later_jobs_are_done(
    real: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as exhausted:
        exhausted.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            real.run_in_thread(int)
    assert real.statistics().jobs == 0
    answers: list[Any] = []
    real.run_in_thread(int, callback=lambda *answer: answers.append(answer))
    real.run()
    assert answers == [(0, None)]


def test_one_thread_does_all_jobs_where_a_second_cannot_be_started(
    real: Reactor, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    answers: list[Any] = []

    def refuse_others(self: threading.Thread) -> None:
        if job_threads():
            raise RuntimeError("can't start new thread")
        start(self)

    assert job_threads() == []
    monkeypatch.setattr(threading.Thread, "start", refuse_others)
    for number in range(5):
        real.run_in_thread(lambda number: number, number, callback=lambda *answer: answers.append(answer))
    real.run()
    assert answers == [(number, None) for number in range(5)]
