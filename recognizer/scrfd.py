"""SCRFD: one network that gives faces and landmarks at three strides (Guo et al. 2021).

Rules
- The picture is shrunk, never grown, until its longer side is `_SIDE_PX`, and laid into the upper
  left of a black canvas whose sides are multiples of 32. A frame of 640x480 goes in as it is.
- Every cell of every stride has two anchors at the same point. The network gives, in strides,
  distances from that point to the box's four sides and offsets to the five landmarks.
- The same boxes and landmarks as insightface's own `SCRFD` on the same canvas;
  tests/recognizer/test_reference.py holds it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.faces import Face, Image, can_hold_a_face
from recognizer.session import Session, Signature
from recognizer.suppression import suppress

Array = NDArray[np.float32]

_STRIDES = (8, 16, 32)
_ANCHORS = 2  # at each cell
_SIDE_PX = 640  # insightface's own larger detection size
_NMS_IOU = 0.4  # insightface's own
_MEAN, _SCALE = np.float32(127.5), np.float32(128)  # of a pixel, insightface's own

# Outputs come by kind, then by stride: scores, distances to the sides, offsets of the landmarks.
SCRFD = Signature("input.1", (1, 3, None, None), (1, 1, 1, 4, 4, 4, 10, 10, 10))


class ScrfdDetector:
    """SCRFD with landmarks in ONNX Runtime. `score` is the least score of a face."""

    cell_px: int | None = _STRIDES[-1]

    def __init__(self, network: Session, score: float) -> None:
        self._network, self._score = network, score

    def detect(self, image: Image) -> list[Face]:
        """All faces, the best first; none in a picture too small for one."""
        if not can_hold_a_face(image):
            return []
        canvas, scale = _laid_out(image)
        rgb = canvas[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
        rows = self._decoded(self._network.run((rgb - _MEAN) / _SCALE), canvas.shape[1])
        scores = rows[:, 14]
        rows = rows[:, :14] / np.float32(scale)
        return [
            Face(
                box=(
                    float(rows[i, 0]),
                    float(rows[i, 1]),
                    float(rows[i, 2] - rows[i, 0]),
                    float(rows[i, 3] - rows[i, 1]),
                ),
                landmarks=rows[i, 4:14].reshape(5, 2),
                score=float(scores[i]),
            )
            for i in suppress(rows[:, :4], scores, _NMS_IOU)
        ]

    def _decoded(self, outputs: list[Array], width: int) -> Array:
        """(n, 15) of box corners, landmarks and score, in pixels of the canvas."""
        found: list[Array] = []
        for level, stride in enumerate(_STRIDES):
            scores, sides, points = (outputs[level + kind * len(_STRIDES)] for kind in range(3))
            kept = np.flatnonzero(scores[:, 0] >= self._score)
            cell = kept // _ANCHORS
            columns = width // stride
            anchor = np.stack([cell % columns, cell // columns], axis=1) * np.float32(stride)
            near, far = sides[kept, :2] * stride, sides[kept, 2:] * stride
            landmarks = points[kept] * stride + np.tile(anchor, 5)
            found.append(
                np.hstack([anchor - near, anchor + far, landmarks, scores[kept]], dtype=np.float32)
            )
        rows = np.vstack(found)
        return rows[np.isfinite(rows).all(axis=1)]


def canvas_size(width: int, height: int) -> tuple[int, int, int, int]:
    """Width and height of the shrunken picture, then of its canvas, in pixels.

    Cut down to whole pixels as insightface does.
    """
    longer = max(width, height)
    if longer <= _SIDE_PX:
        small = (width, height)
    elif width >= height:
        small = (_SIDE_PX, max(int(_SIDE_PX * (height / width)), 1))
    else:
        small = (max(int(_SIDE_PX / (height / width)), 1), _SIDE_PX)
    step = _STRIDES[-1]
    return *small, -(-small[0] // step) * step, -(-small[1] // step) * step


def _laid_out(image: Image) -> tuple[Image, float]:
    """The canvas and how large the picture is on it, 1 for its own size."""
    height, width = image.shape[:2]
    small_w, small_h, canvas_w, canvas_h = canvas_size(width, height)
    canvas = np.zeros((canvas_h, canvas_w, 3), dtype=np.uint8)
    shrunk = image if small_w == width else cv2.resize(image, (small_w, small_h))
    canvas[:small_h, :small_w] = shrunk
    return canvas, small_h / height
