"""The daemon's log: one JSON object a line on stderr, for journald and for whoever watches.

No line ever holds a name, a number, an embedding, a key or a picture; what a line says of a punch
is its `seq`, under which the ledger has the rest.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

_LOG = logging.getLogger("kiosk")


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **fields,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line)


def to_stderr() -> None:
    """Send the daemon's events to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    _LOG.addHandler(handler)
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False


def say(event: str, **fields: str | int | float | bool | None) -> None:
    """Log one event with its fields."""
    _LOG.info(event, extra={"fields": fields})


def complain(event: str, **fields: str | int | float | bool | None) -> None:
    """Log one event that somebody has to look at."""
    _LOG.error(event, extra={"fields": fields})
