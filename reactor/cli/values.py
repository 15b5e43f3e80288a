"""From the text of an option to its value.

Text becomes None, a boolean, a number or a tuple where it says one; then the same check decides that a caller of the
library meets, with the option's name in its sentence. All functions raise TypeError or ValueError.
"""

from __future__ import annotations

import re

from .. import arguments
from ..foreign import shown
from ..hints import TYPE_CHECKING
from ..net.settings import ServerSettings, Settings, split
from ..net.sockets.unix import ALL_BITS, check_path

if TYPE_CHECKING:
    from typing import Any

    from ..net.fields import Setting
    from ..net.sockets.addresses import Address


def fields() -> tuple[Setting, ...]:
    """The settings that are options."""
    return *Settings.FIELDS.values(), *ServerSettings.FIELDS.values()


def option_of(setting: str) -> str:
    """`idle_timeout` -> `--idle-timeout`."""
    return "--" + setting.replace("_", "-")


def value_of(text: str) -> Any:
    """None, a boolean or a number where the text says one; the text itself otherwise."""
    words = {"none": None, "true": True, "false": False}
    if text in words:
        return words[text]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    return text


def settings_of(given: dict[str, Any]) -> dict[str, Any]:
    """The settings among `given`, checked."""
    found = {}
    for field in fields():
        if field.name in given:
            value = given[field.name]
            if isinstance(value, list):  # given more than once, or with commas, or both
                value = None if value == ["none"] else [entry.strip() for part in value for entry in part.split(",")]
            elif isinstance(value, str):
                values = tuple(value_of(part.strip()) for part in value.split(","))
                value = values if len(values) > 1 else values[0]
            found[field.name] = field.check(option_of(field.name), value)
    split(found, ServerSettings)  # refuses values that exclude each other
    return found


def target_of(text: str) -> Address:
    """`name:80`, `127.0.0.1:80`, `[::1]:80`, or a path, which has a slash."""
    if "/" in text:
        return check_path(text, "--to")
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and bare == host):
        raise ValueError(f"--to must be like host:80, [::1]:80 or /path/of.sock, not {shown(text)}")
    return bare, arguments.integer("the port of --to", value_of(port), 1, 65535)


def host_of(text: str) -> str | None:
    """A name or an address; None, which is all addresses, for "none"."""
    if not text:  # an empty variable in a script must not open all addresses
        raise ValueError("--host must be a name, an address or none, not ''")
    return None if text == "none" else text


def mode_of(text: str) -> int:
    """The permissions of a socket's file, from octal digits."""
    if not re.fullmatch("[0-7]{1,4}", text) or int(text, 8) > ALL_BITS:
        raise ValueError(f"--mode must be octal digits up to 777, as of chmod, not {shown(text)}")
    return int(text, 8)
