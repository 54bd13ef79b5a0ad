"""Is this face good enough to be judged? If not, what should the person do?

Measures are taken of the face in the picture (size, pose, what the frame cuts off) and of the
aligned crop, whose scale is the same for everybody (sharpness, light, what covers it). A measure
past its threshold gives the `Reason` that the person is told; the first in the order of `Reason`
wins, so that one thing is asked at a time.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.align import CROP_PX
from recognizer.faces import Face, Image
from recognizer.occlusion import brow_light, eyes_light, mouth_detail
from recognizer.pose import estimate_pose
from recognizer.quality_limits import Quality, QualitySettings, Reason

__all__ = ["Quality", "QualitySettings", "Reason", "assess"]


def assess(image: Image, face: Face, crop: Image, settings: QualitySettings) -> Quality:
    """The quality of a face and its aligned crop."""
    eyes = float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))
    pose = estimate_pose(face.landmarks)
    grey = _face_of(cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY))
    shadow, highlight = (float(level) for level in np.percentile(grey, (5, 95)))
    sharpness = _sharpness(grey)
    contrast = float(grey.std())
    clipped = _clipped(image, face)
    brow, eye, mouth = brow_light(crop), eyes_light(crop), mouth_detail(crop)
    s = settings
    # Each 1 at ease and 0.5 at its threshold.
    terms: list[tuple[Reason, float]] = [
        (Reason.TOO_FAR, _enough(face.box[2], s.min_face_px)),
        (Reason.TOO_FAR, _enough(eyes, s.min_eyes_px)),
        (Reason.CLIPPED, _little(clipped, s.max_clipped)),
        (Reason.TOO_DARK, _enough(highlight, s.min_highlight)),
        (Reason.TOO_BRIGHT, _little(shadow, s.max_shadow)),
        (Reason.FLAT_LIGHT, _enough(contrast, s.min_contrast)),
        (Reason.TURNED, _little(abs(pose.yaw), s.max_yaw)),
        (Reason.TURNED, _little(abs(pose.pitch), s.max_pitch)),
        (Reason.TILTED, _little(abs(pose.roll), s.max_roll)),
        (Reason.BLURRED, _enough(sharpness, s.min_sharpness)),
        (Reason.BROW_COVERED, _enough(brow, s.min_brow_light)),
        (Reason.EYES_COVERED, _enough(eye, s.min_eyes_light)),
        (Reason.MOUTH_COVERED, _enough(mouth, s.min_mouth_detail)),
    ]
    return Quality(
        face_px=face.box[2],
        eyes_px=eyes,
        clipped=clipped,
        yaw=pose.yaw,
        pitch=pose.pitch,
        roll=pose.roll,
        sharpness=sharpness,
        highlight=highlight,
        shadow=shadow,
        contrast=contrast,
        brow_light=brow,
        eyes_light=eye,
        mouth_detail=mouth,
        score=min(term for _, term in terms),
        reason=next((reason for reason, term in terms if term < 0.5), None),
    )


def _sharpness(grey: NDArray[np.uint8]) -> float:
    """How much of the neighbours' differences a further blur takes away, in the worse direction.

    0..1; a picture that is blurred already has little to lose (Crete et al., SPIE 6492, 2007, whose
    measure this is one minus). Smoothed first, so that sensor noise is not taken for detail.
    """
    smooth = cv2.GaussianBlur(grey, (3, 3), 0).astype(np.float32)
    shares = []
    for axis, size in ((0, (1, 9)), (1, (9, 1))):  # nine pixels: the paper's filter
        before = np.abs(np.diff(smooth, axis=axis))
        lost = np.maximum(0.0, before - np.abs(np.diff(cv2.blur(smooth, size), axis=axis)))
        whole = float(before.sum())
        shares.append(float(lost.sum()) / whole if whole > 0 else 0.0)
    return min(shares)


def _clipped(image: Image, face: Face) -> float:
    """The part of the face's box that the picture does not show; all of it if a landmark is not."""
    height, width = image.shape[:2]
    inside = (face.landmarks >= 0).all() and (face.landmarks < (width, height)).all()
    if not inside:
        return 1.0
    x, y, w, h = face.box
    shown_w = max(0.0, min(x + w, width) - max(x, 0.0))
    shown_h = max(0.0, min(y + h, height) - max(y, 0.0))
    return float(1.0 - shown_w * shown_h / (w * h))


def _face_of(grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    """The middle of the crop, where there is skin and no background."""
    edge = CROP_PX // 7
    return np.asarray(grey[edge : CROP_PX - edge, edge : CROP_PX - edge], dtype=np.uint8)


def _enough(value: float, least: float) -> float:
    """0 at nothing, 0.5 at the least that will do, 1 at twice that."""
    return max(0.0, min(value / (2 * least), 1.0))


def _little(value: float, most: float) -> float:
    """1 at nothing, 0.5 at the most that will do, 0 at twice that."""
    return max(0.0, min(1 - value / (2 * most), 1.0))
