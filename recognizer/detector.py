"""Detectors: pictures in, faces with five landmarks out.

`YuNetDetector` is OpenCV's; `recognizer.mtcnn.MtcnnDetector` runs the cascade in ONNX Runtime where
YuNet's weights cannot be had; `recognizer.scrfd.ScrfdDetector` is that of InsightFace's packs. All
give the same landmark order (see `recognizer.faces.Face`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import cv2
import numpy as np

from recognizer.errors import ModelError
from recognizer.faces import Face, Image, can_hold_a_face

_NMS_IOU = 0.3  # OpenCV Zoo's own setting for YuNet
_MOST_FACES = 5000  # candidates before suppression, OpenCV Zoo's own setting


class Detector(Protocol):
    """Finds faces.

    `cell_px` is the coarsest cell of the grid that its network lays over a picture; None where
    searching a part of a picture is no cheaper in proportion, or not the same.
    """

    cell_px: int | None

    def detect(self, image: Image) -> list[Face]:
        """All faces of a (h, w, 3) uint8 BGR picture, in no order."""
        ...


class YuNetDetector:
    """YuNet through `cv2.FaceDetectorYN`; not to be shared between threads."""

    cell_px: int | None = 32  # the coarsest of its strides 8, 16, 32

    def __init__(self, weights: bytes, score: float) -> None:
        buffer = np.frombuffer(weights, dtype=np.uint8)
        nothing = np.empty(0, dtype=np.uint8)
        try:
            with _without_warnings():
                self._net = cv2.FaceDetectorYN.create(
                    "onnx", buffer, nothing, (320, 320), score, _NMS_IOU, _MOST_FACES
                )
        except cv2.error as error:
            raise ModelError(f"YuNet: OpenCV cannot load it ({error.err})") from error

    def detect(self, image: Image) -> list[Face]:
        """All faces, in no order; none in a picture too small for one."""
        if not can_hold_a_face(image):
            return []
        height, width = image.shape[:2]
        self._net.setInputSize((width, height))
        try:
            _, rows = self._net.detect(image)
        except cv2.error as error:
            raise ModelError(f"YuNet: OpenCV failed on {width}x{height} ({error.err})") from error
        if rows is None:
            return []
        return [
            Face(
                box=(float(row[0]), float(row[1]), float(row[2]), float(row[3])),
                landmarks=np.asarray(row[4:14], dtype=np.float32).reshape(5, 2),
                score=float(row[14]),
            )
            for row in rows
            if np.isfinite(row).all()
        ]


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Keep OpenCV 5 from warning that its new engine ignores the target that FaceDetectorYN sets.

    OpenCV has one log level for the process; it is put back at once.
    """
    before = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)
