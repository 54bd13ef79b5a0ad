"""What spoils a picture of a face at the door, each at five strengths: drawn, not photographed.

Rules
- Pure and seeded: the same picture, face, strength and generator give the same picture. Input and
  output are (h, w, 3) uint8 BGR of the same size, except `scale`, which makes it smaller.
- Lengths are parts of the distance between the eyes, so that a strength is as strong on a large
  face as on a small one; JPEG, noise and scale act on pixels, which the caller brings to a common
  size.
- The strengths are chosen by eye, not calibrated to a camera or a site; those of darkness, noise,
  scale moved after a first run on 10 photos, to lie on both sides of the quality gate. Mask and
  glasses are flat shapes drawn by the landmarks: they hide what real ones hide, without their folds
  and reflections.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.align import similarity
from recognizer.faces import Face, Image

_Linear = NDArray[np.float64]
_GAMMA = 2.2  # sRGB's curve, nearly (IEC 61966-2-1)
# Electrons at white and of read noise: assumed, of the order of a 1.1 to 1.4 um pixel at gain 1.
_WHITE_ELECTRONS, _READ_ELECTRONS = 4000.0, 3.0
# In the 112 px frame of align.TEMPLATE.
_CHIN_Y, _MASK_SIDES_X = 124.0, (22.0, 90.0)
_MASK_BGR, _GLASSES_BGR = (198, 178, 150), (22, 20, 20)


@dataclass(frozen=True, slots=True)
class Degradation:
    """A way to spoil a picture; `strengths` are five values in `unit`, the weakest first."""

    name: str
    unit: str
    strengths: tuple[float, float, float, float, float]
    apply: Callable[[Image, Face, float, np.random.Generator], Image]


def _blur(image: Image, face: Face, sigma: float, _: np.random.Generator) -> Image:
    return _image(cv2.GaussianBlur(image, (0, 0), sigma * _eyes_px(face)))


def _motion(image: Image, face: Face, length: float, random: np.random.Generator) -> Image:
    """A straight smear in a random direction."""
    reach = max(1, round(length * _eyes_px(face)))
    size = reach | 1
    kernel = np.zeros((size, size), dtype=np.float32)
    angle = random.uniform(0, np.pi)
    way = np.array([np.cos(angle), np.sin(angle)]) * (size // 2)
    middle = np.full(2, size // 2)
    start, end = (np.rint(middle + side * way).astype(int).tolist() for side in (-1, 1))
    cv2.line(kernel, start, end, 1.0, 1)
    return _image(cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE))


def _darkness(image: Image, _: Face, gain: float, random: np.random.Generator) -> Image:
    """Less light on the same exposure: photon noise and read noise come with it."""
    electrons = random.poisson(_linear(image) * gain * _WHITE_ELECTRONS)
    read = random.normal(scale=_READ_ELECTRONS, size=image.shape)
    return _coded((electrons + read) / _WHITE_ELECTRONS)


def _backlight(image: Image, face: Face, strength: float, _: np.random.Generator) -> Image:
    """A bright window behind: the head goes dark, what is behind it white, glare lies over all."""
    x, y, w, h = face.box
    mask = np.zeros(image.shape[:2], dtype=np.float32)
    centre = (round(x + w / 2), round(y + 0.45 * h))
    cv2.ellipse(mask, (centre, (1.2 * w, 1.4 * h), 0), 1.0, -1)
    shoulders = np.array([[x - w, y + 3 * h], [x, y + h], [x + w, y + h], [x + 2 * w, y + 3 * h]])
    cv2.fillConvexPoly(mask, np.rint(shoulders).astype(np.int32), 1.0)
    head = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.06 * w), dtype=np.float64)[..., None]
    light = _linear(image)
    behind = light + strength * (1.0 - light)
    return _coded((head * light * (1 - strength) + (1 - head) * behind) + 0.08 * strength)


def _jpeg(image: Image, _face: Face, quality: float, _: np.random.Generator) -> Image:
    coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    return _image(cv2.imdecode(coded, cv2.IMREAD_COLOR))


def _noise(image: Image, _: Face, sigma: float, random: np.random.Generator) -> Image:
    return _clipped(image + random.normal(scale=sigma, size=image.shape))


def _rotation(image: Image, face: Face, degrees: float, random: np.random.Generator) -> Image:
    """The head tilted to a random side, about the middle of the face."""
    turn = cv2.getRotationMatrix2D(face.centre, degrees * random.choice((-1, 1)), 1.0)
    size = (image.shape[1], image.shape[0])
    return _image(cv2.warpAffine(image, turn, size, borderMode=cv2.BORDER_REPLICATE))


def _scale(image: Image, face: Face, eyes_px: float, _: np.random.Generator) -> Image:
    """The face farther off; a picture whose eyes are nearer together already stays as it is."""
    factor = eyes_px / _eyes_px(face)
    if factor >= 1:
        return image
    return _image(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA))


def _mask(image: Image, face: Face, top_y: float, _: np.random.Generator) -> Image:
    """A face mask from `top_y` in the aligned frame down to the chin."""
    left, right = _MASK_SIDES_X
    inset = (right - left) * 0.22
    outline = [[left, top_y], [56.0, top_y - 3], [right, top_y], [right - 3, (top_y + _CHIN_Y) / 2]]
    outline += [[right - inset, _CHIN_Y], [left + inset, _CHIN_Y]]
    outline += [[left + 3, (top_y + _CHIN_Y) / 2]]
    drawn = image.copy()
    cv2.fillPoly(drawn, [_drawn_at(face, np.array(outline))], _MASK_BGR, cv2.LINE_AA)
    return drawn


def _glasses(image: Image, face: Face, size: float, _: np.random.Generator) -> Image:
    """Dark glasses: two lenses of `size` eye distances in radius, bridge and temples."""
    drawn = image.copy()
    px = _eyes_px(face)
    one, other = (np.asarray(face.landmarks[i], dtype=np.float64) for i in (0, 1))
    along = (other - one) / max(px, 1e-6)
    tilt = float(np.degrees(np.arctan2(along[1], along[0])))
    thick = max(1, round(0.05 * px))
    temple = along * 0.55 * px
    for start, end in ((one - temple, one), (one, other), (other, other + temple)):
        from_px, to_px = (np.rint(point).astype(int).tolist() for point in (start, end))
        cv2.line(drawn, from_px, to_px, _GLASSES_BGR, thick, cv2.LINE_AA)
    for eye in (one, other):
        box = ((float(eye[0]), float(eye[1])), (2.3 * size * px, 2 * size * px), tilt)
        cv2.ellipse(drawn, box, _GLASSES_BGR, -1, cv2.LINE_AA)
    return drawn


DEGRADATIONS: tuple[Degradation, ...] = (
    Degradation("blur", "sigma, eye distances", (0.02, 0.04, 0.06, 0.09, 0.13), _blur),
    Degradation("motion", "length, eye distances", (0.1, 0.2, 0.3, 0.45, 0.6), _motion),
    Degradation("darkness", "light left", (0.5, 0.35, 0.25, 0.15, 0.08), _darkness),
    Degradation("backlight", "part of the light", (0.3, 0.5, 0.7, 0.85, 0.95), _backlight),
    Degradation("jpeg", "quality", (50, 30, 20, 10, 5), _jpeg),
    Degradation("noise", "sigma, grey levels", (6, 12, 18, 24, 36), _noise),
    Degradation("rotation", "degrees", (10, 20, 30, 40, 60), _rotation),
    Degradation("scale", "eye distance, px", (44, 40, 36, 33, 26), _scale),
    Degradation("mask", "upper edge, aligned px", (106, 96, 86, 76, 66), _mask),
    Degradation("glasses", "lens radius, eye distances", (0.16, 0.22, 0.28, 0.34, 0.42), _glasses),
)


def _eyes_px(face: Face) -> float:
    return float(np.linalg.norm(face.landmarks[1] - face.landmarks[0]))


def _drawn_at(face: Face, points: NDArray[np.float64]) -> NDArray[np.int32]:
    """Points of the aligned frame in the picture's pixels."""
    forth = similarity(face.landmarks)
    back = np.asarray(cv2.invertAffineTransform(forth), dtype=np.float64)
    return np.rint(points @ back[:, :2].T + back[:, 2]).astype(np.int32)


def _linear(image: Image) -> _Linear:
    return np.asarray((image / 255.0) ** _GAMMA, dtype=np.float64)


def _coded(light: _Linear) -> Image:
    return _clipped(255.0 * np.clip(light, 0, 1) ** (1 / _GAMMA))


def _clipped(levels: NDArray[np.floating]) -> Image:
    return np.asarray(np.clip(np.rint(levels), 0, 255), dtype=np.uint8)


def _image(picture: object) -> Image:
    return np.asarray(picture, dtype=np.uint8)
