"""Echo, 64 bytes over 200 connections: this library beside asyncio, in turns."""

from __future__ import annotations

import argparse
import select
import socket
import statistics
import subprocess
import sys
import time

import psutil

MESSAGE = b"x" * 63 + b"\n"
CONNECTIONS = 200

SERVERS = {
    "reactor": """
from reactor import Reactor, Server
loop = Reactor()
server = Server(loop)
server.on("data", lambda conn, data: conn.write(data))
print(server.listen("127.0.0.1", 0)[1], flush=True)
loop.run()
""",
    "asyncio": """
import asyncio
class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(data)
async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
""",
}


def load(port: int, seconds: float) -> int:
    """Keep one message under way on each connection for `seconds`; how many came back, every byte checked."""
    poller = select.epoll()
    socks: dict[int, socket.socket] = {}
    for _ in range(CONNECTIONS):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(MESSAGE)
        socks[sock.fileno()] = sock
        poller.register(sock, select.EPOLLIN)
    done, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for fd, _ in poller.poll(1):
            if socks[fd].recv(len(MESSAGE), socket.MSG_WAITALL) != MESSAGE:
                raise SystemExit("an echo came back changed, or not at all")
            socks[fd].send(MESSAGE)
            done += 1
    for sock in socks.values():
        sock.close()
    return done


def one_round(code: str, seconds: float) -> tuple[float, float]:
    """Messages a second, and the server's CPU time in microseconds a message."""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        watched = psutil.Process(process.pid)
        before = watched.cpu_times()
        done = load(port, seconds)
        after = watched.cpu_times()
        process.terminate()
    cpu = after.user + after.system - before.user - before.system
    return done / seconds, cpu / done * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in SERVERS}
    for _ in range(options.rounds):
        for name, code in SERVERS.items():
            results[name].append(one_round(code, options.seconds))
    for name, rounds in results.items():
        rate, cpu = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:8} {rate:10,.0f} messages/s   {cpu:6.2f} us of server CPU a message")
    pairs = zip(results["asyncio"], results["reactor"], strict=True)
    print(f"asyncio's CPU time a message is {statistics.median(a[1] / r[1] for a, r in pairs):.2f} times the reactor's")


if __name__ == "__main__":
    main()
