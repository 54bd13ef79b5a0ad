"""The metrics as a file for node_exporter's textfile collector: when it is written, and how.

- It is written with every status that was sent, when the broker is reached or lost, and at least
  every `every_s`: also with no broker, which is when somebody looks.
- A reader sees the old file or the new one, never a half: written aside, then renamed. It is of
  mode 0644 whatever the umask, because node_exporter runs as another user.
- It is not synced: after a power cut the next start writes it anew within seconds, and once a
  minute for years is not to wear out a card.
- Delivery never waits for it and never stops for it: a failure is logged when it begins and when it
  is over, and the next writing is the next try.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from sync.contract.status import parse_status
from sync.courier import Courier, Now
from sync.metrics import exposition

_LOG = logging.getLogger("sync.metrics")


class MetricsFile:
    """One terminal's metrics file, or none when `path` is None."""

    def __init__(self, path: Path | None, every_s: float, clock: Callable[[], Now]) -> None:
        self._path, self._every_s, self._clock = path, every_s, clock
        self._written: tuple[int, bool] | None = None
        self._due_s = float("-inf")
        self._failing = False

    def keep(self, courier: Courier, *, connected: bool) -> None:
        """Write what the courier says now, when it is time. Errors of its outbox pass through."""
        if self._path is None:
            return
        now_s = self._clock().monotonic_s
        news = (courier.statuses_sent, connected)
        if news == self._written and now_s < self._due_s:
            return
        self._written, self._due_s = news, now_s + self._every_s
        self._write(self._path, exposition(parse_status(courier.status()), connected=connected))

    def _write(self, path: Path, text: bytes) -> None:
        try:
            replace(path, text)
        except OSError as error:
            if not self._failing:
                fields = {"path": str(path), "reason": error.strerror}
                _LOG.error("metrics_not_written", extra={"fields": fields})
            self._failing = True
            return
        if self._failing:
            _LOG.info("metrics_written_again")
        self._failing = False


def replace(path: Path, text: bytes) -> None:
    """Put a world-readable file in place of the one at `path`, whole or not at all.

    Raises OSError; the old file is then still there, and nothing beside it.
    """
    aside = path.with_name(path.name + ".new")  # node_exporter reads `*.prom` only
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(aside, flags, 0o644), "wb") as file:
            os.fchmod(file.fileno(), 0o644)
            file.write(text)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
