"""The system's clocks, read in one place.

Only the composition root and the main loop call `SystemClock.now`; everything below them is handed
an `Instant`. Whether the wall clock is disciplined comes from the kernel (adjtimex(2)), which is
what NTP daemons of every make report to.
"""

from __future__ import annotations

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from store.records import Instant

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # linux/timex.h: the clock is not synchronised


class Clock(Protocol):
    """Where instants come from."""

    def now(self) -> Instant:
        """The present instant."""


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2), 64-bit Linux."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time_s", ctypes.c_long),
        ("time_us", ctypes.c_long),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


class SystemClock:
    """The wall clock (UTC), CLOCK_BOOTTIME and the kernel's word on synchronisation.

    `zone` is the terminal's IANA time zone name.
    """

    def __init__(self, zone: str) -> None:
        self._zone = zone
        self._boot = _BOOT_ID.read_text(encoding="ascii").strip()
        self._libc = ctypes.CDLL(None, use_errno=True)

    def now(self) -> Instant:
        """The present instant; the monotonic part counts nanoseconds since boot, sleep included."""
        synchronised, error_ms = self._discipline()
        return Instant(
            utc=datetime.now(UTC),
            zone=self._zone,
            boot=self._boot,
            monotonic_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME),
            synchronised=synchronised,
            error_ms=error_ms,
        )

    def _discipline(self) -> tuple[bool, int | None]:
        timex = _Timex(modes=0)
        state = self._libc.adjtimex(ctypes.byref(timex))
        if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
            return False, None
        return True, max(1, round(timex.esterror / 1000))
