"""MTCNN: a cascade of three small networks over an image pyramid (Zhang et al. 2016).

1. P-Net slides over the picture at falling scales and proposes 12x12 windows.
2. R-Net judges and moves each proposal (24x24).
3. O-Net judges and moves what is left (48x48) and gives the five landmarks.

The networks come from Keras and take RGB with width before height: (n, w, h, 3), (pixel-127.5)/128.
Boxes are x1, y1, x2, y2 in pixels, with a sixth and further columns where a stage adds them.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.faces import Face, Image, can_hold_a_face
from recognizer.session import Session, Signature
from recognizer.suppression import suppress

Array = NDArray[np.float32]

_CELL = 12  # P-Net's window
_STRIDE = 2  # P-Net's step
_PYRAMID = 0.709  # about 1/sqrt(2): half the area a step (the paper's factor)
_PROPOSE, _REFINE = 0.6, 0.7  # score thresholds of the first two stages, the package's own
_MOST = 256  # candidates that enter a stage; a crowded frame cannot stall the terminal

PNET = Signature("input_1", (None, None, None, 3), (4, 2))
RNET = Signature("input_2", (None, 24, 24, 3), (4, 2))
ONET = Signature("input_3", (None, 48, 48, 3), (4, 10, 2))


class MtcnnDetector:
    """MTCNN in ONNX Runtime. `min_face_px` is the smallest face's width; it decides the speed."""

    # Its pyramid starts at the size at which the smallest face is 12 px wide, whatever is given.
    cell_px: int | None = None

    def __init__(
        self, pnet: Session, rnet: Session, onet: Session, score: float, min_face_px: int
    ) -> None:
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self._score, self._min_face_px = score, min_face_px

    def detect(self, image: Image) -> list[Face]:
        """All faces, in no order; none in a picture too small for one."""
        if not can_hold_a_face(image):
            return []
        rgb = np.ascontiguousarray(image[:, :, ::-1])
        boxes = self._refine(rgb, self._propose(rgb))
        if not len(boxes):
            return []
        squares = np.fix(squared(boxes))
        moves, points, scores = self._onet.run(patches(rgb, squares, 48))
        kept = scores[:, 1] > self._score
        squares, moves, points, score = squares[kept], moves[kept], points[kept], scores[kept, 1]
        size = squares[:, 2:] - squares[:, :2] + 1
        landmarks = np.stack(
            [
                points[:, :5] * size[:, :1] + squares[:, :1] - 1,
                points[:, 5:] * size[:, 1:] + squares[:, 1:2] - 1,
            ],
            axis=2,
        )
        moved = _moved(squares, moves)
        return [
            Face(
                box=(
                    float(moved[i, 0]),
                    float(moved[i, 1]),
                    float(moved[i, 2] - moved[i, 0]),
                    float(moved[i, 3] - moved[i, 1]),
                ),
                landmarks=np.asarray(landmarks[i], dtype=np.float32),
                score=float(score[i]),
            )
            for i in suppress(moved, score, 0.7, by_smaller=True)
        ]

    def _propose(self, rgb: Image) -> Array:
        """(n, 4) squares from the pyramid."""
        found: list[Array] = []
        scale = _CELL / self._min_face_px
        while min(rgb.shape[:2]) * scale >= _CELL:
            height, width = (math.ceil(side * scale) for side in rgb.shape[:2])
            small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
            moves, scores = self._pnet.run(_normalised(small.transpose(1, 0, 2)[None]))
            x, y = np.nonzero(scores[0, :, :, 1] >= _PROPOSE)
            score = scores[0, x, y, 1]
            corner = np.stack([x, y], axis=1).astype(np.float32) * _STRIDE
            windows = np.hstack([np.fix((corner + 1) / scale), np.fix((corner + _CELL) / scale)])
            rows = np.column_stack([windows, moves[0, x, y], score]).astype(np.float32)
            found.append(rows[suppress(windows, score, 0.5)])
            scale *= _PYRAMID
        if not found:
            return np.empty((0, 4), dtype=np.float32)
        rows = np.vstack(found)
        rows = rows[suppress(rows[:, :4], rows[:, 8], 0.7)][:_MOST]
        size = rows[:, 2:4] - rows[:, :2]
        moved = rows[:, :4] + rows[:, 4:8] * np.hstack([size, size])
        return np.asarray(np.fix(squared(moved)), dtype=np.float32)

    def _refine(self, rgb: Image, squares: Array) -> Array:
        """(m, 4) boxes that R-Net keeps, moved."""
        if not len(squares):
            return squares
        moves, scores = self._rnet.run(patches(rgb, squares, 24))
        kept = scores[:, 1] > _REFINE
        squares, moves, score = squares[kept], moves[kept], scores[kept, 1]
        picked = suppress(squares, score, 0.7)
        return _moved(squares[picked], moves[picked])


def _normalised(pixels: NDArray[np.generic]) -> Array:
    return np.ascontiguousarray((np.asarray(pixels, dtype=np.float32) - 127.5) / 128)


def squared(boxes: Array) -> Array:
    """Each box grown to a square about its centre."""
    centre = (boxes[:, :2] + boxes[:, 2:4]) / 2
    half = (boxes[:, 2:4] - boxes[:, :2]).max(axis=1, keepdims=True) / 2
    return np.hstack([centre - half, centre + half])


def _moved(boxes: Array, moves: Array) -> Array:
    size = boxes[:, 2:4] - boxes[:, :2] + 1
    return np.asarray(boxes[:, :4] + moves * np.hstack([size, size]), dtype=np.float32)


def patches(image: Image, squares: Array, side: int) -> Array:
    """(n, side, side, 3) network input in the picture's channel order; outside of it is black."""
    height, width = image.shape[:2]
    fed = np.empty((len(squares), side, side, 3), dtype=np.float32)
    for i, (x1, y1, x2, y2) in enumerate(squares.astype(np.int64)):
        # x1 counts from 1, as the trainers' Matlab did: the pixel before it belongs to the patch.
        left, top, right, bottom = x1 - 1, y1 - 1, x2, y2
        patch = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        before = (max(-top, 0), max(-left, 0))
        after = (max(bottom - height, 0), max(right - width, 0))
        if any((*before, *after)):
            whole = np.zeros((max(bottom - top, 1), max(right - left, 1), 3), dtype=np.uint8)
            rows, columns = patch.shape[:2]
            whole[before[0] : before[0] + rows, before[1] : before[1] + columns] = patch
            patch = whole
        small = cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)
        fed[i] = np.asarray(small, dtype=np.float32).transpose(1, 0, 2)
    return _normalised(fed)
