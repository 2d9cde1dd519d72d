"""How the log is written: lines for people, or one JSON object a line for programs.

``event`` is the kind of a notice, such as ``cut abandoned``, and stable; ``log`` for what is no notice. The fields of a
notice (``cut``, ``process``, ``incarnation`` and the like) stand beside it.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Literal

import msgspec

Format = Literal["text", "json"]

TEXT = "%(asctime)s %(levelname)s %(message)s"

_TAKEN = ("at", "level", "logger", "event", "text", "exception")


class JsonLines(logging.Formatter):
    """One JSON object for each record, on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as JSON; a field that nothing else can tell is told as text."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", "log"),
            "text": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        fields = getattr(record, "fields", {})
        line |= {(f"field_{name}" if name in _TAKEN else name): value for name, value in fields.items()}
        return msgspec.json.encode(line, enc_hook=str).decode(errors="replace")


def formatter(form: Format) -> logging.Formatter:
    """What writes the log in this form."""
    return JsonLines() if form == "json" else logging.Formatter(TEXT)
