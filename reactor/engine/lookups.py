"""The threads in which names are resolved: for questions that block, that cannot be stopped, and that may hang.

    ask       joins a question for the same key that is under way; else starts a thread, or waits for one
    answer    is told to all that have asked; the thread takes the next question that waits, or ends
    cancel    a question that nobody waits for any more leaves the queue; one that runs is abandoned

One question answers all that ask the same: a burst of clients to one name is one call of getaddrinfo(3), and a name
that hangs holds one thread. An abandoned question still holds its thread, but no place among the WANTED: another may
run in its stead, up to THREADS. A client that asks for a key whose question was abandoned gets a second one, since the
first may hang for ever. While both hang, there is no third.

The threads are daemons, and no pool that the program uses: the interpreter does not wait for them at its exit, and a
hanging name delays no job. It does wait for a thread that is past its last question, some microseconds: CPython cuts
off a daemon that still runs by pthread_exit(3), which loads a library, and without a descriptor to load it with aborts
the process (up to Python 3.13). A thread that cannot be started is an error of `ask`: at once, and not when a deadline
ends.

What others do, as of autumn 2026: Go answers all that ask for one name by one call, and runs up to 500 calls of the C
library at a time, apart from its other threads; libuv lets getaddrinfo(3) have half of the threads of its pool, two of
four; asyncio and trio take threads of the program's pool (up to 32, and 40). c-ares speaks DNS itself and needs no
threads, but reads neither the system's other sources of names nor all of their settings.

All but `_work` runs on the loop's thread. The queue is a deque, whose operations are atomic; a thread that takes the
next question says so together with its answer, so the loop's counts need no lock.
"""

from __future__ import annotations

import atexit
from collections import deque
from threading import Thread, current_thread

from ..hints import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    Told = Callable[[Any, BaseException | None], object]

WANTED = 64  # questions at a time that somebody waits for: a thread that sleeps in the resolver costs some 50 KiB
THREADS = 128  # with those of abandoned questions
OF_ONE_KEY = 2  # questions at a time: one that hangs, and one more

_ending: set[Thread] = set()  # past their last question


@atexit.register
def _let_end() -> None:
    for thread in list(_ending):
        thread.join()


class Question:
    """One call in a thread, and all that wait for its answer."""

    __slots__ = ("args", "askers", "error", "fn", "key", "result")

    def __init__(self, key: Hashable, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.key = key
        self.fn = fn
        self.args = args
        self.askers: dict[Asker, None] = {}
        self.result: Any = None
        self.error: BaseException | None = None

    def answer(self) -> None:
        """Make the call. Raises nothing."""
        try:
            self.result = self.fn(*self.args)
        except BaseException as error:
            self.error = error


class Asker:
    """One that waits for an answer."""

    __slots__ = ("_lookups", "_question", "told")

    def __init__(self, lookups: Lookups, question: Question, told: Told) -> None:
        self._lookups = lookups
        self._question = question
        self.told = told

    def cancel(self) -> None:
        """Wait no longer: `told` is not called. Harmless after the answer."""
        self._lookups._cancel(self, self._question)


class Lookups:
    """The questions of one loop, and their threads."""

    __slots__ = ("_asked", "_post", "_running", "_waiting", "expected")

    def __init__(self, post: Callable[..., object]) -> None:
        self._post = post  # queues a call on the loop, from any thread
        self._asked: dict[Hashable, list[Question]] = {}  # the newest last
        self._running: dict[Question, None] = {}
        self._waiting: deque[Question] = deque()
        #: The number of clients that need an answer: those that have asked, and those that are about to.
        self.expected = 0

    def ask(self, key: Hashable, fn: Callable[..., Any], args: tuple[Any, ...], told: Told) -> Asker:
        """Call `told(result, error)` on the loop with what `fn(*args)` returns or raises in a thread, or with the
        answer to a question for the same key. Raises RuntimeError or MemoryError if the system gives no thread.
        """
        questions = self._asked.get(key)
        if questions and (questions[-1].askers or len(questions) == OF_ONE_KEY):
            question = questions[-1]
        else:
            question = Question(key, fn, args)
            if self._may_start():
                self._start(question)
            else:
                self._waiting.append(question)
            self._asked.setdefault(key, []).append(question)
        asker = Asker(self, question, told)
        question.askers[asker] = None
        return asker

    def _may_start(self) -> bool:
        threads = len(self._running)
        return threads < WANTED or (threads < THREADS and sum(bool(each.askers) for each in self._running) < WANTED)

    def _start(self, question: Question) -> None:
        Thread(target=self._work, args=(question,), name="reactor-lookup", daemon=True).start()
        self._running[question] = None

    def _work(self, question: Question | None) -> None:
        """What a thread does."""
        while question is not None:
            question.answer()
            try:
                following = self._waiting.popleft()
            except IndexError:
                following = None
                _ending.difference_update([thread for thread in list(_ending) if not thread.is_alive()])
                _ending.add(current_thread())
            self._post(self._answered, question, following)
            question = following

    def _answered(self, question: Question, following: Question | None) -> None:
        del self._running[question]
        if following is not None:
            self._running[following] = None
        self._forget(question)
        askers, question.askers = question.askers, {}
        for asker in askers:
            asker.told(question.result, question.error)
        self._start_waiting()

    def _cancel(self, asker: Asker, question: Question) -> None:
        if question.askers.pop(asker, self) is self or question.askers:
            return  # it was answered, or others wait for it
        try:
            self._waiting.remove(question)
        except ValueError:  # it runs
            self._start_waiting()
        else:
            self._forget(question)

    def _start_waiting(self) -> None:
        while self._waiting and self._may_start():
            try:
                question = self._waiting.popleft()
            except IndexError:  # a thread was quicker
                return
            try:
                self._start(question)
            except (RuntimeError, MemoryError) as error:
                self._forget(question)
                for asker in question.askers:
                    self._post(self._no_thread, asker, question, error)

    def _no_thread(self, asker: Asker, question: Question, error: BaseException) -> None:
        if question.askers.pop(asker, self) is not self:
            asker.told(None, error)

    def _forget(self, question: Question) -> None:
        """A question is over: the next one for its key is a new one."""
        questions = self._asked[question.key]
        questions.remove(question)
        if not questions:
            del self._asked[question.key]

    def close(self) -> None:
        """Start no more questions. Those that run finish in their threads, and nobody is told."""
        self._waiting.clear()
        self._asked.clear()
