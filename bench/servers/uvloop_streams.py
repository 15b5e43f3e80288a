"""uvloop, with asyncio's streams."""

from __future__ import annotations

import uvloop

from bench.servers.asyncio_streams import main

if __name__ == "__main__":
    main(uvloop.run)
