"""Writing and reading: drain and callbacks, pause and resume, text, and pipes."""

from __future__ import annotations

from tests.node.stage import HALF_OPEN, MUCH, Scenario

FLOW: dict[str, Scenario] = {
    # write() answers false, and drain: how fast a program may write.
    "drain comes when a slow peer has read": Scenario(
        "connection: write 8 MiB · drain: end",
        "connect roomy, until write returned false, settle, read all of 8 MiB, end, until close",
    ),
    "drain comes before the callback of the last write": Scenario(
        "connection: write 8 MiB -> w",
        "connect roomy, until write returned false, read 8 MiB, until callback w, until drain, end, until close",
    ),
    "one drain for several writes": Scenario(
        "connection: write 8 MiB, write x, write y · drain: end",
        "connect roomy, until write returned false ×3, read 8 MiB, read to end, end, until close",
    ),
    "a write in the drain listener": Scenario(
        {"connection": [["write", MUCH]], "drain": [["write", "then "], ["end", "bye"]]},
        "connect roomy, until write returned false, read 8 MiB, read to end, end, until close",
    ),
    "destroy drops what is pending and no drain comes after it": Scenario(
        "connection: write 8 MiB · told destroy: destroy",
        "connect narrow, until write returned false, tell destroy, until close, read all of 8 MiB, settle",
    ),
    "corked writes leave together": Scenario(
        {"connection": [["corked", [["write", "a"], ["write", "b"], ["write", "c"]]]]},
        "connect, read once, end, until close",
    ),
    "an end inside a cork waits for it": Scenario(
        {"connection": [["corked", [["write", "a", "1"], ["write", "b", "2"], ["end", "c", "e"]]]]},
        "connect, read once, read to end, end, until close",
    ),
    "writelines leave together": Scenario(
        {"connection": [["writelines", ["one ", "two ", "three"]]]}, "connect, read once, end, until close"
    ),
    # The callbacks of write() and end(): once each, in order, with an error if it came to nothing.
    "callbacks come in the order of small writes that ask for no patience": Scenario(
        "connection: write a -> 1, write b -> 2, write c -> 3", "connect, read 3, until callback 3, end, until close"
    ),
    "write callbacks come before that of end": Scenario(
        "connection: write a -> 1, write b -> 2, end c -> e", "connect, read to end, end, until close"
    ),
    "write callbacks come before finish and no drain after end": Scenario(
        "connection: write 8 MiB -> w, end",
        "connect roomy, until write returned false, read all of 8 MiB, end, until close",
    ),
    "a callback may write and end": Scenario(
        "connection: write a -> 1 · callback 1: write b -> 2 · callback 2: end c -> e",
        "connect, read to end, end, until close",
    ),
    "an empty write is answered too": Scenario(
        {"connection": [["write", "", "nothing"]]}, "connect, until callback nothing, end, until close"
    ),
    "a callback may destroy": Scenario(
        "connection: write a -> 1, write b -> 2 · callback 1: destroy", "connect, until close, settle, read to end"
    ),
    "a callback may reset": Scenario("connection: write a -> 1 · callback 1: reset", "connect, until close, settle"),
    "a callback never comes from inside write": Scenario(
        "data: write echo -> w · callback w: ask state", "connect, send x, read 4, end, until close"
    ),
    "callbacks are answered before the next data": Scenario(
        "data: write a -> 1, write b -> 2",
        "connect, send x, until callback 2, send y, until 2 bytes, end, until close, read to end",
    ),
    # pause() and resume(): nothing is delivered in between, and nothing is lost.
    "pause_on_connect holds data until resume": Scenario(
        "told resume: resume",
        "connect, send early, settle, tell resume, until 5 bytes, end, until close",
        options={"pause_on_connect": True},
    ),
    "pause in the connection listener": Scenario(
        "connection: pause · told resume: resume",
        "connect, send early, settle, tell resume, until 5 bytes, end, until close",
    ),
    "no data after pause in a data listener": Scenario(
        "data: pause, ask state · told resume: resume",
        "connect, send one, until 3 bytes, send two, settle, tell resume, until 6 bytes, end, until close",
    ),
    "the end waits for resume": Scenario(
        "connection: pause · told resume: resume",
        "connect, send last, end, settle, tell resume, read to end, until close",
    ),
    "end while paused sends FIN and waits": Scenario(
        "connection: pause, end bye · told resume: resume",
        "connect, read to end, until finish, send more, end, settle, tell resume, until close",
    ),
    "destroy while paused": Scenario(
        "connection: pause · told destroy: destroy", "connect, tell destroy, until close, read to end"
    ),
    "a large upload survives a pause": Scenario(
        "data: pause · told resume: resume",
        "connect, send \x00, until 1 byte, tell resume, pour 2 MiB, end, read to end, until close",
    ),
    "of pause and resume the last counts": Scenario(
        "connection: pause, resume, pause, pause, resume", "connect, send x, until 1 byte, end, until close"
    ),
    "pause after the peer's FIN changes nothing": Scenario(
        "end: pause · finish: resume, pause", "connect, end, read to end, until close"
    ),
    # set_encoding(): text instead of bytes. pipe(): a connection that echoes.
    "text instead of bytes": Scenario(
        "connection: set_encoding utf-8", "connect, send gr\xc3\xbc\xc3\x9fe, until 7 bytes, end, until close"
    ),
    "a character that comes in two pieces is whole": Scenario(
        "connection: set_encoding utf-8",
        "connect, send a\xc3, until 1 byte, send \xa9b, until 4 bytes, end, until close",
    ),
    "the encoding may change on the way": Scenario(
        "data: set_encoding utf-8", "connect, send bytes, until 5 bytes, send text, until 9 bytes, end, until close"
    ),
    "a connection piped to itself echoes": Scenario(
        "connection: pipe 1",
        "connect, send hello, read 5, send again, read 5, end, read to end, until close",
        deaf=("data",),
    ),
    "an echo of many bytes to a peer that reads late": Scenario(
        "connection: pipe 1", "connect, pour 1 MiB, end, read all of 1 MiB, until close", deaf=("data", "drain")
    ),
    "a reset ends an echo": Scenario(
        "connection: pipe 1", "connect, send hello, read 5, reset, until close", deaf=("data",)
    ),
    "unpipe stops the echo": Scenario(
        "connection: pipe 1 · told stop: unpipe 1, resume",
        "connect, send hello, read 5, tell stop, send no echo, until 12 bytes, look, end, read to end, until close",
    ),
    "a relay of half open connections": Scenario(
        "told there: pipe 2 · told back: pipe 1",
        "connect, connect, tell there, 2 tell back, send question, end, 2 read to end, settle, look, "
        "2 send answer, 2 end, read to end, until finish",
        deaf=("data", "close"),  # whose close comes first means nothing
        options=HALF_OPEN,
    ),
    "a pipe may leave the end of its destination alone": Scenario(
        {"told there": [["pipe", 2, {"end": False}]]},
        "connect, connect, tell there, send hello, 2 read 5, end, until close, settle, 2 look, 2 end, 2 until close",
        deaf=("data",),
    ),
}
