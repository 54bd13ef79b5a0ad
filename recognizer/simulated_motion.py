"""Landmarks of heads and of prints that move, without pictures: to measure the motion check on.

No recording of a live head that turns is at hand, so these are synthetic: `recognizer.pose`'s
rigid head, or its frontal picture on a plane, before a pinhole camera, with landmark noise. The
same seed gives the same tracks. What they do not show: real noses, hair, talking lips beyond the
smile here, and a detector whose landmarks slide on turned faces.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from recognizer.pose import model_head

Track = list[NDArray[np.float64]]

NOISE = 0.016
"""Landmark noise, standard deviation in eye distances, a coordinate: YuNet's mean over the five
landmarks of ten rendered walk-ups from 60 to 150 px; standing at 150 px it is 0.009."""
_FAR = 8.0  # half a metre from the camera in eye distances
_FOCAL_PX = 600.0
_CENTRE = np.array([320.0, 240.0])


class Mover(Enum):
    """Who moves, and how; the value is the name in reports."""

    HEAD_STILL = "head, still"
    HEAD_SMILING = "head, smiling"
    HEAD_WALKING = "head, walking up"
    HEAD_TURNING = "head, turning 30 degrees"
    PLANE_STILL = "print, still"
    PLANE_HELD = "print, held by hand"
    PLANE_TILTED = "print, tilted 45 degrees"

    @property
    def live(self) -> bool:
        """Whether this is a bona fide presentation."""
        return self.name.startswith("HEAD")


def simulate(mover: Mover, seed: int, frames: int = 30, noise: float = NOISE) -> Track:
    """The landmarks of one track, (5, 2) each in pixels."""
    rng = np.random.default_rng(seed)
    head = model_head() * (1, 1, rng.uniform(0.8, 1.2))
    if not mover.live:
        head = head * (1, 1, 0)
    towards = rng.uniform(0, 2 * math.pi)  # the axis of the turn lies anywhere in the picture
    sway = rng.uniform(0, 2 * math.pi)
    track = []
    for i in range(frames):
        part = i / max(frames - 1, 1)
        ease = part * part * (3 - 2 * part)
        turn, far, smile = math.radians(2) * math.sin(sway + i / 4), _FAR, 0.0
        match mover:
            case Mover.HEAD_TURNING:
                turn, towards = math.radians(30) * ease, 0.0  # a yaw
            case Mover.PLANE_TILTED:
                turn = math.radians(45) * ease
            case Mover.PLANE_HELD:
                turn = math.radians(8) * math.sin(sway + i / 5)
            case Mover.HEAD_WALKING:
                far = _FAR * (2.5 - 1.5 * ease)
                turn = math.radians(5) * math.sin(sway + i / 3)
            case Mover.HEAD_SMILING:
                smile = ease
            case Mover.PLANE_STILL:
                turn = 0.0
        points = head.copy()
        # A smile: the corners of the mouth go a tenth of an eye distance out and half of it up.
        points[3:] += smile * np.array([[-0.1, -0.05, 0.0], [0.1, -0.05, 0.0]])
        points += rng.normal(0, noise, points.shape) * (1, 1, 0)
        track.append(_seen(points @ _about(towards, turn).T, far))
    return track


def _about(towards: float, angle: float) -> NDArray[np.float64]:
    """Rotation that tips the z axis by `angle` to the direction `towards` of the picture."""
    x, y = math.cos(towards), math.sin(towards)
    axis = np.array([y, -x, 0.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) - math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return np.asarray(turn, dtype=np.float64)


def _seen(points: NDArray[np.float64], far: float) -> NDArray[np.float64]:
    """Through a pinhole; z of the points is towards the camera."""
    return np.asarray(points[:, :2] * (_FOCAL_PX / (far - points[:, 2:])) + _CENTRE)
