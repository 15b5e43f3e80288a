"""A line chat. A slow reader delays nobody: it gets no messages until `drain`, then the number that it missed.

python examples/chat.py [port]        then, in two terminals: nc 127.0.0.1 8080
"""

import sys

from reactor import CloseReport, Connection, Reason, Server, lines, serve


class Chat:
    def __init__(self) -> None:
        self.members: dict[Connection, None] = {}
        self.missed: dict[Connection, int] = {}  # slow member -> messages it did not get

    def set_up(self, server: Server) -> None:
        server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))
        server.on("data", lines(self.hear, max_length=1000, on_error=self.refuse))
        server.on("drain", self.catch_up)
        server.on("close", self.leave)

    def join(self, conn: Connection) -> None:
        self.members[conn] = None
        self.say(f"* {conn.remote_address[1]} has come")

    def hear(self, conn: Connection, line: bytes) -> None:
        self.say(f"{conn.remote_address[1]}: {line.decode(errors='replace')}")

    def refuse(self, conn: Connection, reason: Reason) -> None:
        if reason is Reason.FRAME_TOO_LONG:
            conn.write(b"* line too long\n")  # the library delivers this before it ends the connection

    def say(self, text: str) -> None:
        for conn in self.members:
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
        del self.members[conn]
        self.missed.pop(conn, None)
        self.say(f"* {conn.remote_address[1]} has gone: {report.reason.value}")


def main(port: int = 8080) -> None:
    chat = Chat()
    serve(chat.join, "127.0.0.1", port, on_server=chat.set_up, high_water=16_384, write_timeout=20)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
