"""The daemon's log (`store.logs`): to the journal, or one JSON object a line on stderr.

No line ever holds a name, a number, an embedding, a key or a picture; what a line says of a punch
is its `seq`, under which the ledger has the rest.
"""

from __future__ import annotations

import logging
import signal

from store.logs import handler, turn_detail

_LOG = logging.getLogger("kiosk")


def begin() -> None:
    """Send the daemon's events to the log; SIGUSR1 turns detail on and off."""
    _LOG.addHandler(handler())
    _LOG.setLevel(logging.INFO)
    _LOG.propagate = False
    signal.signal(signal.SIGUSR1, lambda *_: turn_detail(_LOG))


def say(event: str, **fields: str | int | float | bool | None) -> None:
    """Log one event with its fields."""
    _LOG.info(event, extra={"fields": fields})


def complain(event: str, **fields: str | int | float | bool | None) -> None:
    """Log one event that somebody has to look at."""
    _LOG.error(event, extra={"fields": fields})


def detail(event: str, **fields: str | int | float | bool | None) -> None:
    """Log one event for whoever looks for a mistake; off until SIGUSR1."""
    _LOG.debug(event, extra={"fields": fields})
