"""Watches a process from outside: resident memory, open files, threads, as /proc has them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EVERY_S = 5.0
_WARM = 5  # a fifth of the time: pools and caches are full by then


@dataclass(frozen=True, slots=True)
class Sample:
    """A process at one moment, `at_s` seconds after the first; shared libraries are counted."""

    at_s: float
    resident_mb: float
    open_files: int
    threads: int


def sample(pid: int, at_s: float = 0.0) -> Sample:
    """As it is now; raises `OSError` where it is gone or another user's."""
    told = {}
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        told[name] = value
    resident_mb = int(told["VmRSS"].split()[0]) * 1024 / 1e6
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Sample(at_s, resident_mb, files, int(told["Threads"]))


def watched(process: subprocess.Popen[str], seconds: float) -> Iterator[Sample]:
    """One sample every few seconds; raises `RuntimeError` when the process ends meanwhile."""
    begun = time.monotonic()
    while (at_s := time.monotonic() - begun) < seconds:
        try:
            process.wait(EVERY_S)
        except subprocess.TimeoutExpired:
            yield sample(process.pid, at_s)
        else:
            raise RuntimeError(f"it ended by itself with {process.returncode}")


def warm(samples: Sequence[Sample]) -> Sequence[Sample]:
    """The last four fifths."""
    return samples[len(samples) // _WARM :]


def slope(samples: Sequence[Sample]) -> float:
    """MB an hour that the resident memory grew by, least squares; 0 for fewer than two samples."""
    if len(samples) < 2:
        return 0.0
    at = np.array([s.at_s for s in samples])
    mb = np.array([s.resident_mb for s in samples])
    return float(np.polynomial.Polynomial.fit(at, mb, 1).convert().coef[1]) * 3600
