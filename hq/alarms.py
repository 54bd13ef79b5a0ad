"""Alarms: what should never arrive, each kind and place once, counted.

| what | meaning |
| --- | --- |
| fork | a terminal signed two histories; `seq` is where they part, `evidence` the refused hash |
| forged | a hash or a signature does not hold |
| malformed | bytes that the contract does not describe |
| misaddressed | a message in another terminal's topic |
| unknown | a terminal that is not registered |
| skipped | records `seq` to `evidence` will not come: the terminal lost its ledger and went on
  beyond every number that may have been used, or we lost what it has pruned since |
| internal | our own mistake; the message was put aside |
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from hq.tables import ALARMS

_LOG = logging.getLogger("hq.alarms")

What = Literal["fork", "forged", "malformed", "misaddressed", "unknown", "skipped", "internal"]


@dataclass(frozen=True, slots=True)
class Alarm:
    """One thing that should not have arrived; site and terminal are empty when not readable."""

    what: What
    site: str = ""
    terminal: str = ""
    seq: int = 0
    evidence: str = ""


def raise_alarms(connection: Connection, alarms: list[Alarm], now: datetime) -> None:
    """Store and log them; one that is known already is counted and its last time moved."""
    for alarm in alarms:
        seen = connection.execute(
            ALARMS.update()
            .where(
                ALARMS.c.site == alarm.site,
                ALARMS.c.terminal == alarm.terminal,
                ALARMS.c.what == alarm.what,
                ALARMS.c.seq == alarm.seq,
                ALARMS.c.evidence == alarm.evidence,
            )
            .values(count=ALARMS.c.count + 1, last_at=now)
        ).rowcount
        if not seen:
            connection.execute(
                ALARMS.insert().values(
                    what=alarm.what,
                    site=alarm.site,
                    terminal=alarm.terminal,
                    seq=alarm.seq,
                    evidence=alarm.evidence,
                    count=1,
                    first_at=now,
                    last_at=now,
                )
            )
        fields = {
            "what": alarm.what,
            "terminal": f"{alarm.site}/{alarm.terminal}",
            "seq": alarm.seq,
            "first": not seen,
        }
        _LOG.error("alarm", extra={"fields": fields})
