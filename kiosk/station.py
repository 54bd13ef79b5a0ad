"""What carrying out an order needs to know of the running daemon, and what it leaves for it to do.

It is in memory only: `restart` is lost with the process, which is what it asks for, and refusals
count from the start.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from importlib import metadata

from kiosk.heart import Heart
from kiosk.log import complain
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.stores import Stores
from store.records import CommandsRefused, Instant

_REPORT_EVERY_NS = 3600 * 1_000_000_000  # a flood leaves 24 records a day, not one a message


@dataclass(slots=True)
class Station:
    """The daemon at one door. `restart`: why it is to end and be started again, once nobody waits.

    `models` are the SHA-256 of the networks that run, by what they are for; `settings_digest` is
    that of the technician's file. `heart` beats where the settings have an `[update]`.
    """

    settings: Settings
    overrides: Overrides
    models: dict[str, str] = field(default_factory=dict)
    settings_digest: str = ""
    version: str = field(default_factory=lambda: metadata.version("kiosk"))
    restart: str | None = None
    heart: Heart | None = None
    refused: Counter[str] = field(default_factory=Counter)
    _reported: Counter[str] = field(default_factory=Counter)
    _reported_at: tuple[str, int] = ("", 0)

    def refuse(self, reason: str) -> None:
        """Count a message that is no order to us."""
        self.refused[reason] += 1
        if self.refused[reason] == 1:
            complain("command_refused", reason=reason)

    def report_refusals(self, stores: Stores, now: Instant) -> None:
        """Tell headquarters what was refused, through the ledger: at once, then once an hour."""
        if self.refused == self._reported:
            return
        boot, at_ns = self._reported_at
        if boot == now.boot and now.monotonic_ns - at_ns < _REPORT_EVERY_NS:
            return
        stores.ledger.append(CommandsRefused(reasons=dict(self.refused)), now)
        self._reported, self._reported_at = self.refused.copy(), (now.boot, now.monotonic_ns)
