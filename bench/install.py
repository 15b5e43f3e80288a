"""Put the suite's tools and the peers into the environment that runs this: `make bench` does it by itself.

Versions stand in setup.cfg. The tools must be there; a peer that cannot be had for this Python, or machine, is named
and left out.
"""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

SETUP = Path(__file__).resolve().parents[1] / "setup.cfg"


def main() -> None:
    parser = configparser.ConfigParser()
    parser.read(SETUP)
    extras = parser["options.extras_require"]
    tools, peers = extras["bench"].split(), extras["peers"].split()
    print("installing the benchmark's tools and peers into bench/.venv; only this once, and it may take minutes")
    if subprocess.call(
        [sys.executable, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ):
        subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
    if not install(*tools):
        sys.exit("the tools of the benchmark could not be installed")
    if not install(*peers):
        for peer in peers:
            if not install(peer):
                print(f"{peer} could not be installed: the benchmark goes without it")


def install(*requirements: str) -> bool:
    """Wheels only: no peer is built here, with whatever compiler there is."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:", *requirements]
    return subprocess.call(command) == 0


if __name__ == "__main__":
    main()
