"""Ten mistakes of programs, each marked `# wrong`. `mypy --strict` must reject these lines, and no other line here
(test_types.py). Nothing runs this file.
"""

from __future__ import annotations

from reactor import CloseReport, Connection, Reactor, Reason, Server, connect

loop = Reactor()
server = Server(loop)


def has_no_data(conn: Connection) -> None:
    """A listener without the argument that `data` brings."""


def wants_a_number(conn: Connection, error: int) -> None:
    """A listener whose argument is of another type than that of `error`."""


def takes_them_the_other_way(report: CloseReport, conn: Connection) -> None:
    """A listener of `close` with its arguments swapped."""


def hear(conn: Connection, data: bytes) -> None:
    """A listener without fault."""


server.on("data", has_no_data)  # wrong: the arity of a listener
server.on("error", wants_a_number)  # wrong: the type of an argument of a listener
server.on("close", takes_them_the_other_way)  # wrong: the arguments of a listener are swapped
server.on("dats", hear)  # wrong: a misspelt event
Server(loop, idle_timeot=5)  # wrong: a misspelt setting
server.shutdown(10, end="whole")  # wrong: a way to end that does not exist
server.idle_timeout = "5"  # wrong: a setting of another type

conn = connect(loop, "127.0.0.1", 80)
conn.busy = "no"  # wrong: no flag
ended = conn.state == "half_open"  # wrong: a state that does not exist


def closed(conn: Connection, report: CloseReport) -> None:
    if report.reason is Reason.TIMEOUT:  # wrong: a reason that does not exist
        conn.context = report.phase
    print(report.bytes_unacked + 1)  # wrong: None is not handled


conn.write("text")  # wrong: text cannot be written
