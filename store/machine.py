"""How the machine itself is: disk, temperature, and what a Raspberry Pi says of its power.

What a machine does not tell is None, never a made-up value. Nothing here raises.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TEMPERATURE = Path("sys/class/thermal/thermal_zone0/temp")  # thousandths of a degree
# Where the firmware driver shows the word of `vcgencmd get_throttled`, in hex without a prefix
# (Linux patch "firmware/raspberrypi: Add a get_throttled sysfs file", N. Trønnes, 2018).
_THROTTLED = Path("sys/devices/platform/soc/soc:firmware/get_throttled")
# https://www.raspberrypi.com/documentation/computers/os.html#get_throttled
POWER_BITS: Mapping[int, str] = {
    0: "undervoltage",
    1: "frequency_capped",
    2: "throttled",
    3: "soft_temperature_limit",
    16: "undervoltage_occurred",
    17: "frequency_capping_occurred",
    18: "throttling_occurred",
    19: "soft_temperature_limit_occurred",
}


@dataclass(frozen=True, slots=True)
class Health:
    """Bytes of the disk that holds the ledger, degrees Celsius, and the names in `POWER_BITS`.

    The `…_occurred` flags say that it was so since the machine started.
    """

    disk_free: int | None = None
    disk_total: int | None = None
    temperature_c: float | None = None
    power: frozenset[str] | None = None


def read_health(directory: Path, root: Path = Path("/")) -> Health:
    """Look now. `directory` lies on the disk in question, `root` has the kernel's `sys`."""
    free, total = _disk(directory)
    millidegrees = _number(root / _TEMPERATURE, 10)
    word = _number(root / _THROTTLED, 16)
    return Health(
        disk_free=free,
        disk_total=total,
        temperature_c=None if millidegrees is None else millidegrees / 1000,
        power=None if word is None else power_flags(word),
    )


def power_flags(word: int) -> frozenset[str]:
    """The names of the bits that are set; bits without a name are passed over."""
    return frozenset(name for bit, name in POWER_BITS.items() if word >> bit & 1)


def _disk(directory: Path) -> tuple[int | None, int | None]:
    try:
        disk = os.statvfs(directory)
    except OSError:
        # The folder is not there yet, or its card no longer answers. Who uses the ledger that lies
        # there fails with an error of its own; this is only what the status says of it.
        return None, None
    return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def _number(path: Path, base: int) -> int | None:
    try:
        return int(path.read_text(encoding="ascii").strip(), base)
    except (OSError, ValueError):  # UnicodeDecodeError is a ValueError
        return None
