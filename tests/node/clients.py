"""Clients: what they are told before they are connected, names and addresses, and the same endings as others."""

from __future__ import annotations

from functools import partial

from tests.node.stage import HALF_OPEN, Scenario

TWO = {"lookup": ["127.0.0.2", "127.0.0.1"]}  # the raw listener is on the second
ATTEMPTS = (20, 12)  # the Node that has the events of attempts
client = partial(Scenario, role="client")

CLIENTS: dict[str, Scenario] = {
    # Connecting, and the same endings as accepted connections.
    "connect then ready": client(
        "connect: ask state", "accept, until ready, send hello, until 5 bytes, end, read to end, until close"
    ),
    "a client ends": client(
        "ready: write hello, end !", "accept, read to end, until finish, send answer, until 6 bytes, end, until close"
    ),
    "end in the connect listener": client("connect: end all", "accept, read to end, end, until close"),
    "a half open client": client(
        "end: ask state · told end: end after",
        "accept, end, until end, settle, look, tell end, read to end, until close",
        options=HALF_OPEN,
    ),
    "a client resets": client("ready: reset", "accept, until close, read to end"),
    "a client destroys": client("ready: destroy", "accept, until close, read to end"),
    "the server resets": client("", "accept, until ready, reset, until close"),
    "the server resets during an upload": client(
        "ready: write 8 MiB", "accept, until write returned false, read 1 MiB, settle, reset, until close"
    ),
    "a client waits for drain": client(
        "ready: write 8 MiB · drain: end", "accept, until write returned false, read all of 8 MiB, end, until close"
    ),
    "a silent server is told": client(
        "start: set_timeout 0.05 · timeout: end late", "accept, read to end, end, until close"
    ),
    "a paused client": client(
        "ready: pause · told resume: resume",
        "accept, until ready, send later, settle, tell resume, until 5 bytes, end, until close",
    ),
    "a client on a unix socket": client(
        "start: write ping · data: end", "accept, read 4, send pong, read to end, end, until close", target="unix"
    ),
    "a client may choose its own address": client(
        "ready: end", "accept noting whence, read to end, end, until close", options={"local_host": "127.0.0.2"}
    ),
    # What a client is told to do before it is connected: it waits, or it cancels.
    "writes before connect are sent after it": client(
        {"start": [["write", "early "], ["write", "bird", "w"], ["ask", "state"]]},
        "accept, read 10, until callback w, end, read to end, until close",
    ),
    "many bytes_written before connect": client(
        "start: write 8 MiB · drain: end", "accept, until ready, settle, read all of 8 MiB, end, until close"
    ),
    "end before connect delivers": client("start: end all", "accept, read to end, end, until close"),
    "end before connect with nothing to say": client(
        "start: end", "accept, read to end, send I speak, until 7 bytes, end, until close"
    ),
    "destroy_soon before connect delivers": client(
        "start: write bye, destroy_soon", "accept, end, read to end, until close", deaf=("end",)
    ),
    "destroy before connect cancels": client("start: destroy", "until close, settle, anybody"),
    "destroy with an error before connect": client("start: destroy changed my mind", "until close, settle, anybody"),
    "pause before connect": client(
        "start: pause · told resume: resume",
        "accept, until ready, send later, settle, tell resume, until 5 bytes, end, until close",
    ),
    "a timeout while the name is looked up": client(
        "start: set_timeout 0.05 · timeout: destroy", "until close, settle", host="a.test", options={"lookup": "never"}
    ),
    "end before connect on a unix socket": client(
        "start: end all -> e", "accept, read to end, end, until close", target="unix"
    ),
    # Names, addresses, and clients that never get through.
    "a port where nobody listens": client("", "until close, settle", target="nobody"),
    "end does not hide that connecting fails": client("start: end lost", "until close, settle", target="nobody"),
    "a failed attempt is told": client("", "until close, settle", target="nobody", attempts=True, since=ATTEMPTS),
    "a path that does not exist": client("", "until close, settle", target="no path"),
    "an unknown name": client("", "until close, settle", host="a.test", options={"lookup": "ENOTFOUND"}),
    "destroy in the lookup listener of an unknown name": client(
        "lookup: destroy", "until close, settle", host="a.test", options={"lookup": "ENOTFOUND"}
    ),
    "destroy in the lookup listener": client(
        "lookup: destroy",
        "until close, settle, anybody",
        host="a.test",
        options={"lookup": ["127.0.0.1"]},
        since=ATTEMPTS,
    ),
    "a name is looked up first": client(
        "", "accept, until ready, end, read to end, until close", host="a.test", options={"lookup": ["127.0.0.1"]}
    ),
    "end waits for the lookup too": client(
        "start: end all", "accept, read to end, end, until close", host="a.test", options={"lookup": ["127.0.0.1"]}
    ),
    "the next address is tried when one refuses": client(
        "",
        "accept, until ready, end, read to end, until close",
        host="a.test",
        options=TWO,
        attempts=True,
        since=ATTEMPTS,
    ),
    "no address answers": client(
        "start: write lost", "until close, settle", target="nobody", host="a.test", options=TWO
    ),
    "each failed attempt is told": client(
        "", "until close, settle", target="nobody", host="a.test", options=TWO, attempts=True, since=ATTEMPTS
    ),
    "the error listener of a failed connect may call anything": client(
        "error: ask state, write late, end, destroy", "until close, settle", target="nobody"
    ),
}
