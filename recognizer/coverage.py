"""Which of many samples of one person to keep as templates: few, good, and unlike each other.

- The best quality comes first; then, again and again, the sample that adds most: how far it is from
  everything chosen, in embedding and in pose, times its quality.
- A near-duplicate is taken only while fewer than `DUPLICATES_UP_TO` are chosen: a score is the best
  template's, and the same face again adds nothing to it.
- Pure, and the same samples give the same choice in any order (ties go to the lower index).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_TEMPLATES = 8  # a person
NEAR = 0.97
"""Cosine from which two samples show the same. One photo taken again with noise, a shift of 3 px
and JPEG gave 0.967 to 0.996 (30 photos); of 75 pairs of different photos of one person, 5 % were
above 0.974, and those are shots of the same moment."""
DUPLICATES_UP_TO = 3
"""Of a face that held still: three frames stand for the noise of landmarks and sensor."""
_POSE_REACH_DEG = 40.0  # as far as the quality gate lets a head turn (`max_yaw`)
_POSE_WEIGHT = 0.25
"""Of a whole reach against a cosine distance of 1. Different photos of a person differ by about
0.1 (median of 75 pairs): a turn by 15 degrees counts as much."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A face: (d,) float32 embedding of length 1, quality 0..1, yaw and pitch in degrees.

    None where the pose is not known, as of a stored template; it then adds nothing by its pose.
    """

    embedding: NDArray[np.float32]
    quality: float
    yaw: float | None = None
    pitch: float | None = None


def choose(samples: Sequence[Sample], most: int = MAX_TEMPLATES) -> list[int]:
    """The indices of the samples to keep, at most `most`, in the order of choice."""
    if not samples or most < 1:
        return []
    vectors = np.stack([sample.embedding for sample in samples]).astype(np.float64)
    chosen = [max(range(len(samples)), key=lambda i: samples[i].quality)]
    nearest = vectors @ vectors[chosen[0]]
    turned = np.array([_turn(sample, samples[chosen[0]]) for sample in samples])
    while len(chosen) < most:
        open_to = [
            i
            for i in range(len(samples))
            if i not in chosen and (nearest[i] < NEAR or len(chosen) < DUPLICATES_UP_TO)
        ]
        if not open_to:
            break
        gain = {
            i: samples[i].quality * (1 - nearest[i] + _POSE_WEIGHT * turned[i]) for i in open_to
        }
        # Something new before a near-duplicate, however good that is.
        pick = max(open_to, key=lambda i: (bool(nearest[i] < NEAR), gain[i]))
        chosen.append(pick)
        nearest = np.maximum(nearest, vectors @ vectors[pick])
        turned = np.minimum(turned, [_turn(sample, samples[pick]) for sample in samples])
    return chosen


def _turn(a: Sample, b: Sample) -> float:
    """How far two poses are apart, 0..1."""
    if a.yaw is None or a.pitch is None or b.yaw is None or b.pitch is None:
        return 0.0
    return min(math.hypot(a.yaw - b.yaw, a.pitch - b.pitch) / _POSE_REACH_DEG, 1.0)
