"""Passive motion check: do the landmarks of a track move as one plane, or as a head does?

The eyes and the mouth corners of a face lie in one plane and the nose tip stands before it. The
four fix a homography, and where it puts the nose is a projective invariant for everything flat: a
print or a screen may be moved and turned at will and its nose stays where it is. On a head it
wanders as the head turns.

Rules
- FLAT is said only of what was clearly turned: the eyes and mouth were foreshortened between two
  moments and the nose did not wander with them. A still face, or one that only comes nearer, gets
  no opinion, so a live person who stands still is never held for a print.
- DEEP is said where the nose wandered. It is no proof of life: a film of a turning head does so.
- Pure: (5, 2) landmarks in pixels in, oldest first, `Motion` out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from recognizer.align import TEMPLATE

FRAMES = 30
"""Frames of a track that are looked at: two seconds at 15 a second."""

_SMOOTH = 3  # frames averaged against landmark noise
_LEAST = 6  # frames without which there is no opinion
_EYES = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
_SHAPE = (TEMPLATE - TEMPLATE.mean(axis=0)) / _EYES
_CORNERS = [0, 1, 3, 4]  # eyes and mouth corners; 2 is the nose


class Opinion(Enum):
    """What the motion of a track says; the value is a stable word."""

    FLAT = "flat"
    DEEP = "deep"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """When there is an opinion. Measured with `kiosk pad evaluate`; see docs/recognition.md."""

    turn: float = 0.65
    """Sine of the angle that the foreshortening tells of, from which motion is clear: 40 degrees.
    Rendered walk-ups, which do not turn, reach 0.63 by the noise and drift of YuNet's landmarks,
    a smile reaches 0.58."""
    flat: float = 0.2
    """FLAT: nose wander below this much of the turn; a head of `recognizer.pose` has 0.41."""
    deep: float = 0.15
    """DEEP: nose wander in eye distances; rendered walk-ups, flat as they are, reach 0.16."""


@dataclass(frozen=True, slots=True)
class Motion:
    """The opinion and what it rests on.

    `turn` is the sine, 0..1, of the largest turn that foreshortening tells of; `parallax` is the
    nose's wander in eye distances between the same two moments, `wander` its largest.
    """

    opinion: Opinion
    turn: float
    parallax: float
    wander: float
    frames: int


def judge_motion(
    track: Sequence[NDArray[np.floating]], limits: MotionLimits | None = None
) -> Motion:
    """The opinion on a track's landmarks, (5, 2) each, oldest first; the last `FRAMES` count."""
    limits = limits or MotionLimits()
    shapes = _shapes(track[-FRAMES:])
    if len(shapes) < _LEAST:
        return Motion(Opinion.NONE, 0.0, 0.0, 0.0, len(shapes))
    smooth = np.mean([shapes[i : len(shapes) - _SMOOTH + 1 + i] for i in range(_SMOOTH)], axis=0)
    noses = _flat_noses(smooth)
    wander = np.linalg.norm(noses[:, None] - noses[None], axis=2)
    turns = _turns(smooth)
    most = np.unravel_index(int(turns.argmax()), turns.shape)
    turn, parallax = float(turns[most]), float(wander[most])
    opinion = Opinion.NONE
    if wander.max() >= limits.deep:
        opinion = Opinion.DEEP
    elif turn >= limits.turn and parallax < limits.flat * turn:
        opinion = Opinion.FLAT
    return Motion(opinion, turn, parallax, float(wander.max()), len(shapes))


def flat_nose(landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """(2,) the nose where the homography of eyes and mouth to the frontal face puts it.

    In eye distances from the frontal face's middle, x to the picture's right, y down. Landmarks
    that are no convex face give numbers without meaning, at times not finite ones.
    """
    return np.asarray(_flat_noses(np.asarray(landmarks, dtype=np.float64)[None])[0])


def _flat_noses(faces: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) of (n, 5, 2): `flat_nose` of each."""
    x, y = faces[:, _CORNERS, 0], faces[:, _CORNERS, 1]
    u, v = np.broadcast_to(_SHAPE[_CORNERS].T[:, None], (2, *x.shape))
    one, none = np.ones_like(x), np.zeros_like(x)
    across = np.stack([x, y, one, none, none, none, -u * x, -u * y, -u], axis=2)
    down = np.stack([none, none, none, x, y, one, -v * x, -v * y, -v], axis=2)
    # Eight equations for nine numbers: the homography is what they leave free.
    *_, rest = np.linalg.svd(np.concatenate([across, down], axis=1))
    nose = np.column_stack([faces[:, 2], np.ones(len(faces))])
    mapped = np.einsum("nij,nj->ni", rest[:, -1].reshape(-1, 3, 3), nose)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(mapped[:, :2] / mapped[:, 2:])


def _shapes(track: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """(n, 5, 2) landmarks without place, size and roll; what is no face is left out.

    As complex numbers the best turn and scale to the frontal face is one factor (Umeyama 1991).
    """
    stack = np.array(track, dtype=np.float64).reshape(-1, 5, 2)
    points = stack[np.isfinite(stack).all(axis=(1, 2))] @ (1, 1j)
    points = points - points.mean(axis=1, keepdims=True)
    spread = (np.abs(points) ** 2).sum(axis=1)
    points, spread = points[spread > 0], spread[spread > 0]
    factor = (points.conj() @ (_SHAPE @ (1, 1j))) / spread
    points = points * factor[:, None]
    points = points[np.abs(factor) * np.sqrt(spread) > 0.5]
    shapes = np.stack([points.real, points.imag], axis=2)
    noses = _flat_noses(shapes)
    return np.asarray(shapes[np.isfinite(noses).all(axis=1) & (np.abs(noses) < 2).all(axis=1)])


def _turns(shapes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, n) sine of the turn between each two moments, from the foreshortening of eyes and mouth.

    The affine map between two views of a plane has singular values in the ratio of the cosines.
    """
    corners = shapes[:, _CORNERS] - shapes[:, _CORNERS].mean(axis=1, keepdims=True)
    ideal = _SHAPE[_CORNERS] - _SHAPE[_CORNERS].mean(axis=0)
    maps = np.einsum("ij,njk->nik", np.linalg.pinv(ideal), corners).transpose(0, 2, 1)
    between = np.einsum("aij,bjk->abik", maps, np.linalg.inv(maps + 1e-9 * np.eye(2)))
    # Singular values of a 2x2 matrix in closed form.
    square = (between**2).sum(axis=(2, 3))
    det = np.abs(np.linalg.det(between))
    spread = np.sqrt(np.maximum(square**2 - 4 * det**2, 0.0))
    ratio_squared = (square - spread) / np.maximum(square + spread, 1e-12)
    return np.asarray(np.sqrt(np.clip(1 - ratio_squared, 0.0, 1.0)))
