"""The live preview: the newest frame as a JPEG in memory, and never anywhere else.

The picture is sent as the camera sees it; the page mirrors it. A ring about the face that was found
is the only thing drawn: it says "I see you" without a word.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from recognizer.faces import Image

# The page shows it 268 pixels wide: about one to one, and no picture worth stealing.
_WIDTH_PX, _HEIGHT_PX = 320, 400
_QUALITY = 70
_WHITE, _DARK = (255, 255, 255), (40, 40, 40)

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frame, BGR, its number since the start, and the boxes of the faces in it."""

    serial: int
    image: Image
    faces: tuple[Box, ...] = ()


def jpeg(snapshot: Snapshot) -> bytes:
    """The upright middle of the frame, 320 x 400, with a ring about the largest face."""
    height, width = snapshot.image.shape[:2]
    scale = max(_WIDTH_PX / width, _HEIGHT_PX / height)
    w, h = min(round(_WIDTH_PX / scale), width), min(round(_HEIGHT_PX / scale), height)
    left, top = (width - w) // 2, (height - h) // 2
    middle = snapshot.image[top : top + h, left : left + w]
    small = cv2.resize(middle, (_WIDTH_PX, _HEIGHT_PX), interpolation=cv2.INTER_AREA)
    if snapshot.faces:
        x, y, face_w, face_h = max(snapshot.faces, key=lambda box: box[2] * box[3])
        centre = (round((x + face_w / 2 - left) * scale), round((y + face_h / 2 - top) * scale))
        axes = (round(face_w * 0.62 * scale), round(face_h * 0.66 * scale))
        for colour, thickness in ((_DARK, 5), (_WHITE, 2)):  # seen on light and on dark ground
            cv2.ellipse(small, centre, axes, 0, 0, 360, colour, thickness, cv2.LINE_AA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return np.asarray(encoded).tobytes()
