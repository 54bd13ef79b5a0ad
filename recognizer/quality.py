"""Is this face good enough to be judged? If not, what should the person do?

Measures are taken of the face in the picture (size, pose, what the frame cuts off) and of the
aligned crop, whose scale is the same for everybody (sharpness, light, what covers it). A measure
past its threshold gives the `Reason` that the person is told; the first in the order of `Reason`
wins, so that one thing is asked at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.align import CROP_PX
from recognizer.faces import Face, Image
from recognizer.occlusion import brow_light, eyes_light, mouth_detail
from recognizer.pose import estimate_pose


class Reason(Enum):
    """Why a face cannot be judged. The value is a stable word, `hint` is for the person."""

    TOO_FAR = "too_far"
    CLIPPED = "clipped"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    FLAT_LIGHT = "flat_light"
    TURNED = "turned"
    TILTED = "tilted"
    BLURRED = "blurred"
    BROW_COVERED = "brow_covered"
    EYES_COVERED = "eyes_covered"
    MOUTH_COVERED = "mouth_covered"
    NOT_A_FACE = "not_a_face"
    UNREADABLE = "unreadable"

    @property
    def hint(self) -> str:
        """What the person can do about it."""
        return _HINTS[self]


_HINTS = {
    Reason.TOO_FAR: "come closer",
    Reason.CLIPPED: "move to the middle",
    Reason.TOO_DARK: "too dark: turn to the light",
    Reason.TOO_BRIGHT: "too bright: turn away from the light",
    Reason.FLAT_LIGHT: "the picture is too flat: clean the lens or change the light",
    Reason.TURNED: "look at the camera",
    Reason.TILTED: "hold your head straight",
    Reason.BLURRED: "hold still",
    Reason.BROW_COVERED: "take off the cap",
    Reason.EYES_COVERED: "take off dark glasses",
    Reason.MOUTH_COVERED: "uncover your mouth",
    Reason.NOT_A_FACE: "look at the camera",
    Reason.UNREADABLE: "try again",
}


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """Thresholds; each says where its default comes from."""

    min_face_px: float = 80
    """Width of the face's box: the terminal's own smallest face."""
    min_eyes_px: float = 30
    """Between the eyes: ArcFace's template has 35.2, and 35.2 px turned by 30 degrees are 30.5."""
    max_clipped: float = 0.15
    """Part of the face's box beyond the picture's edge; 0.09 was the most on 55 tight head shots
    that all matched."""
    max_yaw: float = 40
    """Degrees to a side; NIST FRVT part 3 sees errors rise steeply past 45."""
    max_pitch: float = 45
    """Degrees up or down; the estimate is coarse (10 and more on frontal faces): wide."""
    max_roll: float = 35
    """Degrees; alignment takes roll out, landmark errors grow with it."""
    min_sharpness: float = 0.24
    """What blurring takes from the crop, 0..1 (see `_sharpness`). The least of 105 good photos was
    0.40, of rendered walk-ups 0.29. Of johns blurred and smeared in steps, this refuses 13 of 21
    that no longer matched and 2 of 60 that did; the Laplacian's variance told the two apart less
    well (area under the curve 0.70 against 0.88)."""
    min_highlight: float = 70
    """Grey level 0..255 of the crop's brightest twentieth. The top is asked for and not the mean,
    so that dark skin in good light is not called dark. The least of 80 photos was 105."""
    max_shadow: float = 180
    """Grey level of the crop's darkest twentieth. The most of 80 photos was 117."""
    min_contrast: float = 12
    """Standard deviation of the crop's grey levels. The least of 80 photos was 28."""
    min_brow_light: float = 0.6
    """Light of the brow band in parts of the cheeks'. The least of 108 photo faces was 0.98; of 54
    with a rendered dark cap down to the brows, 52 are refused for it and none passes."""
    min_eyes_light: float = 0.4
    """Light about the eyes in parts of the cheeks'. The least of 108 photo faces was 0.53; 52
    of 54 with rendered dark glasses are below."""
    min_mouth_detail: float = 0.2
    """Level lines about the mouth in parts of those about the eyes. The least of 108 photo faces
    was 0.29; of 190 found with a rendered mask, white, blue, black or like skin, 168 are refused
    for it and 6 pass. Harsh light from above takes 1 of the 108 below it."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured, and the reason to refuse, if there is one. `score` is 0..1."""

    face_px: float
    eyes_px: float
    clipped: float
    yaw: float
    pitch: float
    roll: float
    sharpness: float
    highlight: float
    shadow: float
    contrast: float
    brow_light: float
    eyes_light: float
    mouth_detail: float
    score: float
    reason: Reason | None


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
