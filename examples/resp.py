"""A store that redis-cli and redis-benchmark can talk to: PING, GET and SET in Redis' protocol (RESP), pipelined too.

python examples/resp.py [port]        then: redis-cli -p 8080 set colour blue
"""

import sys

from reactor import Connection, serve

WORDS, SIZES = range(17), range((1 << 20) + 1)  # in a command, of a word in bytes; index() raises beyond
STORE: dict[bytes, bytes] = {}


def hear(conn: Connection, data: bytes = b"") -> None:
    got = conn.context = (conn.context or bytearray()) + data
    if not data:  # `drain`
        conn.resume()
    try:
        if len(got) > 2 * SIZES.stop:  # some of the next command may have come too
            raise ValueError
        while end := got.find(b"\n") + 1:
            words = bytes(got[:end]).split()  # typed by hand
            if got.startswith(b"*"):  # sent by a program: *words, and each as $bytes and itself
                words.clear()
                for _ in range(WORDS.index(int(got[1:end]))):
                    start, end = end, got.find(b"\n", end) + 1
                    if not end:
                        return
                    size = SIZES.index(int(got[start:end].partition(b"$")[2]))
                    words.append(bytes(got[end : end + size]))
                    end += size + len(b"\r\n")
            if end > len(got):
                return
            del got[:end]
            if words and not conn.write(answer(*words)):
                conn.pause()  # no more answers until `drain`
                return
    except ValueError:
        conn.write(b"-ERR Protocol error\r\n")
        conn.destroy_soon()


def answer(name: bytes, *words: bytes) -> bytes:
    match name.upper(), *words:
        case (b"PING",):
            return b"+PONG\r\n"
        case b"SET", key, value:
            STORE[key] = value
            return b"+OK\r\n"
        case b"GET", key:
            return b"$%d\r\n%b\r\n" % (len(STORE[key]), STORE[key]) if key in STORE else b"$-1\r\n"
    return b"-ERR no such command, or not with so many words: %a\r\n" % name[:20]


def main(port: int = 8080) -> None:
    serve(lambda conn: conn.on("drain", hear), "127.0.0.1", port, on_server=lambda server: server.on("data", hear))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
