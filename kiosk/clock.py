"""The system's clocks, read in one place.

Only the composition root and the main loop call `SystemClock.now`; everything below them is handed
an `Instant`. Whether the wall clock is disciplined comes from the kernel (`store.discipline`).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from store.discipline import KernelClock
from store.records import Instant

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Where instants come from."""

    def now(self) -> Instant:
        """The present instant."""


class SystemClock:
    """The wall clock (UTC), CLOCK_BOOTTIME and the kernel's word on synchronisation.

    `zone` is the terminal's IANA time zone name.
    """

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._boot = _BOOT_ID.read_text(encoding="ascii").strip()
        self._kernel = KernelClock()

    def now(self) -> Instant:
        """The present instant; the monotonic part counts nanoseconds since boot, sleep included."""
        discipline = self._kernel.discipline()
        return Instant(
            utc=datetime.now(UTC),
            zone=self._zone,
            boot=self._boot,
            monotonic_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            synchronised=discipline.synchronised,
            error_ms=discipline.error_ms,
        )
