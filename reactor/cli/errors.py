"""How the command line says what is wrong: always in one line."""

from __future__ import annotations


class Unusable(Exception):
    """The command line cannot be used; the text says why, in one line."""
