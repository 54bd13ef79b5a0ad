"""A face in a picture, and what every picture must look like."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ImageError

Image = NDArray[np.uint8]
Vector = NDArray[np.float32]
Box = tuple[float, float, float, float]  # x, y, width, height

_SMALLEST_PX = 16  # a side below this cannot hold a face that any detector here finds


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A detected face, in pixels of the picture.

    `box` is (x, y, width, height) and may reach over the picture's edge. `landmarks` is (5, 2)
    float32 in ArcFace order: the eye on the picture's left, the other eye, nose, the mouth corner
    on the picture's left, the other one. `score` is the detector's, 0..1.
    """

    box: Box
    landmarks: Vector
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box, in pixels."""
        x, y, w, h = self.box
        return x + w / 2, y + h / 2

    def scaled(self, factor: float) -> Face:
        """The same face in a picture that is `factor` times as large."""
        x, y, w, h = (side * factor for side in self.box)
        landmarks = np.asarray(self.landmarks * factor, dtype=np.float32)
        return replace(self, box=(x, y, w, h), landmarks=landmarks)

    def moved(self, right: float, down: float) -> Face:
        """The same face in a picture that begins so many pixels further left and up."""
        x, y, w, h = self.box
        landmarks = self.landmarks + np.array((right, down), dtype=np.float32)
        return replace(self, box=(x + right, y + down, w, h), landmarks=landmarks)


def check_image(image: object) -> Image:
    """The picture itself; raises `ImageError` unless it is a (h, w, 3) uint8 array."""
    if not isinstance(image, np.ndarray):
        raise ImageError(f"a picture is a (h, w, 3) uint8 array, this is a {type(image).__name__}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise ImageError(
            f"a picture is a (h, w, 3) uint8 array, this is {image.dtype} {image.shape}"
        )
    return image


def can_hold_a_face(image: Image) -> bool:
    """Whether the picture is large enough for any face."""
    return bool(min(image.shape[:2]) >= _SMALLEST_PX)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x, y, width, height), 0..1."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)
