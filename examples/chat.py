"""A line chat. A slow reader harms nobody: it gets nothing more until `drain`, and is told how much it missed.

python examples/chat.py [port]        then, in two terminals: nc 127.0.0.1 8080
"""

import sys

from reactor import CloseReport, Connection, Server, serve


class Chat:
    def __init__(self) -> None:
        self.halves: dict[Connection, bytes] = {}  # member -> the line it has begun
        self.missed: dict[Connection, int] = {}  # slow member -> messages it did not get

    def set_up(self, server: Server) -> None:
        server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))
        server.on("data", self.hear)
        server.on("drain", self.catch_up)
        server.on("close", self.leave)

    def join(self, conn: Connection) -> None:
        self.halves[conn] = b""
        self.say(f"* {conn.remote_address[1]} has come")

    def hear(self, conn: Connection, data: bytes) -> None:
        *lines, self.halves[conn] = (self.halves[conn] + data).split(b"\n")
        for line in lines:
            self.say(f"{conn.remote_address[1]}: {line.decode(errors='replace')}")
        if len(self.halves[conn]) > 1000:
            conn.write(b"* line too long\n")
            conn.destroy_soon()  # it may still be sending, and gets the message all the same

    def say(self, text: str) -> None:
        for conn in self.halves:
            self.tell(conn, text)

    def tell(self, conn: Connection, text: str) -> None:
        if conn in self.missed:
            self.missed[conn] += 1
        elif conn.state == "open" and not conn.write(text.encode() + b"\n"):
            self.missed[conn] = 0

    def catch_up(self, conn: Connection) -> None:
        if missed := self.missed.pop(conn):
            self.tell(conn, f"* you missed {missed} messages")

    def leave(self, conn: Connection, report: CloseReport) -> None:
        del self.halves[conn]
        self.missed.pop(conn, None)
        self.say(f"* {conn.remote_address[1]} has gone: {report.reason.value}")


def main(port: int = 8080) -> None:
    chat = Chat()
    serve(chat.join, "127.0.0.1", port, on_server=chat.set_up, high_water=16_384, write_timeout=20)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
