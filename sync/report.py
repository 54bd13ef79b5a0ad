"""What the status says beside delivery: the machine as sync finds it, the program as kiosk says it.

What only kiosk knows comes from the ledger's newest `boot` record. What nobody tells is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from store.certificates import certificate_in_use, expiry
from store.database import Database
from store.discipline import KernelClock
from store.machine import read_health
from store.records import Boot
from store.standing import newest, standing_faults
from sync.settings import Settings


class Reporter:
    """Reports on one terminal; belongs to the thread of its database connection."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database, self._settings = database, settings
        self._kernel = KernelClock()

    def report(self) -> Mapping[str, Any]:
        """The fields of `sync.contract.status.Status` that are known now."""
        settings, clock = self._settings, self._kernel.discipline()
        health = read_health(settings.store.directory)
        record = newest(self._database, Boot.kind)
        boot = None if record is None else record.known_body()
        return {
            "faults": tuple(sorted(standing_faults(self._database))),
            "clock_synchronised": clock.synchronised,
            "clock_error_ms": clock.error_ms,
            "disk_free": health.disk_free,
            "temperature_c": health.temperature_c,
            "power": None if health.power is None else tuple(sorted(health.power)),
            "models": boot.models if isinstance(boot, Boot) else None,
            "versions": boot.versions if isinstance(boot, Boot) else None,
            "certificate_expires": expiry(
                certificate_in_use(settings.store.directory, settings.mqtt.certificate)
            ),
            "ca_expires": expiry(settings.mqtt.ca),
        }
