"""What quality is measured in, from where on it is enough, and what a person is told otherwise.

Apart from the measuring (`recognizer.quality`), so that settings and stores need no OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
