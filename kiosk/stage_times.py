"""How long each stage of a photo takes, and on what machine.

The clock comes in: `StageTimes(time.perf_counter)` is made by the command, tests give their own.
A photo's faces are summed per stage. Reading and decoding the file is not in it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

STAGES = ("detect", "assess", "embed")
_NAMES = {"detect": "detect", "assess": "align and assess quality", "embed": "embed"}
_NETWORK_THREADS = 1  # recognizer.session's default, which every network here runs with


class StageTimes:
    """Seconds a photo spent in each stage."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0.0
        self._photo: dict[str, float] = {}
        self._seconds: dict[str, list[float]] = {stage: [] for stage in STAGES}

    @contextmanager
    def photo(self) -> Iterator[None]:
        """Around one photo; one that raises is not counted."""
        self._photo, self._last = {}, self._clock()
        yield
        for stage, seconds in self._photo.items():
            self._seconds[stage].append(seconds)

    def stage_done(self, stage: str) -> None:
        """The observer of `Recognizer.embed_photo`."""
        now = self._clock()
        self._photo[stage] = self._photo.get(stage, 0.0) + now - self._last
        self._last = now

    def rows(self) -> list[dict[str, object]]:
        """Of each stage that ran: its name, how many photos, p50 and p95 in milliseconds."""
        return [
            {
                "stage": _NAMES[stage],
                "photos": len(seconds),
                "p50_ms": round(float(np.percentile(seconds, 50)) * 1000, 2),
                "p95_ms": round(float(np.percentile(seconds, 95)) * 1000, 2),
            }
            for stage, seconds in self._seconds.items()
            if seconds
        ]


def machine() -> dict[str, object]:
    """What the times were taken on."""
    return {
        "machine": f"{_processor()} ({platform.machine()})",
        "processors": os.cpu_count(),
        "network_threads": _NETWORK_THREADS,
        "opencv_threads": cv2.getNumThreads(),
    }


def _processor() -> str:
    board = Path("/proc/device-tree/model")  # a Raspberry Pi says which one it is
    if board.is_file():
        return board.read_text(encoding="utf-8", errors="replace").strip("\0\n ")
    info = Path("/proc/cpuinfo")
    for line in info.read_text(encoding="utf-8").splitlines() if info.is_file() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"
