"""uvloop, with transports and protocols. It has no sendfile: a file is read and written."""

from __future__ import annotations

import os
from functools import partial

import uvloop

from bench.servers.asyncio_protocol import PROTOCOLS, Push, main
from bench.servers.common import BLOCK


class SendFile(Push):
    def __init__(self, path: str) -> None:
        super().__init__(os.path.getsize(path) // len(BLOCK))
        self.file = open(path, "rb")

    def block(self) -> bytes:
        return self.file.read(len(BLOCK))

    def connection_lost(self, error: Exception | None) -> None:
        self.file.close()


if __name__ == "__main__":
    main(uvloop.run, PROTOCOLS | {"file": lambda value: partial(SendFile, value)})
