"""How a head is turned, estimated from five landmarks.

The landmarks are the scaled projection of a rigid face (weak perspective). The face is ArcFace's
template with depth added: the nose tip lies before the plane of the eyes and the mouth corners a
little. A real nose differs, so take the angles for what they are: good to about 10 degrees, enough
to ask somebody to look at the camera, no measurement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.align import TEMPLATE

# In distances between the eyes, about 63 mm in adults: the nose tip stands about 28 mm before the
# plane of the pupils, the mouth corners about 5 mm.
_DEPTH = np.array([0.0, 0.0, 0.45, 0.08, 0.08])


def model_head() -> NDArray[np.float64]:
    """(5, 3): x to the picture's right, y down, z towards the camera; in eye distances, centred."""
    eyes = float(np.linalg.norm(TEMPLATE[1] - TEMPLATE[0]))
    head = np.column_stack([TEMPLATE / eyes, _DEPTH])
    return np.asarray(head - head.mean(axis=0))


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees. Yaw is positive towards the picture's right, pitch downwards, roll clockwise."""

    yaw: float
    pitch: float
    roll: float


def estimate_pose(landmarks: NDArray[np.floating]) -> Pose:
    """The pose of (5, 2) landmarks; all angles are 90 where the landmarks are no face at all."""
    points = np.asarray(landmarks, dtype=np.float64)
    rows, *_ = np.linalg.lstsq(model_head(), points - points.mean(axis=0), rcond=None)
    right, down = rows[:, 0], rows[:, 1]  # the picture's axes in the head's frame, times the scale
    if min(np.linalg.norm(right), np.linalg.norm(down)) < 1e-6:
        return Pose(90.0, 90.0, 90.0)
    # The nearest pair of perpendicular unit vectors.
    u, _, v = np.linalg.svd(np.stack([right, down]), full_matrices=False)
    right, down = u @ v
    forward = np.cross(right, down)
    # Where the nose points: the head's z axis in the picture's axes.
    towards = np.array([right[2], down[2], forward[2]])
    yaw = math.degrees(math.atan2(towards[0], towards[2]))
    pitch = math.degrees(math.asin(max(-1.0, min(1.0, towards[1]))))
    eyes = points[1] - points[0]
    roll = math.degrees(math.atan2(eyes[1], eyes[0]))
    return Pose(yaw, pitch, roll)
