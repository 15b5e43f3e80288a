"""Ways to break the library, each one promise: what is written there, what stands there instead, and the tests that
must notice, the likeliest.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]


class Mutation(NamedTuple):
    name: str
    breaks: str  # the promise
    file: str
    find: str  # stands there exactly once
    replace: str
    tests: tuple[str, ...]  # files, with test names after :: where one file has many

    def applied(self, text: str) -> str:
        """The broken text; ValueError where this mutation does not fit the library any more."""
        if text.count(self.find) != 1:
            raise ValueError(
                f"{self.name}: what it changes stands {text.count(self.find)} times in {self.file}, not once"
            )
        return text.replace(self.find, self.replace)


def held_by(*names: str) -> tuple[str, ...]:
    """The files of tests for names like "ending/end"."""
    return tuple("tests/{}/test_{}.py".format(*name.split("/")) for name in names)


MUTATIONS = (
    Mutation(
        "skip the linger",
        "destroy_soon() never ends in RST while the peer still sends",
        "reactor/net/connection/stream.py",
        """        self._wrote_at = self._loop.turn_now
        self._step(DRAINED)
""",
        """        self._wrote_at = self._loop.turn_now
        self._step(DRAINED)
        if self._life.discarding:
            from .states import DESTROY

            self._step(DESTROY)
""",
        held_by("ending/early_refusal", "ending/destroy_soon"),
    ),
    Mutation(
        "drop the tail",
        "what the kernel does not take is kept and sent in order",
        "reactor/net/connection/outbuf.py",
        """            count -= len(self.chunks.popleft())
        self._offset = count
""",
        """            count -= len(self.chunks.popleft())
        self._offset = count + 1 if count else 0
""",
        ("tests/unit/test_outbuf.py", *held_by("writing/writing")),
    ),
    Mutation(
        "emit close twice",
        "`close` comes exactly once",
        "reactor/net/connection/closing.py",
        "for listener in self._listeners.close:",
        "for listener in self._listeners.close * 2:",
        held_by("ending/event_order", "ending/close_report"),
    ),
    Mutation(
        "forget the timer of the linger",
        "a connection that is closing always has an armed timer",
        "reactor/net/deadlines/keeper.py",
        "        if moment < stream._look_at:\n",
        "        if moment < stream._look_at and not life.fin_sent:\n",
        held_by("deadlines/linger_timeout"),
    ),
    Mutation(
        "spin on EMFILE",
        "running out of descriptors never spins the loop",
        "reactor/net/server/acceptor.py",
        """        self.unwatch()
        if self.sock.fileno() >= 0:
            self._pause_until(self._host.quiet_until)
""",
        "",
        held_by("server/accept_trouble"),
    ),
    Mutation(
        "take no place",
        "a relay that runs out of descriptors in a burst serves some",
        "reactor/net/client/place.py",
        """        self._spare = opening.spare_socket(loop.poller.system, literal or socket.AF_INET)
""",
        "",
        held_by("server/places"),
    ),
    Mutation(
        "leave nothing for names",
        "accept leaves descriptors free while names are resolved",
        "reactor/net/server/acceptor.py",
        "lookups.expected and self._leave_some()",
        "lookups.expected and False",
        held_by("server/places"),
    ),
    Mutation(
        "fail all that find no descriptor",
        "a proxy that runs out of descriptors in a burst serves some",
        "reactor/net/client/shortage.py",
        "stay = len(self._waiting) // 2",
        "stay = 0",
        held_by("server/places"),
    ),
    Mutation(
        "look once whether the loop is closed",
        "a future is answered or cancelled, whenever the reactor closes",
        "reactor/engine/queues.py",
        """        if self.closed:  # perhaps since the first line: then close() did not find it
            drop(self._ready)
""",
        "",
        held_by("loop/exhaustion"),
    ),
    Mutation(
        "keep the place of a name that nobody waits for",
        "names that hang hold up no others once their clients have gone",
        "reactor/engine/lookups.py",
        "        except ValueError:  # it runs\n            self._start_waiting()\n",
        "        except ValueError:  # it runs\n            pass\n",
        held_by("client/lookup_threads"),
    ),
    Mutation(
        "reset instead of FIN",
        "end() sends FIN after the last byte",
        "reactor/net/connection/stream.py",
        "            self._sock.shutdown(socket.SHUT_WR)\n",
        "            return self._cut(Reason.RESET)\n",
        held_by("ending/end"),
    ),
    Mutation(
        "count our FIN as an unacknowledged byte",
        "`bytes_unacked` is exact",
        "reactor/net/connection/closing.py",
        "max(unacked - self._fin_sent, 0)",
        "unacked",
        held_by("ending/close_report", "deadlines/write_timeout"),
    ),
    Mutation(
        "count what is acknowledged twice",
        "a report tells what the peer's kernel has, to the byte",
        "reactor/net/connection/closing.py",
        "self.bytes_written - max(unacked - self._fin_sent, 0)",
        "self.bytes_written - max(unacked - self._fin_sent, 0) // 2",
        ("tests/stress/test_stalled_readers.py", *held_by("ending/close_report")),
    ),
    Mutation(
        "reap with unread input",
        "reaping loses nothing: unread input would turn the close into a reset",
        "reactor/net/deadlines/keeper.py",
        "not stream._sock.unacknowledged() and not stream._input_waits()",
        "not stream._sock.unacknowledged()",
        held_by("deadlines/idle_reaping", "deadlines/read_timeout"),
    ),
    Mutation(
        "watch for nothing while paused",
        "a paused connection hears that its peer has gone",
        "reactor/net/connection/states.py",
        "GONE if self.paused else",
        "0 if self.paused else",
        held_by("ending/hangup_while_paused"),
    ),
    Mutation(
        "close after the report",
        "`close` comes after the descriptor was given back",
        "reactor/net/connection/closing.py",
        """        self._sock.close()
        self._life = CLOSED
        self._loop.queue(self._close)
""",
        """        self._life = CLOSED
        self._loop.queue(self._close)
        self._loop.queue(self._sock.close)
""",
        held_by("ending/destroy_and_reset", "ending/event_order"),
    ),
    Mutation(
        "lose the callbacks of what was not sent",
        "a callback comes exactly once each, whatever happens",
        "reactor/net/connection/callbacks.py",
        "            conn._guarded(callback, conn, conn._answer(reached(until, conn.bytes_written, conn._fin_sent)))\n",
        """            if reached(until, conn.bytes_written, conn._fin_sent):
                conn._guarded(callback, conn, None)
""",
        ("tests/unit/test_callbacks.py", *held_by("writing/callbacks")),
    ),
    Mutation(
        "reap although input waits",
        "time that our own process was stalled is not the client's silence",
        "reactor/net/deadlines/keeper.py",
        "        if moment <= now and reason is not None and _input_speaks(stream, reason):\n",
        "        if False:\n",
        held_by("deadlines/idle_reaping", "deadlines/read_timeout", "deadlines/our_own_stall"),
    ),
    Mutation(
        "charge the client for a turn that stood still",
        "a client that was answered late is not reaped for it",
        "reactor/engine/turn.py",
        "        if ended - self.turn_now >= STALL:\n",
        "        if False:\n",
        held_by("deadlines/our_own_stall"),
    ),
    Mutation(
        "reap never",
        "`idle_timeout` ends a connection on which nothing moves",
        "reactor/net/deadlines/rules.py",
        "        if settings.idle_timeout is not None:\n",
        "        if settings.idle_timeout is not None and at.pending:\n",
        held_by("deadlines/idle_reaping"),
    ),
    Mutation(
        "leave the backlog behind at a shutdown",
        "no client whose connect() had returned before shutdown() is lost",
        "reactor/net/server/stopping.py",
        "            acceptor.accept(BACKLOG_BOUND)\n",
        "            pass\n",
        held_by("server/shutdown"),
    ),
    Mutation(
        "reset at once at a shutdown",
        "pending output drains within the grace",
        "reactor/net/server/stopping.py",
        "            self._endings.end(self._waiting.popleft())\n",
        "            self._waiting.popleft()._cut(Reason.SHUTDOWN_DEADLINE)\n",
        held_by("server/shutdown"),
    ),
    Mutation(
        "await each FIN for the whole grace",
        "a stop whose clients are idle costs no grace",
        "reactor/net/server/endings.py",
        "        if self._fin_wait < inf:\n",
        "        if self._fin_wait < 0:\n",
        held_by("server/shutdown_idle"),
    ),
    Mutation(
        "close an idle client of a stop before it has acknowledged everything",
        "no byte that was written is lost by a stop",
        "reactor/net/server/endings.py",
        "not conn._life.fin_sent or conn._sock.unacknowledged() or conn._input_waits()",
        "conn._life.reading and False",
        held_by("server/shutdown_idle"),
    ),
    Mutation(
        "end busy connections at once",
        "a stop does not end a connection for which the program is at work",
        "reactor/net/server/endings.py",
        "            if is_busy(conn):\n",
        "            if is_busy(conn) and False:\n",
        held_by("server/shutdown_idle"),
    ),
    Mutation(
        "wait for timers when the server has stopped",
        "a process that serve runs ends within its grace",
        "reactor/engine/turn.py",
        "not self.winding_up and (self._timers.refs or self._watched)",
        "self._timers.refs or self._watched",
        held_by("cli/process_stop"),
    ),
    Mutation(
        "answer True above the high-water mark",
        "write() returns False above the mark",
        "reactor/net/connection/stream.py",
        "        if out.held > self._settings.high_water:\n",
        "        if out.held > self._settings.buffer_limit:\n",
        held_by("writing/writing"),
    ),
    Mutation(
        "ignore buffer_limit",
        "memory is bounded",
        "reactor/net/connection/stream.py",
        "            self._cut(Reason.BUFFER_LIMIT)\n",
        "            pass\n",
        held_by("writing/write_failures", "writing/writing"),
    ),
    Mutation(
        "keep the registration of a closed descriptor",
        "registrations are removed before close(2): another process may hold a copy",
        "reactor/net/connection/closing.py",
        "            self._loop.poller.remove(self._sock.fileno())\n",
        "            pass\n",
        ("tests/stress/test_fork.py", "tests/contract/test_exactly_once.py"),
    ),
    Mutation(
        "take the end of a broken connection for a FIN",
        "after a failed write, b'' is not the peer's FIN: no `end`",
        "reactor/net/connection/stream.py",
        """        if self._life.broken:
            self._lose(errno.ECONNRESET, "read")
            return
        known, ours_first =""",
        """        if self._life.broken:
            self._emit("end")
            self._lose(errno.ECONNRESET, "read")
            return
        known, ours_first =""",
        held_by("writing/write_failures"),
    ),
    Mutation(
        "call a broken connection clean",
        "`clean` means both FINs, nothing unsent, nothing unacknowledged, no error",
        "reactor/net/connection/account.py",
        " and arrived and not unsent and error is None\n",
        " and arrived\n",
        held_by("ending/close_report", "writing/write_failures", "server/shutdown"),
    ),
    Mutation(
        "lose what was held back",
        "what was read for a connection that another listener has paused is delivered after resume()",
        "reactor/net/connection/stream.py",
        "            self._intake.held += data\n",
        "            self._discarded += len(data)\n",
        held_by("reading/read_ahead"),
    ),
    Mutation(
        "deliver to who was paused by another",
        "no data comes between pause() and resume()",
        "reactor/net/connection/stream.py",
        "        if data and self._flowing:\n            count = len(data)\n",
        "        if data:\n            count = len(data)\n",
        held_by("reading/read_ahead"),
    ),
    Mutation(
        "cut a slow reader",
        "a slow reader is not a dead one: what its kernel acknowledges is movement",
        "reactor/net/deadlines/keeper.py",
        "    if acked > known:\n",
        "    if False:\n",
        held_by("deadlines/write_timeout"),
    ),
    Mutation(
        "let a listener that raises go on",
        "a listener that raises ends its own connection",
        "reactor/net/connection/closing.py",
        "            self._cut(Reason.LISTENER_FAILED)\n",
        "            pass\n",
        held_by("ending/listeners_that_raise"),
    ),
    Mutation(
        "keep the frames of a listener that raised",
        "no reference cycle is left for the collector",
        "reactor/net/connection/closing.py",
        "error.with_traceback(None)",
        "error",
        (
            "tests/stress/test_listeners_that_fail.py::test_listeners_that_raise",
            *held_by("ending/listeners_that_raise"),
        ),
    ),
    Mutation(
        "deliver after destroy_soon()",
        "destroy_soon() no longer listens",
        "reactor/net/connection/states.py",
        "    (Read.OPEN, Event.DESTROY_SOON): Read.DISCARDING,\n",
        "    (Read.OPEN, Event.DESTROY_SOON): Read.OPEN,\n",
        ("tests/unit/test_lifecycle.py", *held_by("ending/destroy_soon")),
    ),
    Mutation(
        "wait for ever for a program whose peer has gone",
        "a connection whose peer is known to be gone always has an armed timer",
        "reactor/net/deadlines/rules.py",
        "        return at.gone or state.fin_sent or state.broken\n",
        "        return state.fin_sent or state.broken\n",
        held_by("deadlines/half_open_timeout", "ending/hangup_while_paused"),
    ),
    Mutation(
        "leave FIN to close(2) when reaping",
        "a reaped peer hears of it though a forked child holds copies",
        "reactor/net/connection/closing.py",
        "            options.say_fin(self._sock)\n",
        "            pass\n",
        held_by("deadlines/matrix"),
    ),
    Mutation(
        "read again what there was no memory for",
        "nothing a peer does spins the loop",
        "reactor/net/connection/stream.py",
        '            self._lose(errno.ENOMEM, "read")\n',
        "            raise error\n",
        ("tests/stress/test_listeners_that_fail.py",),
    ),
    Mutation(
        "forget the first error that leaves a turn",
        "the first `KeyboardInterrupt` of a turn is raised at its end",
        "reactor/engine/turn.py",
        "        if self._kept is None:\n            self._kept = error\n",
        "        self._kept = error\n",
        held_by("loop/loop_failures"),
    ),
    Mutation(
        "sleep over what a signal handler calls",
        "what a plain signal handler calls wakes a loop that sleeps",
        "reactor/engine/turn.py",
        "            self.in_turn = False\n            try:\n",
        "            try:\n",
        ("tests/loop/test_signals.py::test_a_plain_signal_handler_may_call_anything_while_the_loop_sleeps",),
    ),
    Mutation(
        "let a reader that keeps up keep the loop",
        "large writes go out inside their calls a bounded number of times a turn",
        "reactor/engine/turn.py",
        "        return self._sends_left >= 0\n",
        "        return True\n",
        held_by("loop/syscalls"),
    ),
    Mutation(
        "accept until nobody is there",
        "no accept finds nobody where the kernel can tell how many wait",
        "reactor/net/sockets/kernel.py",
        "if info[0] == _LISTEN else None\n",
        "if info[0] != _LISTEN else None\n",
        held_by("server/accepting"),
    ),
    Mutation(
        "forget one column of one reason",
        "a client that sends too slowly gets FIN though another process has a copy of the socket",
        "reactor/net/connection/account.py",
        "Reason.READ_RATE: Row(Way.IN_ORDER, announced=True, input_speaks=True, fin_first=True)",
        "Reason.READ_RATE: Row(Way.IN_ORDER, announced=True, input_speaks=True)",
        held_by("deadlines/matrix"),
    ),
    Mutation(
        "let the last cause win",
        "the reason is the first cause other than an orderly end",
        "reactor/net/connection/account.py",
        "        return self if self.reason is not None else self._replace(reason=reason)\n",
        "        return self._replace(reason=reason)\n",
        ("tests/unit/test_account.py", *held_by("ending/close_report")),
    ),
    Mutation(
        "lose what was read ahead of a detach",
        "detach() returns all that was read and not delivered",
        "reactor/engine/ahead.py",
        "                return data\n",
        '                return b""\n',
        held_by("ending/detach"),
    ),
    Mutation(
        "ask a full backlog again at once",
        "a Unix server that is slow to accept is waited for without spinning",
        "reactor/net/client/attempt.py",
        "call_later(self._pause, self._connect_again)",
        "call_later(0, self._connect_again)",
        held_by("unix/full_backlog"),
    ),
    Mutation(
        "listen on the first address of a name",
        "a name is listened on at each of its addresses",
        "reactor/net/sockets/opening.py",
        "    return list(dict.fromkeys((family, raw) for family, _, _, _, raw in found))\n",
        "    return [(family, raw) for family, _, _, _, raw in found][:1]\n",
        held_by("server/listen_on_names"),
    ),
)
