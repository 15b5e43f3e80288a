"""end(), destroy_soon(), destroy() and reset(): what the program sees, and FIN or RST on the wire."""

from __future__ import annotations

from tests.node.stage import HALF_OPEN, Scenario

ENDINGS: dict[str, Scenario] = {
    # end(): FIN after the last byte, and what the peer does with it.
    "end sends its data then FIN and close waits for the peer's FIN": Scenario(
        "connection: end bye", "connect, read to end, until finish, settle, end, until close"
    ),
    "end of a connection that wrote nothing": Scenario("connection: end", "connect, read to end, end, until close"),
    "FIN comes after the last of many bytes": Scenario(
        "connection: end 8 MiB", "connect, read all of 8 MiB, until finish, end, until close"
    ),
    "after end the peer is still heard": Scenario(
        "connection: end bye · data: ask state",
        "connect, read to end, send one, until 3 bytes, send two, until 6 bytes, end, until close",
    ),
    "the peer's FIN ends our half": Scenario(
        "connection: ask state · end: ask state · close: ask state",
        "connect, send hi, until 2 bytes, end, read to end, until close",
    ),
    "what is pending when the peer ends is delivered before our FIN": Scenario(
        "data: write 8 MiB",
        "connect, send get, until write returned false, end, until end, read all of 8 MiB, until close",
    ),
    "the end listener may say a last word": Scenario("end: write last word", "connect, end, read to end, until close"),
    "the end listener may end with a last word": Scenario(
        "end: end last word", "connect, end, read to end, until close"
    ),
    "the data listener may end": Scenario("data: end bye", "connect, send quit, read to end, end, until close"),
    "end again changes nothing": Scenario(
        "connection: write a, end b, end, end", "connect, read to end, end, until close"
    ),
    "both sides end at once": Scenario(
        "connection: write a · told end: end z", "connect, read 1, tell end, end, read to end, until close"
    ),
    "most calls are harmless after close": Scenario(
        "close: end, set_no_delay true, set_keep_alive true, pause, resume", "connect, end, until close, settle"
    ),
    "end on a unix socket": Scenario("connection: end bye", "connect, read to end, end, until close", target="unix"),
    "the peer's end on a unix socket": Scenario(
        "end: end last word", "connect, send hi, until 2 bytes, end, read to end, until close", target="unix"
    ),
    # allow_half_open: the peer's FIN leaves our half to the program.
    "the peer's FIN leaves our half open": Scenario(
        "end: write after, ask state · told end: end !",
        "connect, end, until end, read 5, settle, look, tell end, read to end, until close",
        options=HALF_OPEN,
    ),
    "an answer after the peer's FIN is delivered whole": Scenario(
        "end: end 2 MiB", "connect, send request, end, read all of 2 MiB, until close", options=HALF_OPEN
    ),
    "our end before the peer's": Scenario(
        "connection: end bye", "connect, read to end, send more, until 4 bytes, end, until close", options=HALF_OPEN
    ),
    "destroy while our half is open": Scenario(
        "told destroy: destroy", "connect, end, until end, tell destroy, until close, read to end", options=HALF_OPEN
    ),
    "reset while our half is open": Scenario(
        "told reset: reset", "connect, end, until end, tell reset, until close, read to end", options=HALF_OPEN
    ),
    "destroy_soon while our half is open": Scenario(
        "told soon: write bye, destroy_soon",
        "connect, end, until end, tell soon, until close, read to end",
        options=HALF_OPEN,
    ),
    # destroy() and reset(): everything is dropped.
    "destroy is a FIN to a peer that was read to the end": Scenario(
        "connection: destroy, ask state", "connect, until close, read to end"
    ),
    "what the kernel has taken survives destroy": Scenario(
        "connection: write hello, destroy", "connect, until close, read to end"
    ),
    "destroy with an error tells it then closes": Scenario(
        "connection: destroy boom", "connect, until close, read to end"
    ),
    "whatever follows destroy changes nothing": Scenario(
        "connection: destroy first, destroy second, reset, end, pause, resume",
        "connect, until close, settle, read to end",
    ),
    "whatever follows close changes nothing": Scenario(
        "close: reset, destroy, destroy late, destroy_soon, end", "connect, end, until close, settle, read to end"
    ),
    "no data after destroy": Scenario("data: destroy", "connect, send x, until close, send y, settle"),
    "destroy cuts an end short": Scenario(
        "connection: end 8 MiB -> e · told destroy: destroy",
        "connect narrow, tell destroy, until close, read all of 8 MiB",
    ),
    "destroy with bytes unread is an RST": Scenario(
        "told destroy: destroy",
        "connect, send nobody reads this, tell destroy, until close, read to end",
        options={"pause_on_connect": True},
    ),
    "reset is an RST": Scenario("connection: reset, ask state", "connect, until close, read to end"),
    "the data listener may reset": Scenario("data: reset", "connect, send x, until close, read to end"),
    "reset drops what is pending": Scenario(
        "connection: write 8 MiB · told reset: reset",
        "connect narrow, until write returned false, tell reset, until close, read all of 8 MiB",
    ),
    "reset after our FIN": Scenario(
        "connection: end bye · told reset: reset",
        "connect, read 3, until finish, tell reset, until close, look, look for a reset",
    ),
    "of reset and destroy the first wins": Scenario(
        "connection: reset, destroy late, reset", "connect, until close, read to end"
    ),
    # destroy_soon(): what was written is delivered. Where the peer has not ended, see differences.py.
    "destroy_soon delivers many bytes": Scenario(
        "end: write 8 MiB -> w, destroy_soon",
        "connect roomy, end, until write returned false, read all of 8 MiB, until close",
        options=HALF_OPEN,
    ),
    "destroy_soon of a connection that wrote nothing": Scenario(
        "end: destroy_soon", "connect, end, read to end, until close", options=HALF_OPEN
    ),
    "destroy_soon again changes nothing": Scenario(
        "end: write bye, destroy_soon, destroy_soon, end", "connect, end, read to end, until close", options=HALF_OPEN
    ),
    "destroy_soon after end": Scenario(
        "end: end bye, destroy_soon", "connect, end, read to end, until close", options=HALF_OPEN
    ),
    "destroy_soon in the end listener": Scenario(
        "end: write bye, destroy_soon", "connect, end, read to end, until close"
    ),
    "destroy cuts destroy_soon short": Scenario(
        "connection: write 8 MiB, destroy_soon · told destroy: destroy",
        "connect narrow, until write returned false, tell destroy, until close, read all of 8 MiB",
    ),
    "reset cuts destroy_soon short": Scenario(
        "connection: write 8 MiB, destroy_soon · told reset: reset",
        "connect narrow, until write returned false, tell reset, until close, read all of 8 MiB",
    ),
}
