"""A program that asks for many names while descriptors and threads run out and come back; a process of its own.

python lookup_program.py COUNT SEED        prints one line of JSON
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reactor import CloseReport, Connection, Reactor, connect

STACK = 1 << 30  # bytes of address space for each thread
SECONDS = 60.0


class Weather:
    """How many threads and descriptors there are. `clear` gives enough of both."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._files = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._space = resource.getrlimit(resource.RLIMIT_AS)
        self._taken: list[int] = []

    def change(self) -> None:
        self.clear()
        if self._chance.random() < 0.5:
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            threads = self._chance.choice((0, 0, 1, 3))
            resource.setrlimit(resource.RLIMIT_AS, (size + threads * STACK + STACK // 2, self._space[1]))
        if self._chance.random() < 0.5:
            self._take_descriptors(left=self._chance.choice((0, 0, 1, 2, 5)))

    def _take_descriptors(self, left: int) -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 20, self._files[1]))
        try:
            while True:
                self._taken.append(os.dup(0))
        except OSError:
            for _ in range(min(left, len(self._taken))):
                os.close(self._taken.pop())

    def clear(self) -> None:
        resource.setrlimit(resource.RLIMIT_AS, self._space)
        resource.setrlimit(resource.RLIMIT_NOFILE, self._files)
        while self._taken:
            os.close(self._taken.pop())


def main(count: int, seed: int) -> None:
    threading.stack_size(STACK)
    chance = random.Random(seed)
    weather = Weather(chance)
    told: Counter[Connection] = Counter()
    reasons: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    slowest = 0.0
    with Reactor() as loop, socket.create_server(("127.0.0.1", 0), backlog=4096) as far:
        before = len(os.listdir("/proc/self/fd"))

        def over(conn: Connection, report: CloseReport) -> None:
            told[conn] += 1
            reasons[report.reason.name] += 1

        def failed(conn: Connection, error: BaseException) -> None:
            errors[f"{getattr(error, 'syscall', None)} {type(error).__name__}"] += 1

        def ask(number: int) -> Connection:
            name = "localhost" if chance.random() < 0.3 else f"no such host {number}.invalid"  # which asks no server
            conn = connect(loop, name, far.getsockname()[1], family=socket.AF_INET, connect_timeout=None)
            conn.on("close", over)
            conn.on("error", failed)
            conn.on("connect", Connection.reset)
            if chance.random() < 0.1:
                loop.call_later(chance.random() / 100, conn.destroy)
            return conn

        asked = 0
        clients: list[Connection] = []
        while asked < count:
            weather.change()
            batch = [ask(asked + number) for number in range(min(chance.randrange(1, 40), count - asked))]
            asked += len(batch)
            clients += batch
            begun = time.monotonic()
            while any(conn.report is None for conn in batch) and time.monotonic() < begun + SECONDS:
                loop.run_once(0.1)
            slowest = max(slowest, time.monotonic() - begun)
        weather.clear()
        last = connect(loop, "localhost", far.getsockname()[1], family=socket.AF_INET, connect_timeout=5)
        while last.state == "connecting":
            loop.run_once(0.1)
        state = last.state
        last.reset()
        loop.run()
        while any(thread.name == "reactor-lookup" for thread in threading.enumerate()):
            time.sleep(0.01)
        gc.collect()
        result: dict[str, Any] = {
            "told once": sum(times == 1 for times in told.values()),
            "told more often": sum(times > 1 for times in told.values()),
            "reasons": reasons,
            "errors": errors,
            "slowest": slowest,
            "afterwards": state,
            "descriptors left": len(os.listdir("/proc/self/fd")) - before,
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
