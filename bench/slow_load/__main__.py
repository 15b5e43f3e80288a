from __future__ import annotations

import argparse
import sys

from bench.slow_load.base import Failed, Loader
from bench.slow_load.echo import Echo
from bench.slow_load.others import Churn, FanOut, Pull

MODES: dict[str, type[Loader]] = {"echo": Echo, "churn": Churn, "pull": Pull, "fanout": FanOut}


def parse(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.slow_load")
    parser.add_argument("mode", choices=list(MODES))
    for name, default in (("port", 0), ("conns", 1), ("size", 64), ("depth", 1), ("idle", 0), ("receive-buffer", 0),
                          ("segment", 0), ("bytes", 0), ("server", 0)):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, seconds in (("rate", 0.0), ("warmup", 0.2), ("seconds", 1.0), ("patience", 10.0)):
        parser.add_argument(f"--{name}", type=float, default=seconds)
    parser.add_argument("--gate", action="store_true")
    return parser.parse_args(words)


def main() -> int:
    options = parse(sys.argv[1:])
    loader = MODES[options.mode](options)
    try:
        loader.run()
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    loader.tell()
    return 0


if __name__ == "__main__":
    sys.exit(main())
