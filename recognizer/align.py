"""Alignment: the similarity that brings five landmarks nearest to ArcFace's template.

Similarity-invariant: a face that is shifted, scaled or turned in the picture gives the same crop,
up to resampling. Mirrored faces do not: a reflection is never part of the transform.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.faces import Image

CROP_PX = 112

# Where the landmarks lie in a 112x112 crop: InsightFace, python-package utils/face_align.py.
TEMPLATE: NDArray[np.float64] = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE.setflags(write=False)


def similarity(
    points: NDArray[np.floating], target: NDArray[np.floating] = TEMPLATE
) -> NDArray[np.float64]:
    """The (2, 3) matrix of scale, rotation and shift that takes points to target, least squares.

    Umeyama 1991, without reflection. Points and target are (n, 2); points that all coincide give a
    matrix of zero scale.
    """
    source, goal = np.asarray(points, dtype=np.float64), np.asarray(target, dtype=np.float64)
    source_mean, goal_mean = source.mean(axis=0), goal.mean(axis=0)
    centred, wanted = source - source_mean, goal - goal_mean
    spread = float((centred**2).sum())
    # In the plane the best rotation has a closed form: the angle of the summed complex products.
    cosine = float((centred * wanted).sum())
    sine = float((centred[:, 0] * wanted[:, 1] - centred[:, 1] * wanted[:, 0]).sum())
    a, b = (cosine / spread, sine / spread) if spread > 0 else (0.0, 0.0)
    turn = np.array([[a, -b], [b, a]])
    return np.column_stack([turn, goal_mean - turn @ source_mean])


def align(image: Image, landmarks: NDArray[np.floating]) -> Image:
    """The (112, 112, 3) uint8 crop; what lies outside of the picture is black."""
    matrix = similarity(landmarks)
    crop = cv2.warpAffine(image, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR)
    return np.asarray(crop, dtype=np.uint8)
