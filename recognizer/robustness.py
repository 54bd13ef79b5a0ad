"""Errors of degraded probes against undegraded templates of the same photos.

Rules
- Pure. Probe i is never compared with the photo that it was made of.
- A probe that could not be acquired makes no comparison and is counted apart; `false_rejection`
  counts all comparisons that it would have made as refused (ISO/IEC 19795-1's GFRR with the
  templates as given).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from recognizer.evaluation import Rate
from recognizer.faces import Face, Image, Vector

FACE_PX = 200  # wide: what a 640 px frame shows of somebody at arm's length


@dataclass(frozen=True, slots=True)
class RobustnessRates:
    """At one strength of one degradation."""

    not_acquired: Rate
    fnmr: Rate
    false_rejection: Rate
    fmr: Rate


def probe_errors(
    probes: Sequence[tuple[int, Vector | None]],
    embeddings: Vector,
    people: Sequence[str],
    at: float,
) -> RobustnessRates:
    """The rates at threshold `at`.

    A probe is (the row of the photo it was made of, its (d,) float32 embedding of length 1 or None
    where there was none); `embeddings` is (n, d) float32, `people` (n,) names.
    """
    owners = np.unique(np.asarray(people, dtype=np.str_), return_inverse=True)[1]
    missed = refused = genuine = lost = accepted = impostor = 0
    for row, probe in probes:
        mates = owners == owners[row]
        mates[row] = False
        others = owners != owners[row]
        if probe is None:
            missed += 1
            lost += int(mates.sum())
            continue
        matches = embeddings @ probe >= at
        genuine += int(mates.sum())
        refused += int((mates & ~matches).sum())
        impostor += int(others.sum())
        accepted += int((others & matches).sum())
    return RobustnessRates(
        Rate(missed, len(probes)),
        Rate(refused, genuine),
        Rate(refused + lost, genuine + lost),
        Rate(accepted, impostor),
    )


def head_of(image: Image, face: Face) -> tuple[Image, Face]:
    """The head alone, as a terminal sees it, and the face in it.

    The box with as much again on each side, where the picture has it, made smaller until the face
    is `FACE_PX` wide at most: so that others in the photo do not answer for it and pixels mean the
    same in every photo.
    """
    x, y, w, h = face.box
    left, top = max(0, int(x - w)), max(0, int(y - h))
    crop = image[top : int(y + 2 * h), left : int(x + 2 * w)]
    moved = replace(
        face,
        box=(x - left, y - top, w, h),
        landmarks=np.asarray(face.landmarks - (left, top), dtype=np.float32),
    )
    factor = FACE_PX / w
    if factor >= 1:
        return crop, moved
    small = cv2.resize(crop, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8), moved.scaled(factor)
