"""Logging as plain lines or as JSON lines, each with the id of its request."""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TextIO

from webapp_framework.utils.dates import format_rfc3339

request_id: ContextVar[str] = ContextVar("request_id", default="-")


class PlainLines(logging.Formatter):
    """One readable line an entry; line breaks in a message are shown, never written."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an entry."""
        message = record.getMessage().replace("\r", "\\r").replace("\n", "\\n")
        line = f"{_time(record)} {record.levelname} [{request_id.get()}] {record.name}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class JsonLines(logging.Formatter):
    """One JSON object an entry."""

    def format(self, record: logging.LogRecord) -> str:
        """Write an entry."""
        entry = {
            "time": _time(record),
            "level": record.levelname,
            "request_id": request_id.get(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def _time(record: logging.LogRecord) -> str:
    return format_rfc3339(datetime.fromtimestamp(record.created, timezone.utc))


def set_up(stream: TextIO, *, as_json: bool = False, level: int = logging.INFO) -> logging.Handler:
    """Send the framework's entries to a stream; the handler is returned, to be removed again."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    logger = logging.getLogger("webapp_framework")
    logger.setLevel(level)
    logger.addHandler(handler)
    return handler
