"""Render a person on the spot who turns the head, from one still photograph.

The face is laid over a simple relief (half an ellipsoid with a nose), turned, and seen from the
front again; what lies around the head stays where it is. It is a stand-in: what a turn hides or
brings into view is stretched skin, so angles beyond 30 degrees look like nobody, and YuNet sees
less than half of a lifted chin.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from morning.walkup import HEIGHT, WIDTH, Image, Subject, camera, view

Grid = NDArray[np.float32]

_DEEP = 0.55  # of the face's width: from the ears' plane to the cheeks
_NOSE = 0.19  # of the face's width: 0.45 eye distances, as in `recognizer.pose`
_ROUNDS = 6  # of the fixed point below, whose error falls to under a pixel
_CENTRE = (0.5, 0.42)


class Head:
    """Somebody before the camera, the face `face_px` wide; the same seed gives the same frames."""

    def __init__(self, subject: Subject, seed: int, face_px: float = 170) -> None:
        self._still = view(subject, face_px, _CENTRE, (WIDTH, HEIGHT))
        self._tall = subject.box[3] / subject.box[2]
        self._width_px = face_px
        self._rng = np.random.default_rng(seed)

    def frame(self, yaw: float, pitch: float) -> Image:
        """What the camera sees of the head at these angles in degrees, signs as in a `Pose`."""
        swayed = np.roll(self._turned(yaw, pitch), self._rng.integers(-2, 3), axis=1)
        return camera(swayed, exposure=1.0, motion_px=0, rng=self._rng)

    def _turned(self, yaw: float, pitch: float) -> Image:
        w, middle = self._width_px, (_CENTRE[0] * WIDTH, _CENTRE[1] * HEIGHT)
        left, right = (int(np.clip(middle[0] + side * w, 0, WIDTH)) for side in (-1, 1))
        top, bottom = (int(np.clip(middle[1] + side * w * 1.3, 0, HEIGHT)) for side in (-1, 1))
        across, down = np.meshgrid(
            (np.arange(left, right, dtype=np.float32) - np.float32(middle[0])) / np.float32(w),
            (np.arange(top, bottom, dtype=np.float32) - np.float32(middle[1])) / np.float32(w),
        )
        sin_yaw, cos_yaw = math.sin(math.radians(yaw)), math.cos(math.radians(yaw))
        sin_pitch, cos_pitch = math.sin(math.radians(pitch)), math.cos(math.radians(pitch))
        from_x, from_y = across, down
        for _ in range(_ROUNDS):  # where did what is seen here lie before the turn?
            deep = self._relief(from_x, from_y)
            from_x = (across - deep * sin_yaw) / cos_yaw
            from_y = (down - deep * sin_pitch) / cos_pitch
        # The head fades into what is around it, so that the picture does not tear.
        inside = np.clip(1.6 - np.hypot(across / 0.62, down / (0.75 * self._tall)), 0, 1)
        map_x = (across + inside * (from_x - across)) * w + middle[0]
        map_y = (down + inside * (from_y - down)) * w + middle[1]
        turned = self._still.copy()
        turned[top:bottom, left:right] = cv2.remap(
            self._still, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_CUBIC
        )
        return turned

    def _relief(self, across: Grid, down: Grid) -> Grid:
        """How far before the turning axis a place of the face lies, in face widths."""
        edge = (across / 0.62) ** 2 + (down / (0.75 * self._tall)) ** 2
        nose = np.exp(-((across / 0.09) ** 2) - ((down - 0.08 * self._tall) / 0.13) ** 2)
        deep = _DEEP * np.sqrt(np.maximum(0.0, 1 - edge)) + _NOSE * nose
        return np.asarray(deep, dtype=np.float32)
