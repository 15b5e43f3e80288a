"""From a name on the command line to a function: a built-in app, or `module:callable` of the program.

Importing a module runs its code, which can do anything: whatever it raises becomes one line that names the place.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from typing import Any, cast

from ..arguments import did_you_mean
from ..hints import TYPE_CHECKING
from ..net.closes import described
from . import apps
from .errors import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..net.server.server import Server

    OnServer = Callable[[Server], object]

RELAY = "relay"  # built in too, but made for a target (`apps.relay`)


def load(name: str) -> apps.App:
    """The app of that name; the current directory comes first on the path. Raises `Unusable`."""
    if name in apps.BUILT_IN:
        return apps.BUILT_IN[name][0]
    if ":" not in name:
        known = (*apps.BUILT_IN, RELAY)
        raise Unusable(
            f"unknown app {name!r}{did_you_mean(name, known)}: expected {', '.join(known)} or module:callable"
        )
    return cast(apps.App, _of_program("APP", name, "the connection"))


def load_on_server(name: str) -> OnServer:
    """The function that is called with the server. Raises `Unusable`."""
    return cast("OnServer", _of_program("--on-server", name, "the server"))


def _of_program(option: str, name: str, argument: str) -> Any:
    """`module:callable` of the program, which takes this argument."""
    module_name, _, path = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *path.split("."))):
        raise Unusable(f"{option} must be like package.module:callable, not {name!r}")
    thing: Any = _import(module_name)
    for part in path.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            raise Unusable(
                f"{module_name} has no attribute {part!r}{did_you_mean(part, dir(thing))}, which {name} asks for"
            ) from None
    return _checked(name, thing, argument)


def _import(name: str) -> Any:
    sys.path.insert(0, "")
    try:
        return importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too
        raise Unusable(f"cannot import {name}: {described(error)}{_where(error)}") from None


def _where(error: BaseException) -> str:
    """The file and line that raised, in brackets; "" if the module was not found."""
    if isinstance(error, SyntaxError):
        return f" ({error.filename}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    file, line = frames[-1].filename, frames[-1].lineno
    return "" if file in (__file__, importlib.__file__) else f" ({file}, line {line})"


def _checked(name: str, thing: Any, argument: str) -> Any:
    if not callable(thing):
        raise Unusable(f"{name} must be callable, not of type {type(thing).__name__}")
    if inspect.iscoroutinefunction(thing):
        raise Unusable(f"{name} must be a plain function, not a coroutine function")
    try:
        inspect.signature(thing).bind(None)
    except TypeError:
        raise Unusable(f"{name} must take one argument, {argument}") from None
    except ValueError:  # a function written in C may have no signature
        pass
    return thing
