"""Works timed by turns: whatever else the machine does falls on all alike, so ratios hold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Work = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do a work; `prepare` is called before each turn and not counted."""

    name: str
    work: Work
    prepare: Work = bool  # does nothing


@dataclass(frozen=True, slots=True)
class Preferred:
    """The way to take, and the ratio of each one's time to that of the first (median of turns)."""

    name: str
    ratios: dict[str, float]
    first_ms: float


def by_turns(ways: Sequence[Way], rounds: int, clock: Callable[[], float]) -> NDArray[np.float64]:
    """(rounds, ways) seconds of each, one after the other and then again."""
    taken = np.empty((rounds, len(ways)))
    for turn in range(rounds):
        for i, way in enumerate(ways):
            way.prepare()
            begun = clock()
            way.work()
            taken[turn, i] = clock() - begun
    return taken


def prefer(ways: Sequence[Way], rounds: int, clock: Callable[[], float], gain: float) -> Preferred:
    """The fastest, but the first unless another takes at least `gain` (0..1) less time.

    Raises `ValueError` where there is no way or no round.
    """
    if not ways or rounds < 1:
        raise ValueError("nothing to compare")
    taken = by_turns(ways, rounds + 1, clock)[1:]  # the first turn warms up
    taken = np.maximum(taken, 1e-9)  # a clock may stand still
    ratios = np.median(taken / taken[:, :1], axis=0)
    best = int(np.argmin(ratios))
    chosen = best if ratios[best] <= 1 - gain else 0
    return Preferred(
        ways[chosen].name,
        {way.name: round(float(ratio), 3) for way, ratio in zip(ways, ratios, strict=True)},
        round(float(np.median(taken[:, 0])) * 1000, 3),
    )
