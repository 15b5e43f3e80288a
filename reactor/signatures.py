"""Whether a function can be called as it will be called, found out when it is given: the error of a listener that takes
one argument too few is then raised at the line with the mistake, and not logged hours later.

For plain functions, methods and partials the code object says it, in less than a microsecond. What else can be called
(classes, builtins, partials with keywords) only `inspect` understands, which takes longer to import than half of this
library: it is asked where functions are given rarely (`takes`), and not for each call that is queued (`fits`). A
function that says nothing of what it takes, as some builtins, is believed.

A decorator's wrapper counts as what it is, and not as what it wraps (`__wrapped__`): it is what is called.
"""

from __future__ import annotations

import functools
from types import FunctionType, MethodType

from .foreign import shown
from .hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

VARARGS = 0x04  # of a code object (inspect.CO_VARARGS)


def takes(name: str, fn: Callable[..., Any], told: str) -> None:
    """Raise TypeError unless `fn` can be called with the arguments that `told` lists, like "conn, data"."""
    count = len(told.split(", "))
    known = _fits(fn, count)
    if known is False or (known is None and not _asked(fn, count)):
        noun = "argument" if count == 1 else "arguments"
        raise TypeError(f"{name} must take {count} {noun} ({told}), which {shown(fn)} does not")


def fits(name: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
    """Raise TypeError if `fn` certainly cannot be called with as many arguments as these."""
    if _fits(fn, len(args)) is False:
        noun = "argument" if len(args) == 1 else "arguments"
        raise TypeError(f"{name} must take the {len(args)} {noun} given with it, which {shown(fn)} does not")


def _fits(fn: Any, count: int) -> bool | None:
    """True if `fn` takes this many positional arguments; None if its code does not tell."""
    while type(fn) is not FunctionType:
        if type(fn) is MethodType:
            fn, count = fn.__func__, count + 1
        elif type(fn) is functools.partial and not fn.keywords:
            fn, count = fn.func, count + len(fn.args)
        elif isinstance(fn, type) or type(call := getattr(type(fn), "__call__", None)) is not FunctionType:  # noqa: B004
            return None
        else:
            fn, count = call, count + 1
    code, most = fn.__code__, fn.__code__.co_argcount
    if count != most and (count < most - len(fn.__defaults__ or ()) or (count > most and not code.co_flags & VARARGS)):
        return False
    keywords = code.co_varnames[most : most + code.co_kwonlyargcount]
    return not keywords or set(keywords) <= set(fn.__kwdefaults__ or ())


def _asked(fn: Any, count: int) -> bool:
    """The same, as `inspect` sees it; True if it does not know."""
    import inspect

    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return True
    try:
        signature.bind(*(None,) * count)
    except TypeError:
        return False
    return True
