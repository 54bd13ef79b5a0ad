"""Alarms: what should never arrive, each kind and place once, counted.

| what | meaning |
| --- | --- |
| fork | a terminal signed two histories; `seq` is where they part, `evidence` the refused hash |
| forged | a hash or a signature does not hold |
| malformed | bytes that the contract does not describe |
| misaddressed | a message in another terminal's topic |
| unknown | a terminal that is not registered |
| left | a terminal out of service: a record behind its last one, anything of a lost one |
| skipped | records `seq` to `evidence` will not come: the terminal lost its ledger and went on
  beyond every number that may have been used, or we lost what it has pruned since |
| list_ends | the list of revoked certificates nears its end, or is missing; docs/fleet.md |
| internal | our own mistake; the message was put aside |
"""

from __future__ import annotations

import logging
from dataclasses import asdict, astuple, dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from hq.tables import ALARMS

_LOG = logging.getLogger("hq.alarms")

What = Literal[
    "fork",
    "forged",
    "malformed",
    "misaddressed",
    "unknown",
    "left",
    "skipped",
    "list_ends",
    "internal",
]


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
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for alarm in sorted(alarms, key=astuple):  # every worker locks the rows in one order
        count = connection.execute(
            insert(ALARMS)
            .values(**asdict(alarm), count=1, first_at=now, last_at=now)
            .on_conflict_do_update(
                index_elements=list(asdict(alarm)),
                set_={"count": ALARMS.c.count + 1, "last_at": now},
            )
            .returning(ALARMS.c.count)
        ).scalar_one()
        fields = {
            "what": alarm.what,
            "terminal": f"{alarm.site}/{alarm.terminal}",
            "seq": alarm.seq,
            "first": count == 1,
        }
        _LOG.error("alarm", extra={"fields": fields})
