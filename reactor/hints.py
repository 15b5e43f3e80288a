"""What this library takes from `typing`: for type checkers the originals, at run time stand-ins.

`typing` takes as long to import as half of this library, and `from __future__ import annotations` leaves annotations as
they are written, so nothing needs its names at run time but a class that inherits from one. What stands in annotations
alone (protocols, type variables, overloads) is declared under `if TYPE_CHECKING:` where it is used (design.md, "What an
import costs").
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # type checkers take this name for True, wherever it stands

if TYPE_CHECKING:
    from typing import Any, NamedTuple
else:
    Any = object

    class _Named(type):
        def __new__(meta, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
            """As the original, `collections.namedtuple` with what else the class has; and the docstring of a field is
            its line in that of the class: "- `name`: text".
            """
            if not bases:
                return super().__new__(meta, name, bases, body)
            fields = body["__annotations__"]
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body["__module__"])
            for key, value in body.items():
                setattr(made, key, value)
            lines = (body.get("__doc__") or "").replace("\n    ", "\n")  # as Python 3.13 has it already
            for line in lines.split("\n- `")[1:]:
                field, _, text = line.partition("`: ")
                getattr(made, field).__doc__ = " ".join(text.split())
            return made

    class NamedTuple(metaclass=_Named):
        """Immutable, and with the cheapest constructor Python has."""


__all__ = ["TYPE_CHECKING", "Any", "NamedTuple"]
