"""What processes cost: CPU seconds and resident memory, read from /proc."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time of a process, its children included (also those that have ended)."""
    own = _times(pid)
    return own + sum(cpu_s(child) for child in children(pid))


def children(pid: int) -> list[int]:
    """The ids of a process's children, whichever of its threads started them."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(word) for word in task.read_text().split()]
    return found


def resident_kb(pid: int) -> int:
    """VmRSS, in KiB."""
    return _status_kb(pid, "VmRSS:")


def peak_kb(pid: int) -> int:
    """VmHWM, the most that was resident until now, in KiB."""
    return _status_kb(pid, "VmHWM:")


def _status_kb(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


def _times(pid: int) -> float:
    # After the name, which may hold anything but ends with the last ")": utime, stime, cutime,
    # cstime are the fields 14 to 17 of proc(5).
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS_PER_S
