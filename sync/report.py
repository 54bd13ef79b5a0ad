"""What the status says beside delivery: the machine as sync finds it, the program as kiosk says it.

What only kiosk knows comes from the ledger's newest `boot` record. What nobody tells is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from store.certificates import certificate_in_use, expiry
from store.database import Database
from store.discipline import KernelClock
from store.machine import read_health
from store.standing import Standing
from sync.courier import Now
from sync.settings import Settings


class Reporter:
    """Reports on one terminal; belongs to the thread of its database connection."""

    def __init__(self, database: Database, settings: Settings, clock: Callable[[], Now]) -> None:
        self._settings, self._clock = settings, clock
        self._kernel = KernelClock()
        self._standing = Standing(database)

    def report(self) -> Mapping[str, Any]:
        """The fields of `sync.contract.status.Status` that are known now."""
        settings, clock = self._settings, self._kernel.discipline()
        health = read_health(settings.store.directory)
        self._standing.refresh()
        boot = self._standing.boot
        in_use = certificate_in_use(settings.store.directory, settings.mqtt.certificate)
        certificate, ca = expiry(in_use), expiry(settings.mqtt.ca)
        today = self._clock().utc if clock.synchronised else None
        return {
            "faults": tuple(sorted(self._standing.faults)),
            "clock_synchronised": clock.synchronised,
            "clock_error_ms": clock.error_ms,
            "disk_free": health.disk_free,
            "disk_size": health.disk_total,
            "temperature_c": health.temperature_c,
            "power": None if health.power is None else tuple(sorted(health.power)),
            "models": None if boot is None else boot.models,
            "versions": None if boot is None else boot.versions,
            "certificate_expires": certificate,
            "ca_expires": ca,
            "certificate_days": _days_left(certificate, today),
            "ca_days": _days_left(ca, today),
        }


def _days_left(expires: datetime | None, today: datetime | None) -> int | None:
    """Whole days, rounded down; None while nobody knows what day it is."""
    return None if expires is None or today is None else (expires - today) // timedelta(days=1)
