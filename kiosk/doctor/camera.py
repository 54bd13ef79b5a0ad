"""The camera: does it open, how fast is it, is it sharp and well lit, is a face near enough?

- Focus and exposure are the recogniser's own measures, on the aligned face of who stands 60 cm
  away, with the thresholds of `[quality]`. Without a face the frame's light is judged alone.
- A camera that the daemon holds is not opened; the daemon's own faults speak for it.
- No frame leaves this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.cameras import Camera
from kiosk.doctor.finding import Finding, failure, not_checked, ok, warning
from kiosk.doctor.ledger import Said
from kiosk.errors import CameraError
from recognizer.errors import RecognizerError
from recognizer.pipeline import PhotoFace
from recognizer.quality import QualitySettings

NAMES = ("camera", "frame rate", "focus", "exposure", "face at 60 cm")
DISTANCE_CM = 60
_FRAMES = 20  # at the default of 15 a second somewhat more than a second
# An adapter that runs below what it was asked for negotiated another mode; the tenth is jitter of
# twenty frames. At less than half of it the tracker sees every other step of who walks up.
_SLOW, _HALF = 0.9, 0.5
_CAMERA_FAULTS = frozenset({"camera_lost", "camera_unavailable", "bad_frames"})
Faces = Callable[[NDArray[np.uint8]], list[PhotoFace]]


@dataclass(frozen=True, slots=True)
class Taken:
    """Frames per second, and the last frame, (h, w, 3) uint8 BGR."""

    fps: float
    image: NDArray[np.uint8]


def take(camera: Camera) -> Taken:
    """Some frames of a camera; it is closed. Raises `CameraError`."""
    try:
        times: list[float] = []
        for frame in camera.frames():
            times.append(frame.at_s)
            if len(times) == _FRAMES:
                break
    finally:
        camera.close()
    if len(times) < 2:
        raise CameraError("the camera gave no two frames; check its cable and its power")
    return Taken((len(times) - 1) / max(times[-1] - times[0], 1e-9), frame.image)


def held(said: Said | None) -> list[Finding]:
    """The lines of a camera that the running daemon has open."""
    in_use = "in use by the daemon"
    others = [not_checked(name, in_use, "`systemctl stop kiosk` first") for name in NAMES[1:]]
    if said is None:
        return [not_checked("camera", f"{in_use}, and the ledger cannot be read"), *others]
    wrong = ", ".join(sorted(said.faults & _CAMERA_FAULTS))
    if wrong:
        says = f"{in_use}, which recorded {wrong}"
        return [failure("camera", says, "check cable and power; `journalctl -u kiosk`"), *others]
    return [ok("camera", f"{in_use}, which records no fault of it"), *others]


def opened(
    open_: Callable[[], Camera], fps: float, quality: QualitySettings, faces: Faces | None
) -> list[Finding]:
    """The lines of a camera that can be opened; `faces` None: no networks to find one with."""
    try:
        taken = take(open_())
    except CameraError as error:
        why = "the camera gives no pictures"
        return [
            failure("camera", " ".join(str(error).split()), "see the line; then run this again"),
            *(not_checked(name, why) for name in NAMES[1:]),
        ]
    height, width = taken.image.shape[:2]
    found: list[PhotoFace] = []
    try:
        found = [] if faces is None else faces(taken.image)
    except RecognizerError:  # the line on the networks' answer says which and why
        faces = None
    return [
        ok("camera", f"opens and gives {width} x {height}"),
        rate(taken.fps, fps),
        *(judged(found[0], quality) if found else unjudged(taken.image, quality, faces)),
    ]


def rate(fps: float, wanted: float) -> Finding:
    """Frames per second against what the settings ask for."""
    says = f"{fps:.1f} a second, {wanted:g} are asked for"
    mend = "a mode that the camera has (`v4l2-ctl --list-formats-ext`), more light, a shorter cable"
    if fps < _HALF * wanted:
        return failure("frame rate", says, mend)
    if fps < _SLOW * wanted:
        return warning("frame rate", says, mend)
    return ok("frame rate", says)


def judged(face: PhotoFace, least: QualitySettings) -> list[Finding]:
    """Focus, exposure and size, by the face of who stands there."""
    q = face.quality
    focus = f"sharpness {q.sharpness:.2f}, {least.min_sharpness:g} is the least"
    size = f"{q.face_px:.0f} px wide, {least.min_face_px:g} are the least"
    sharp, big = q.sharpness >= least.min_sharpness, q.face_px >= least.min_face_px
    return [
        ok("focus", focus)
        if sharp
        else failure("focus", focus, "clean the lens; turn it to focus at 60 cm; more light"),
        light(q.shadow, q.highlight, q.contrast, least, "the face"),
        ok("face at 60 cm", size)
        if big
        else failure("face at 60 cm", size, "a larger [camera] width, or a lens that sees less"),
    ]


def unjudged(
    image: NDArray[np.uint8], least: QualitySettings, faces: Faces | None
) -> list[Finding]:
    """What can be said without a face."""
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    shadow, highlight = (float(level) for level in np.percentile(grey, (5, 95)))
    why = "nobody stood there" if faces else "no networks to find a face with"
    mend = f"again, with somebody {DISTANCE_CM} cm away who looks at the camera"
    return [
        not_checked("focus", why, mend),
        light(shadow, highlight, float(grey.std()), least, "the picture"),
        not_checked("face at 60 cm", why, mend),
    ]


def light(
    shadow: float, highlight: float, contrast: float, least: QualitySettings, what: str
) -> Finding:
    """Grey levels 0..255 of the darkest and brightest twentieth, and their spread."""
    says = f"{what}: dark {shadow:.0f}, bright {highlight:.0f}, contrast {contrast:.0f}"
    if highlight < least.min_highlight:
        return failure("exposure", f"{says}: too dark", "a lamp from the front; open the lens")
    if shadow > least.max_shadow:
        return failure("exposure", f"{says}: too bright", "no window behind or lamp in the picture")
    if contrast < least.min_contrast:
        return failure("exposure", f"{says}: flat", "clean the lens; is it covered?")
    return ok("exposure", says)
