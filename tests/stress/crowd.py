"""A crowd on a simulated network: a server whose program does anything, clients that do anything, and trouble.

Each client has a script (`scripts.py`), each connection a plan of what its program does (`acts.py`);
`promises.Track` stands beside every connection and holds the library to closing.md, and `ledger.py` compares its
reports with the kernel's own books.
"""

from __future__ import annotations

from collections import Counter
from math import inf
from typing import Any

from reactor import CloseReport, Connection, Server
from reactor.net.connection.listeners import CONNECTION_EVENTS
from reactor.testing import Choices, Remote
from tests.stress.acts import draw_plan
from tests.stress.ledger import Ledger
from tests.stress.scripts import Script, draw_script
from tests.stress.worlds import HOST, PORT, World

GRACES = (5.0, 0.0, 60.0)
SHUT_OUT = 12.0  # seconds that a client may wait though there is room: some accepts fail, and each costs a second


class Crowd(World):
    """One world."""

    ends = (300.0, 100.0, 20.0, 1.0), ("end_by_shutdown", "end_by_late_close")

    def __init__(self, choices: Choices, size: int) -> None:
        super().__init__(choices, size)
        self.ledgers: dict[Any, Ledger] = {}
        self.look_at = 0.0
        self.had_room, self.full_at = True, 0.0  # `full_at`: when there was no room for anybody
        self.promised: list[Any] = []  # who waited when it was asked to stop
        self.acted_at = 0.0  # when the program last did something to all
        self.stop_by = inf  # when the grace of its stop is over

    def settings(self) -> dict[str, Any]:
        draw = self.draw
        return {
            "idle_timeout": draw.pick([None, 10.0, 90.0]), "read_timeout": draw.pick([None, None, 15.0]),
            "write_timeout": draw.pick([60.0, 20.0]), "linger_timeout": draw.pick([30.0, 12.0]),
            "half_open_timeout": draw.pick([600.0, 40.0]), "on_idle": draw.pick(["close", "close", "reset"]),
            "allow_half_open": draw.chance(30), "pause_on_connect": draw.chance(10),
            "high_water": draw.pick([65_536, 1_000, 0]), "max_connections": draw.pick([None, None, 5]),
            "when_full": draw.pick(["wait", "drop", "reset"]),
        }  # fmt: skip

    # The program.

    def made_server(self) -> Server:
        server = Server(self.loop, self.opened, **self.settings())
        for event in CONNECTION_EVENTS:
            if event != "data":
                server.on(event, self.hears(event))
        return server

    def opened(self, conn: Connection) -> None:
        ledger = self.ledgers[conn.remote_address]
        ledger.accepted_by(conn)
        ledger.opened(conn)

    def hears(self, event: str) -> Any:
        return lambda conn, *args: self.ledgers[conn.remote_address].on_event(event, *args)

    def end_by_shutdown(self) -> None:
        """Also with clients who have just come, and were not accepted yet."""
        self.acted_at = self.loop.now
        if self.server.listening:
            for number in range(self.size, self.size + self.draw.below(4)):
                self.come(number, draw_script(self.choices.stream(f"client {number}")))
            self.kernel.settle()
            self.promised += self.waiting
        grace = self.draw.pick(GRACES)
        self.stop_by = self.loop.now + grace
        self.server.shutdown(grace)

    def end_by_late_close(self) -> None:
        """The server only stops accepting; then the program ends what it has."""
        self.server.close()
        self.loop.call_later(50.0, self.end_by_shutdown)

    # The clients.

    def invite(self) -> None:
        for number in range(self.size):
            script = draw_script(self.choices.stream(f"client {number}"))
            self.kernel.later(script.comes_at, self.come, number, script)

    def come(self, number: int, script: Script) -> None:
        remote = Remote(self.kernel, HOST, PORT)
        ledger = Ledger(self, remote, script, draw_plan(self.choices.stream(f"program {number}")))
        self.ledgers[remote.address] = ledger
        self.came += 1
        script.begin(self.kernel, remote, ledger)

    # What must hold.

    def check_rest(self) -> None:
        now = self.kernel.clock()
        if not self.had_room:
            self.full_at = now  # until this turn
        self.had_room = self.has_room
        if now >= self.look_at:
            self.look_at = now + 1.0
            self.check_nobody_is_shut_out(now)
            for conn in self.server.connections:
                self.ledgers[conn.remote_address].check_overdue(now)
        for conn in self.server.connections:
            state = conn.state
            ending = state not in ("open", "closed") or (conn._life.paused and conn.peer_gone)
            if ending and conn._look_at == float("inf") and not conn._flush_due:
                self.problems.append(f"ending or gone without a timer: {conn!r} {conn._life!r}")

    @property
    def waiting(self) -> list[Any]:
        """Who has connected, and was not accepted yet."""
        return [child for listening in self.kernel.listening.values() for child in listening.queue]

    @property
    def has_room(self) -> bool:
        most = self.kernel.most_descriptors
        limit, inside = self.server.max_connections, self.server._admission.inside
        return (most is None or len(self.kernel.sockets) < most) and (limit is None or inside < limit)

    def check_nobody_is_shut_out(self, now: float) -> None:
        for child in self.waiting:
            if now - max(child.opened_at, self.full_at) > SHUT_OUT:
                self.problems.append(f"there is room, and {child.peer_address} waits since {child.opened_at}")

    def check_who_waited(self) -> None:
        if self.troubled or self.server.max_connections is not None:
            return
        for child in self.promised:
            if self.ledgers[child.peer_address].conn is None:
                self.problems.append(f"{child.peer_address} waited when it was asked to stop, and was not let in")

    def check_books(self) -> None:
        self.check_who_waited()
        for ledger in self.ledgers.values():
            ledger.check_books()

    def let_go(self) -> tuple[list[CloseReport], list[Connection]]:
        ledgers = self.ledgers.values()
        held = [ledger.conn for ledger in ledgers if ledger.conn is not None]
        for ledger in ledgers:
            ledger.conn = None
        return [ledger.report for ledger in ledgers if ledger.report is not None], held

    def explained(self) -> str:
        concerned = [ledger for ledger in self.ledgers.values() if ledger.problematic]
        return "\n".join(
            f"  the client {ledger.script!r}\n  the program {ledger.plan!r}\n  heard {ledger.events}"
            for ledger in concerned
        )

    def tally(self) -> Counter[str]:
        done = super().tally()
        for ledger in self.ledgers.values():
            done[f"clients: {ledger.script.kind}"] += 1
            done[f"programs: {ledger.plan.kind}"] += 1
        return done
