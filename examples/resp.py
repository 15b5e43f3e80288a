"""A store for redis-cli and redis-benchmark: PING, GET and SET in the protocol of Redis (RESP), also pipelined.

python examples/resp.py [port]        then: redis-cli -p 8080 set colour blue
"""

import sys

from reactor import Connection, serve

WORDS, SIZES = range(17), range((1 << 20) + 1)  # words in a command, bytes in a word; index() raises ValueError above
STORE: dict[bytes, bytes] = {}


def hear(conn: Connection, data: bytes = b"") -> None:
    got = conn.context = (conn.context or bytearray()) + data
    if not data:  # `drain`
        conn.resume()
    try:
        if len(got) > 2 * SIZES.stop:  # the buffer may also have part of the next command
            raise ValueError
        while end := got.find(b"\n") + 1:
            words = bytes(got[:end]).split()  # a line typed by hand
            if got.startswith(b"*"):  # sent by a program: *COUNT, then for each word $SIZE and the word
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
    return b"-ERR no such command, or a wrong number of words: %a\r\n" % name[:20]


def main(port: int = 8080) -> None:
    serve(lambda conn: conn.on("drain", hear), "127.0.0.1", port, on_server=lambda server: server.on("data", hear))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
