"""`python -m reactor APP`, and the entry point of the command `reactor`."""

import sys

from .cli.process import main

if __name__ == "__main__":
    sys.exit(main())
