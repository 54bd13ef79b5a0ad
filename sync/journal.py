"""The log of a daemon on the network side (`store.logs`): to the journal, or JSON lines.

What is personal is never a field: no number, name, embedding, key or picture; record numbers and
counts are enough.
"""

from __future__ import annotations

import logging
import signal
from typing import TextIO

from store.logs import handler, turn_detail


def log_to(stream: TextIO | None = None, *packages: str) -> None:
    """Send the loggers of `packages` (and nobody else's) to `stream` (default: the journal's)."""
    sending = handler(stream)
    for name in packages:
        logger = logging.getLogger(name)
        logger.handlers = [sending]
        logger.setLevel(logging.INFO)
        logger.propagate = False


def detail_on_signal(package: str) -> None:
    """SIGUSR1 turns the detail of a package's log on and off."""
    signal.signal(signal.SIGUSR1, lambda *_: turn_detail(logging.getLogger(package)))
