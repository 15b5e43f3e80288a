"""`python -m reactor APP`: see `cli.process`."""

from __future__ import annotations

import sys

from .cli.process import main

if __name__ == "__main__":
    sys.exit(main())
