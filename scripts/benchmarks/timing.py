"""How things are timed and told: median, 95th and 99th percentile of many repetitions."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kiosk import turns
from kiosk.turns import Way

WARM_UP = 20  # repetitions before those that count: caches, BLAS threads, page faults


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds."""

    median_ms: float
    p95_ms: float
    p99_ms: float
    repetitions: int


def timed(work: Callable[[], object], repetitions: int, warm_up: int = WARM_UP) -> Timing:
    """The time of `work`, called again and again."""
    for _ in range(warm_up):
        work()
    return timing(np.array([_once(work) for _ in range(repetitions)]))


def by_turns(
    works: Sequence[Callable[[], object]], repetitions: int, warm_up: int = WARM_UP
) -> NDArray[np.float64]:
    """(repetitions, works) seconds of each, taken by turns.

    By turns, so that whatever else the machine does falls on all alike.
    """
    ways = [Way(str(i), work) for i, work in enumerate(works)]
    return turns.by_turns(ways, warm_up + repetitions, time.perf_counter)[warm_up:]


def compared(
    work: Callable[[], object], yardstick: Callable[[], object], repetitions: int
) -> tuple[Timing, Timing, float]:
    """The times of both, taken by turns, and the median of the ratios of neighbours."""
    pairs = by_turns((work, yardstick), repetitions)
    ratio = float(np.median(pairs[:, 0] / pairs[:, 1]))
    return timing(pairs[:, 0]), timing(pairs[:, 1]), ratio


def _once(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def timing(taken: NDArray[np.float64]) -> Timing:
    """What (n) seconds come to."""
    median, p95, p99 = np.percentile(taken, (50, 95, 99)) * 1e3
    return Timing(float(median), float(p95), float(p99), len(taken))


@dataclass(slots=True)
class Report:
    """What was measured, under which conditions, and the ratios that matter."""

    title: str
    conditions: dict[str, object] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """One JSON object."""
        timings = {
            name: {
                "median_ms": t.median_ms,
                "p95_ms": t.p95_ms,
                "p99_ms": t.p99_ms,
                "repetitions": t.repetitions,
            }
            for name, t in self.timings.items()
        }
        return {
            "benchmark": self.title,
            "conditions": self.conditions,
            "timings": timings,
            "numbers": self.numbers,
        }

    def markdown(self) -> str:
        """The same as tables."""
        lines = [f"# {self.title}", ""]
        lines += [f"- {name}: {value}" for name, value in self.conditions.items()]
        lines += ["", "| | median ms | p95 ms | p99 ms | repetitions |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [
            f"| {name} | {t.median_ms:.3f} | {t.p95_ms:.3f} | {t.p99_ms:.3f} | {t.repetitions} |"
            for name, t in self.timings.items()
        ]
        lines += ["", "| | |", "| --- | --- |"]
        lines += [f"| {name} | {value:.3g} |" for name, value in self.numbers.items()]
        return "\n".join(lines)


def machine() -> dict[str, object]:
    """What the times depend on. BLAS threads as the environment sets them, else all cores."""
    cores = os.cpu_count()
    return {
        "machine": platform.machine(),
        "cores": cores,
        "load average": os.getloadavg()[0],
        "BLAS threads": os.environ.get("OPENBLAS_NUM_THREADS", f"unset (up to {cores})"),
        "Python": platform.python_version(),
        "numpy": np.__version__,
    }
