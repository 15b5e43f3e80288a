"""How the command line says what is wrong: always in one line."""

from __future__ import annotations

import traceback

from ..foreign import plain


class Unusable(Exception):
    """The command line cannot be used; the text says why, in one line."""


def described(error: BaseException) -> str:
    """An exception as part of one line."""
    if isinstance(error, OSError) and error.strerror:
        return plain(error.strerror)
    return plain(" ".join(traceback.format_exception_only(error)[-1].split()))
