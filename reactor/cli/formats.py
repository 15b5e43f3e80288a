"""How the log of the command line looks: `--log-format`.

As text, a line has the time, the level, the logger and the message. As JSON, each record is one object in one line: the
same, the fields of the record (`peer`, `reason`, `bytes_read`, ...), and the traceback if there is one. All characters
are ASCII, and control characters are escaped.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FORMATS = ("text", "json")
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A record as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        if record.exc_info:
            told["traceback"] = record.exc_text or self.formatException(record.exc_info)
        return json.dumps(told, default=str)


def set_up(format: str, level: int) -> None:
    """Let the root logger write to stderr in this format."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=level, handlers=[handler])
