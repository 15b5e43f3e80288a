"""The rows of differences.py whose chapter is "The four ways to end" of closing.md."""

from __future__ import annotations

from tests.node.stage import Difference

IN_ENDING: dict[str, Difference] = {
    "a write after end is told to its caller": Difference(
        "connection: end bye · told write: write more -> w",
        "connect, until finish, tell write, end, until close, read to end",
        node=(
            "finish · write returned false · callback w WriteAfterEnd · error WriteAfterEnd · close with an "
            "error | got b'bye' · FIN"
        ),
        ours="finish · raised WriteAfterEnd · end · close | got b'bye' · FIN",
        better=(
            "A bug of the program is raised where it is made, and does not cut the connection while the peer "
            "still speaks."
        ),
    ),
    "a write after destroy is told to its caller": Difference(
        "connection: destroy, write late -> w",
        "connect, until close, settle, read to end",
        node="write returned false · callback w ConnectionClosed · close | FIN",
        ours="raised ConnectionClosed · close | FIN",
        better=("Raised where the bug is made; Node tells it to the callback only, and to nobody where there is none."),
    ),
    "a write after the peer has ended is no error": Difference(
        "finish: write too late -> w",
        "connect, end, read to end, until close",
        node=(
            "end · finish · write returned false · callback w This socket has been ended by the other party · "
            "error This socket has been ended by the other party · close with an error | FIN"
        ),
        ours="end · finish · write returned false · callback w ConnectionClosed · close | FIN",
        better=("Who writes just after the peer has ended could not know: false, the bytes count as unsent, no error."),
    ),
    "the callback of an end tells that its data was refused": Difference(
        "finish: end too late -> e",
        "connect, end, read to end, until close",
        node="end · finish · error WriteAfterEnd · callback e WriteAfterEnd · close with an error | FIN",
        ours="end · finish · callback e ConnectionClosed · close | FIN",
        better=(
            "As above: a race that no program can avoid is told to the callback, and is no error of the connection."
        ),
    ),
    "reset right after end resets": Difference(
        "data: end bye, reset",
        "connect, send x, settle, read to end",
        node="data b'x' · error reset EINVAL | got b'bye' · FIN",
        ours="data b'x' · close | RST",
        better=(
            "A stronger ending overrides a weaker one at any time, and drops what was waiting for the FIN; Node "
            "fails to, and `close` never comes."
        ),
    ),
    "destroy drops what has not left": Difference(
        "connection: write a, write b, destroy",
        "connect, until close, read to end",
        node="close | got b'ab' · FIN",
        ours="close | got b'a' · FIN",
        better=(
            "The first write of a turn is sent at once, the others leave together at its end, in one packet. "
            "destroy() drops what has not left, and the report counts it; destroy_soon() delivers."
        ),
    ),
    "a late second end is answered as the first": Difference(
        {"connection": [["end", "bye"]], "told again": [["end", None, "again"]]},
        "connect, until finish, tell again, end, until close, read to end",
        node="finish · callback again WriteAfterEnd · end · close | got b'bye' · FIN",
        ours="finish · callback again · end · close | got b'bye' · FIN",
        better=(
            "The callback tells whether the FIN went out, which it did; calling before or after `finish` is a race."
        ),
    ),
    "no callback tells success of bytes that were dropped": Difference(
        "connection: write 8 MiB -> w · told destroy: destroy",
        "connect narrow, until write returned false, tell destroy, until close, read all of 8 MiB",
        node="write returned false · callback w · close | not all of it · FIN",
        ours="write returned false · callback w ConnectionClosed · close | not all of it · FIN",
        better="A callback without an error means that the kernel has the bytes; Node says so of dropped ones.",
        until=(22, 9),
    ),
    "callbacks come before the error": Difference(
        "connection: write 8 MiB, write x -> w",
        "connect narrow, until write returned false ×2, settle, reset, until close, settle",
        node=(
            "write returned false · write returned false · error read ECONNRESET · callback w read ECONNRESET · "
            "close with an error"
        ),
        ours=(
            "write returned false · write returned false · callback w read ECONNRESET · error read ECONNRESET · "
            "close with an error"
        ),
        better="Callbacks are the answers of the connection, `error` and `close` its last words.",
    ),
    "a callback tells what the network did": Difference(
        "error: write late -> w",
        "connect, reset, until close, settle",
        node="error read ECONNRESET · write returned false · callback w ConnectionClosed · close with an error",
        ours="error read ECONNRESET · write returned false · callback w read ECONNRESET · close with an error",
        better="The callback tells why: the network's error where the network did it.",
    ),
    "what the kernel takes at once is not pending": Difference(
        "connection: write more than eight bytes",
        "connect, read 21, settle, end, until close",
        options={"high_water": 8},
        node="write returned false · drain · end · finish · close | got b'more than eight bytes'",
        ours="end · finish · close | got b'more than eight bytes'",
        better="False means that something waits; here nothing does.",
        until=(20, 10),
    ),
    "destroy inside a cork drops what it holds": Difference(
        {"connection": [["corked", [["write", "lost", "w"], ["destroy"]]]]},
        "connect, until close, read to end",
        node="close | FIN",
        ours="callback w ConnectionClosed · close | FIN",
        better="Every callback is answered.",
        until=(20, 13),
    ),
    "pause reads nothing so destroy is an RST": Difference(
        "connection: pause · told destroy: destroy",
        "connect, send nobody reads this, settle, tell destroy, until close, read to end",
        node="close | FIN",
        ours="close | RST",
        better=(
            "pause() stops reading at once, so the peer is throttled, and learns that its bytes were not read; "
            "Node reads on into a buffer (not with pauseOnConnect)."
        ),
    ),
    "nothing is delivered after destroy_soon": Difference(
        "connection: write 8 MiB, destroy_soon",
        "connect roomy, until write returned false, send are you listening?, settle, end, read all of 8 MiB, "
        "until close",
        node="write returned false · data b'are you listening?' · end · finish · close | all of it · FIN",
        ours="write returned false · end · finish · close | all of it · FIN",
        better="Who said that it no longer listens is given nothing more.",
    ),
    "reset on a unix socket is a plain close": Difference(
        "connection: reset",
        "connect, settle, look",
        target="unix",
        node="raised ERR_INVALID_HANDLE_TYPE | nothing",
        ours="close | FIN",
        better="One call aborts every kind of connection.",
    ),
    "destroy_soon before connect with nothing written cancels": Difference(
        "start: destroy_soon",
        "until close, settle, anybody",
        role="client",
        node="connect · ready · finish · close | somebody came",
        ours="close | nobody came",
        better="There is nothing to deliver: no server is bothered, and `close` does not wait for the network.",
    ),
    "reset before connect cancels": Difference(
        "start: reset",
        "until close, settle, anybody",
        role="client",
        node="connect · ready · close | somebody came",
        ours="close | nobody came",
        better="An abort does not wait for a connection in order to abort it.",
    ),
    "after destroy only close is told": Difference(
        "connect: destroy",
        "accept, until close, settle, read to end",
        role="client",
        node="connect · ready · close | FIN",
        ours="connect · close | FIN",
        better="A connection that the program has destroyed is not told to be ready.",
    ),
}
