"""What the kernel says of the wall clock: disciplined or not, and how far off it may be.

adjtimex(2) is what NTP daemons of every make report to. kiosk stamps records with it, sync shows it
in the status.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5  # linux/timex.h: the clock is not synchronised


@dataclass(frozen=True, slots=True)
class Discipline:
    """Whether the wall clock is synchronised, and its estimated error in ms or None."""

    synchronised: bool
    error_ms: int | None


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


class KernelClock:
    """The kernel's word, as often as it is asked."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def discipline(self) -> Discipline:
        """Ask now; changes nothing."""
        timex = _Timex(modes=0)
        state = self._libc.adjtimex(ctypes.byref(timex))
        if state < 0 or state == _TIME_ERROR or timex.status & _STA_UNSYNC:
            return Discipline(False, None)
        return Discipline(True, max(1, round(timex.esterror / 1000)))
