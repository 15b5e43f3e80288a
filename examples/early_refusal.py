"""A close in order compared: the same client against asyncio and against reactor.

    python examples/early_refusal.py [runs]

The client uploads 8 MiB and only then reads. The server refuses at the first piece: it writes an answer of 1 MiB and
closes. Closing a socket with unread input makes the kernel send RST and drop the rest of the answer.
"""

import asyncio
import socket
import sys
import threading
from contextlib import suppress

from reactor import Reactor, Server

UPLOAD, ANSWER = bytes(8 << 20), b"too large\n" * 104_858  # 1 MiB


class Refuse(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # typeshed says BaseTransport; a socket's is a Transport
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(ANSWER)
        self.transport.close()  # "buffered data will be flushed asynchronously"


def whole(address: tuple[str, int]) -> bool:
    """Upload, then read; returns True if the whole answer arrived."""
    got = 0
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.connect(address)
        with suppress(OSError):  # a reset while sending: what arrived before it can still be read
            client.sendall(UPLOAD)
        with suppress(OSError):
            while piece := client.recv(65_536):
                got += len(piece)
    return got == len(ANSWER)


def report(name: str, address: tuple[str, int], runs: int) -> None:
    print(f"{name}: {sum(whole(address) for _ in range(runs))} of {runs} answers arrived whole")


def main(runs: int = 20) -> None:
    host = asyncio.new_event_loop()
    theirs = host.run_until_complete(host.create_server(Refuse, "127.0.0.1", 0))
    threading.Thread(target=host.run_forever, daemon=True).start()
    report("asyncio, write and close", theirs.sockets[0].getsockname(), runs)
    with Reactor().start_thread() as loop:
        ours = Server(loop)
        ours.on("data", lambda conn, data: conn.write(ANSWER))
        ours.on("data", lambda conn, data: conn.destroy_soon())
        report("reactor, write and destroy_soon", loop.call_soon_threadsafe(ours.listen, "127.0.0.1", 0).result(), runs)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
