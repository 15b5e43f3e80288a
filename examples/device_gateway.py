"""A gateway for devices that fall silent, are reset, and come back; operators send them commands.

    python examples/device_gateway.py [port]        then, in two terminals: nc 127.0.0.1 8080
    as a device, type: id pump7                     as an operator: tell pump7 open valve 2

A connection that is idle for `idle_timeout` is closed. Commands that the device's kernel does not acknowledge do not
keep it open. However a connection ends, `close` comes once and last: clean up there, there is nothing to catch.
"""

import sys

from reactor import CloseReport, Connection, Server, lines, serve


class Gateway:
    def __init__(self) -> None:
        self.devices: dict[str, Connection] = {}
        self.names: dict[Connection, str] = {}

    def set_up(self, server: Server) -> None:
        server.on("listening", lambda server, address: print("listening on {}:{}".format(*address), flush=True))
        server.on("data", lines(self.hear, max_length=1000))
        server.on("close", self.forget)
        server.on("draining", lambda server, deadline: [self.push(name, "sleep") for name in self.devices])

    def hear(self, conn: Connection, line: bytes) -> None:
        self.obey(conn, *line.decode(errors="replace").split(" ", 2))

    def obey(self, conn: Connection, word: str, name: str = "", command: str = "") -> None:
        if word == "id" and conn not in self.names:
            if name in self.devices:
                self.devices[name].reset()  # the device came back; its old connection is dead
            self.devices[name], self.names[conn] = conn, name
        elif word == "tell":
            conn.write(b"sent\n" if self.push(name, command) else b"not now\n")

    def push(self, name: str, command: str) -> bool:
        device = self.devices.get(name)
        return device is not None and device.state == "open" and device.write(command.encode() + b"\n")

    def forget(self, conn: Connection, report: CloseReport) -> None:
        name = self.names.pop(conn, "somebody")
        if self.devices.get(name) is conn:  # not a later connection of the same name
            del self.devices[name]
        print(f"{name} has gone: {report.reason.value}", flush=True)


def main(port: int = 8080) -> None:
    gateway = Gateway()
    print(serve(lambda conn: None, "127.0.0.1", port, on_server=gateway.set_up, idle_timeout=60, keep_alive=30))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
