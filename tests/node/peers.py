"""Peers that reset or are silent, and the servers that they come to."""

from __future__ import annotations

from tests.node.stage import HALF_OPEN, Scenario

PEERS: dict[str, Scenario] = {
    # The peer resets, at each stage of a connection.
    "a reset of an open connection": Scenario("", "connect, reset, until close"),
    "a reset after an exchange": Scenario(
        "data: write answer -> w", "connect, send question, read 6, until callback w, reset, until close"
    ),
    "a close with unread bytes is a reset": Scenario(
        "data: write unread", "connect, send question, until 8 bytes, settle, close, until close"
    ),
    "a reset while output is pending": Scenario(
        "connection: write 8 MiB, write x",
        "connect narrow, until write returned false, settle, reset, until close, settle",
    ),
    "a reset while an end is draining": Scenario(
        "connection: end 8 MiB", "connect narrow, settle, reset, until close, settle"
    ),
    "a reset after our FIN": Scenario(
        "connection: end bye -> e", "connect, until finish, read to end, reset, until close"
    ),
    "a reset while output is pending after the peer's FIN": Scenario(
        "connection: write 8 MiB",
        "connect narrow, until write returned false, end, until end, settle, reset, until close, settle",
    ),
    "a reset while destroy_soon is draining": Scenario(
        "connection: write 8 MiB, destroy_soon",
        "connect narrow, until write returned false, settle, reset, until close, settle",
    ),
    "a reset while paused": Scenario(
        "told resume: resume", "connect, reset, settle, tell resume, until close", options={"pause_on_connect": True}
    ),
    "the error listener may call anything": Scenario(
        "error: write late, end, destroy", "connect, reset, until close, settle"
    ),
    # set_timeout(): tells of silence, and ends nothing by itself. Each waits for 50 ms of real silence.
    "a silence is told": Scenario(
        "connection: set_timeout 0.05 · timeout: end late", "connect, read to end, end, until close"
    ),
    "the listener is for the first timeout only and a silence is told once": Scenario(
        "connection: set_timeout 0.05 -> cb", "connect, until timeout, send x, until timeout ×2, end, until close"
    ),
    "a silence is told once however long it lasts": Scenario(
        "connection: set_timeout 0.05 · timeout: later 0.15", "connect, until later, end, until close"
    ),
    "a write starts it anew": Scenario(
        "connection: set_timeout 0.05 · timeout: write still there?",
        "connect, until timeout ×2, read 12, end, until close",
    ),
    "zero disarms": Scenario(
        "connection: set_timeout 0.05, set_timeout 0, later 0.15", "connect, until later, end, until close"
    ),
    "the timeout listener may destroy": Scenario(
        "connection: set_timeout 0.05 · timeout: destroy", "connect, until close, read to end"
    ),
    "the timeout listener may reset": Scenario(
        "connection: set_timeout 0.05 · timeout: reset", "connect, until close, read to end"
    ),
    "it runs after end too": Scenario(
        "connection: end bye, set_timeout 0.05", "connect, read to end, until timeout, end, until close"
    ),
    "it runs while paused": Scenario(
        "connection: pause, set_timeout 0.05 · timeout: resume",
        "connect, until timeout, send x, until 1 byte, end, until close",
    ),
    "it runs while half open": Scenario(
        "end: set_timeout 0.05 · timeout: end enough", "connect, end, read to end, until close", options=HALF_OPEN
    ),
    "no timeout after close": Scenario(
        "connection: set_timeout 0.05, destroy, later 0.15", "connect, until close, until later"
    ),
    # Servers: stopping, limits, and connections that outlive them.
    "stopped waits for the last connection": Scenario(
        "data: server.close c",
        "connect, connect, send x, until 1 byte, settle, end, read to end, settle, 2 end, 0 until stopped, "
        "0 until callback c",
        deaf=("close",),
    ),
    "close and destroy in the connection listener": Scenario(
        "connection: server.close c, destroy",
        "connect, 0 until callback c, 0 until stopped, read to end",
        deaf=("close",),
    ),
    "closing twice answers both": Scenario(
        "connection: server.close first, server.close second",
        "connect, settle, end, 0 until stopped, 0 until callback first, 0 until callback second",
        deaf=("close",),
    ),
    "connections live on after close": Scenario(
        "connection: server.close c · data: write still here",
        "connect, settle, send anybody?, read 10, end, 0 until stopped, 0 until callback c",
        deaf=("close",),
    ),
    "nobody listens after close": Scenario(
        "connection: server.close c",
        "connect, settle, knock, end, 0 until stopped, 0 until callback c",
        deaf=("close",),
    ),
    "stopped after a reset": Scenario(
        "connection: server.close c · told reset: reset",
        "connect, tell reset, 0 until stopped, 0 until callback c, read to end",
        deaf=("close",),
    ),
    "above max_connections clients are dropped": Scenario(
        "",
        "connect, connect unseen, 0 until drop, 2 read to end, end, until close, connect unseen, "
        "2 until connection, 3 end, 2 until close, 3 close",
        options={"max_connections": 1},
    ),
    "a freed place is used again": Scenario(
        "connection: destroy",
        "connect, until close, read to end, connect, 2 until close, 2 read to end, connect, 3 until close, "
        "3 read to end",
        options={"max_connections": 1},
    ),
    "close of a server on a path": Scenario(
        "connection: server.close c",
        "connect, settle, end, 0 until stopped, 0 until callback c",
        target="unix",
        deaf=("close",),
    ),
    "connections do not hear each other": Scenario(
        "data: write for one",
        "connect, connect, 2 send x, 2 read 7, settle, look, end, until close, 2 end, 2 until close",
    ),
}
