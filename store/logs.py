"""The log of a daemon: to journald as fields with a stable message id, else JSON lines on stderr.

`logger.info("confirmed", extra={"fields": {"seq": 12}})` is, where stderr is the journal's
(`JOURNAL_STREAM`, systemd.exec(5)), an entry of journald's native protocol
(https://systemd.io/JOURNAL_NATIVE_PROTOCOL): `MESSAGE=confirmed seq=12`, `KIOSK_EVENT=confirmed`,
`KIOSK_SEQ=12`, `PRIORITY=6` and `MESSAGE_ID=` of `message_id`. Elsewhere it is the line
`{"time": "…Z", "level": "info", "event": "confirmed", "seq": 12}`.

- What is personal is never a field: no number, name, embedding, key or picture; record numbers and
  counts are enough. Of an exception only its type is told.
- A message that the journal's socket does not take goes to stderr as a line, which is the journal's
  too. Nothing is lost and nothing raises.
- `turn_detail` switches between info and debug; the daemons do it on SIGUSR1.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from uuid import UUID, uuid5

_SOCKET = Path("/run/systemd/journal/socket")
# Made once by uuid4, for this program: it never changes, or every message would have another id.
_NAMESPACE = UUID("b9ac1652-a79b-4807-be85-cd6b4ba2cc7a")
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3}


def message_id(package: str, event: str) -> str:
    """The id of an event of "kiosk", "sync" or "hq", 32 hex digits: journalctl's MESSAGE_ID."""
    return uuid5(_NAMESPACE, f"{package}/{event}").hex


class JsonLines(logging.Formatter):
    """A log record as one line of JSON; of an exception only its type."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        made = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "time": made.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_fields(record),
        }
        return json.dumps(line, default=str)


class JournalHandler(logging.Handler):
    """Sends records to the journal at `address`; what it does not take goes to `rest`."""

    def __init__(self, rest: logging.Handler, address: Path = _SOCKET) -> None:
        super().__init__()
        self._rest, self._address = rest, str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def emit(self, record: logging.LogRecord) -> None:
        """One datagram a record."""
        try:
            self._socket.sendto(entry(record), self._address)
        except OSError:  # journald is being replaced, or the message is too long for a datagram
            self._rest.handle(record)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
        super().close()


def entry(record: logging.LogRecord) -> bytes:
    """A record as one message of the native protocol."""
    event = record.getMessage()
    fields = _fields(record)
    told = {name: value for name, value in fields.items() if value is not None}
    values = {
        "MESSAGE": " ".join([event, *(f"{name}={_word(value)}" for name, value in told.items())]),
        "MESSAGE_ID": message_id(record.name.partition(".")[0], event),
        "PRIORITY": str(_PRIORITIES.get(record.levelno, 6)),
        "KIOSK_EVENT": event,
        **{f"KIOSK_{name.upper()}": _word(value) for name, value in told.items()},
    }
    return b"".join(_field(name, value.encode()) for name, value in values.items())


def handler(
    stream: TextIO | None = None, environment: Mapping[str, str] = os.environ
) -> logging.Handler:
    """The journal where stderr is the journal's and no `stream` is given, else JSON lines."""
    lines = logging.StreamHandler(stream or sys.stderr)
    lines.setFormatter(JsonLines())
    if stream is None and _is_journal(environment.get("JOURNAL_STREAM", "")):
        return JournalHandler(lines)
    return lines


def turn_detail(logger: logging.Logger) -> None:
    """From info to debug, or back."""
    detailed = logger.level == logging.DEBUG
    logger.setLevel(logging.INFO if detailed else logging.DEBUG)
    logger.info("log_level", extra={"fields": {"level_is": "info" if detailed else "debug"}})


def _fields(record: logging.LogRecord) -> dict[str, object]:
    fields = getattr(record, "fields", None)
    told: dict[str, object] = dict(fields) if isinstance(fields, dict) else {}
    if record.exc_info and record.exc_info[0] is not None:
        told["error"] = record.exc_info[0].__name__
    return told


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _field(name: str, value: bytes) -> bytes:
    if b"\n" in value:
        return name.encode() + b"\n" + len(value).to_bytes(8, "little") + value + b"\n"
    return name.encode() + b"=" + value + b"\n"


def _is_journal(stream: str) -> bool:
    """True when stderr still is what systemd says it made, "device:inode"."""
    try:
        there = os.fstat(2)
    except OSError:  # stderr is closed
        return False
    return stream == f"{there.st_dev}:{there.st_ino}"
