"""Where we differ from Node's `net`: what each does, why ours is better, and which chapter promises it.

Nothing else may differ. Both sides are checked, so that the table stays true of the Node at hand. The chapters are
those of closing.md and coming-from-node.md.
"""

from __future__ import annotations

from tests.node.differences_in_ending import IN_ENDING
from tests.node.stage import HALF_OPEN, MANY, MIB, MUCH, Difference

SHORT = 0.05  # seconds
LONGER = 0.2

CHAPTERS: dict[str, dict[str, Difference]] = {
    "The four ways to end": IN_ENDING,
    "Events": {
        "no callback comes between connect and ready": Difference(
            "start: write early -> w",
            "accept, read 5, until callback w, end, until close",
            role="client",
            node="connect · callback w · ready · end · finish · close | got b'early'",
            ours="connect · ready · callback w · end · finish · close | got b'early'",
            better=(
                "`connect` and `ready` come together, and then what was written before them is answered, however "
                "much it was; in Node the first of several writes may be answered in between."
            ),
        ),
        "callbacks of a client that never connects come before its close": Difference(
            "start: write lost -> w",
            "until close, settle",
            role="client",
            target="nobody",
            node="error connect ECONNREFUSED 127.0.0.1:PORT · close with an error · callback w NeverConnected",
            ours="callback w NeverConnected · error connect ECONNREFUSED 127.0.0.1:PORT · close with an error",
            better="`close` is the last that is heard of a connection.",
        ),
        "drain comes at the low water mark": Difference(
            {"connection": [["write", {"pattern": 2 * MANY}]], "drain": [["is", "pending_bytes", 0]]},
            "connect roomy, until write returned false, " + "read 1 MiB, settle, " * 16 + "end, until close",
            options={"high_water": 6 * MIB, "low_water": 5 * MIB},
            node=(
                "write returned false · drain · pending_bytes is 0 · end · finish · close | got 16777216 bytes of "
                "the pattern"
            ),
            ours=(
                "write returned false · drain · pending_bytes is not 0 · end · finish · close | got 16777216 bytes "
                "of the pattern"
            ),
            better="The program is asked for more before the line runs dry; `low_water=0` is Node's way.",
        ),
        "the end is seen though nobody listens to data": Difference(
            "",
            "connect, send nobody listens, end, settle, look",
            deaf=("data",),
            node=" | nothing",
            ours="end · finish · close | FIN",
            better="A connection that nobody reads ends when its peer does; in Node it stays for ever.",
        ),
        "nobody has to listen to error": Difference(
            "",
            "connect, reset, until close, settle",
            deaf=("error",),
            node="server the process would have died read ECONNRESET · close with an error",
            ours="close with an error",
            better="Nothing that a peer does ends the process.",
        ),
        "a listener that raises ends its own connection only": Difference(
            "data: raise a bug of the program",
            "connect, connect, send x, settle, look, 2 end, 2 until close",
            node=(
                "data b'x' · server the process would have died a bug of the program · #2 end · #2 finish · #2 "
                "close | nothing"
            ),
            ours=(
                "data b'x' · server logged the error a bug of the program · close with an error · #2 end · #2 "
                "finish · #2 close | RST"
            ),
            better="The error is logged and reported, its connection is reset, and all others go on.",
        ),
        "pause holds the end back even with nothing before it": Difference(
            "connection: pause · told resume: resume",
            "connect, end, settle, note paused, look, tell resume, read to end, until close",
            node="end · finish · close | paused · FIN · FIN",
            ours="end · finish · close | paused · nothing · FIN",
            better=(
                "Nothing is read while paused, and so nothing ends; `hangup` tells that the peer is gone. In Node "
                "it depends on whether there were bytes before the FIN."
            ),
        ),
    },
    "The report": {
        "bytes_written are those that the kernel took": Difference(
            {"connection": [["write", MUCH], ["is", "bytes_written", MANY]]},
            "connect roomy, until write returned false, read 8 MiB, end, until close",
            node=(
                "write returned false · bytes_written is 8388608 · drain · end · finish · close | got 8388608 bytes "
                "of the pattern"
            ),
            ours=(
                "write returned false · bytes_written is not 8388608 · drain · end · finish · close | got 8388608 "
                "bytes of the pattern"
            ),
            better="What waits in the buffer is not written; `pending_bytes` has it.",
        ),
    },
    "Facts about the kernel": {
        "a reset behind the peer's FIN is noticed": Difference(
            "",
            "connect, end, until end, reset, settle",
            options=HALF_OPEN,
            node="end",
            ours="end · error write EPIPE · close with an error",
            better=(
                "A half-open connection whose peer is gone ends at once; in Node only when something is written to it."
            ),
        ),
        "a reset is noticed while paused": Difference(
            "",
            "connect, reset, settle",
            options={"pause_on_connect": True},
            node="",
            ours="error read ECONNRESET · close with an error",
            better=(
                "A paused connection whose peer is gone ends, if nothing waits to be read; in Node not before resume()."
            ),
        ),
        "a reset behind unread bytes is no clean end": Difference(
            "told resume: resume",
            "connect, send read me later, reset, settle, tell resume, until close",
            options={"pause_on_connect": True},
            node="data b'read me later' · end · finish · close",
            ours="data b'read me later' · error read ECONNRESET · close with an error",
            better="What was cut off is not taken for complete.",
            until=(24, 16),
        ),
    },
    "Why it matters": {
        "destroy_soon waits for the peer's FIN": Difference(
            "data: write no, destroy_soon",
            "connect, send request, read to end, settle, send more, look for a reset, end, until close",
            node="data b'request' · finish · close | got b'no' · FIN · then RST",
            ours="data b'request' · finish · end · close | got b'no' · FIN · no RST",
            better="What the peer still says is read and dropped for a bounded time: an RST could cost it the answer.",
        ),
        "an early refusal arrives whole": Difference(
            "connection: write 1 MiB, destroy_soon",
            "connect roomy, pour 8 MiB, end, read all of 1 MiB however it ends, until close",
            deaf=("data", "drain", "write returned false"),
            node="finish · close | not all of it",
            ours="finish · end · close | all of it",
            better="A client that is still sending gets the whole answer.",
        ),
    },
    "Deadlines": {
        "end may be given a deadline": Difference(
            {"connection": [["end", "bye", None, SHORT], ["later", LONGER]]},
            "connect, read to end, until later, look for a reset",
            node="finish · later | got b'bye' · FIN · no RST",
            ours="finish · close · later | got b'bye' · FIN · then RST",
            better=(
                "Every ending is bounded, by `linger_timeout` or by its own `timeout`; Node waits for the peer's "
                "FIN for ever."
            ),
        ),
        "a peer that does not read is given up": Difference(
            "connection: write 8 MiB, end, later 0.2",
            "connect narrow, until later",
            options={"write_timeout": SHORT},
            node="write returned false · later",
            ours="write returned false · close · later",
            better="`write_timeout`: a peer that reads nothing does not keep its connection and our memory for ever.",
        ),
        "a connection that nobody ends is given up": Difference(
            "end: later 0.2",
            "connect, end, until later",
            options={**HALF_OPEN, "half_open_timeout": SHORT},
            node="end · later",
            ours="end · close · later",
            better="`half_open_timeout`: a half-open connection that the program has forgotten ends by itself.",
        ),
    },
    "The server": {
        "stopped comes after the last close": Difference(
            "connection: server.close c",
            "connect, settle, end, 0 until stopped, 0 until callback c, until close",
            node="end · finish · server stopped · server callback c · close",
            ours="end · finish · close · server stopped · server callback c",
            better="When the server says that it has stopped, every connection is gone, its `close` delivered.",
        ),
        "listen raises what the kernel refuses": Difference(
            {"connection": [["listen again"]]},
            "connect, settle, end, until close",
            node="error of the server listen EADDRINUSE: address already in use 127.0.0.1:PORT · end · finish · close",
            ours="raised listen EADDRINUSE 127.0.0.1:PORT · end · finish · close",
            better="The caller of listen() sees the error, and cannot forget to listen for it.",
        ),
    },
    "Errors": {
        "an IPv6 address stands in brackets": Difference(
            "",
            "until close",
            role="client",
            target="nobody",
            host="::1",
            ipv6=True,
            node="error connect ECONNREFUSED ::1:PORT · close with an error",
            ours="error connect ECONNREFUSED [::1]:PORT · close with an error",
            better="Host and port can be told apart.",
        ),
    },
    "Clients": {
        "a lookup that answers nonsense is named": Difference(
            "",
            "until close, settle",
            role="client",
            host="a.test",
            options={"lookup": ["nonsense"]},
            node="lookup a.test is nonsense (IPv0) · error ERR_INVALID_IP_ADDRESS · close with an error",
            ours=(
                "lookup the lookup of 'a.test' must answer with IP addresses, not 'nonsense' · error the lookup of "
                "'a.test' must answer with IP addresses, not 'nonsense' · close with an error"
            ),
            better="`lookup` tells of addresses or of an error, never of an address that is none.",
        ),
    },
    "Options, and what can be asked": {
        "addresses are known after close": Difference(
            "close: ask remote_host, ask local_host",
            "accept, until ready, end, until close",
            role="client",
            node="connect · ready · end · finish · close · remote_host is undefined · local_host is undefined",
            ours="connect · ready · end · finish · close · remote_host is 127.0.0.1 · local_host is 127.0.0.1",
            better="A `close` listener can say whose connection it was.",
        ),
    },
    "Text and files": {
        "bytes that are no text are an error": Difference(
            "connection: set_encoding utf-8",
            "connect, send a\xff, settle, end, until close, read to end",
            node="data as text 'a\ufffd' · end · finish · close | FIN",
            ours=(
                "data as text 'a' · error 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte · "
                "close with an error | RST"
            ),
            better='What is no text is not passed off as text; who prefers Node\'s way says errors="replace".',
        ),
    },
    "Pipes": {
        "a relay carries half closes": Difference(
            "told relay: pipe 1 · told back: pipe 2",
            "connect, connect, tell back, 2 tell relay, send question, 2 read 8, end, 2 read to end, settle, "
            "2 send answer, 2 end, read to end, settle",
            deaf=("data",),
            node="end · #2 finish · finish · close | #2 got b'question' · #2 FIN · FIN",
            ours=(
                "end · #2 finish · #2 end · finish · #2 close · close | #2 got b'question' · #2 FIN · got b'answer' "
                "· FIN"
            ),
            better="A half that is fed by a pipe is ended by the pipe, so the answer arrives without allow_half_open.",
        ),
        "a relay carries resets": Difference(
            "told relay: pipe 1 · told back: pipe 2",
            "connect, connect, tell back, 2 tell relay, send question, 2 read 8, reset, until close, settle, 2 look",
            deaf=("data",),
            node="error read ECONNRESET · close with an error | #2 got b'question' · #2 nothing",
            ours="error read ECONNRESET · close with an error · #2 close | #2 got b'question' · #2 RST",
            better="The other side learns that it was cut off, instead of waiting for ever.",
        ),
        "a pipe into a connection that is gone ends its source": Difference(
            "told there: pipe 2",
            "connect, connect, tell there, send hello, 2 read 5, 2 reset, 2 until close, settle, look",
            deaf=("data",),
            node="#2 error read ECONNRESET · #2 close with an error | #2 got b'hello' · nothing",
            ours="#2 error read ECONNRESET · #2 close with an error · close | #2 got b'hello' · RST",
            better="Nobody is there to hear the rest, and the source learns it; in Node it stays, unread, for ever.",
        ),
    },
    "The two halves": {
        "the state tells closing from closed": Difference(
            "finish: ask state · close: ask state",
            "connect, end, until close",
            node="end · finish · state is closed · close · state is closed",
            ours="end · finish · state is closing · close · state is closed",
            better="`closed` means closed.",
        ),
    },
}
DIFFERENCES = {name: row for rows in CHAPTERS.values() for name, row in rows.items()}
