"""The log of a daemon: one JSON object a line on stderr.

`_LOG.info("confirmed", extra={"fields": {"seq": 12}})` gives
`{"time": "…Z", "level": "info", "event": "confirmed", "seq": 12}`. What is personal is never a
field: no number, name, embedding, key or picture; record numbers and counts are enough.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO


class JsonLines(logging.Formatter):
    """A log record as one line of JSON; of an exception only its type."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        made = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(fields)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, default=str)


def log_to(stream: TextIO | None = None, *packages: str) -> None:
    """Send the loggers of `packages` (and nobody else's) to `stream` (default: stderr)."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    for name in packages:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
