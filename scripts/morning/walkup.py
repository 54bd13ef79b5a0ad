"""Render people walking up to the terminal from still photographs.

A walk-up is a virtual camera that moves in on one face of a photograph: the face grows and sways,
the first steps are blurred by motion, the exposure drifts, and every frame gets sensor noise and
goes through JPEG, as a cheap camera's frames do. What lies around the face in the photograph stays
around it; where the photograph ends, its own blurred colours go on.

The same seed renders the same frames. Nothing here reads a clock or a disk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
WIDTH, HEIGHT, FPS = 640, 480, 15


@dataclass(frozen=True, slots=True)
class Subject:
    """One face in one photograph: the BGR image and the face's box as x, y, width, height in px."""

    photo: Image
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Walk:
    """How somebody walks up: seconds, and the face's width in px at the start and at the end."""

    seconds: float = 3.0
    from_px: float = 60.0
    to_px: float = 150.0
    exposure: float = 1.0


def view(subject: Subject, face_px: float, at: tuple[float, float], size: tuple[int, int]) -> Image:
    """The photograph as a camera of `size` (width, height) sees it, the face `face_px` wide.

    `at` is where the face's centre falls, as fractions of the frame.
    """
    x, y, w, h = subject.box
    scale = face_px / w
    width, height = size
    shift_x = at[0] * width - (x + w / 2) * scale
    shift_y = at[1] * height - (y + h / 2) * scale
    matrix = np.array([[scale, 0, shift_x], [0, scale, shift_y]], dtype=np.float64)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    sharp = cv2.warpAffine(
        subject.photo, matrix, size, flags=interpolation, borderMode=cv2.BORDER_REPLICATE
    )
    ph, pw = subject.photo.shape[:2]
    fills_width = shift_x <= 0 and pw * scale + shift_x >= width
    if fills_width and shift_y <= 0 and ph * scale + shift_y >= height:
        return np.asarray(sharp, dtype=np.uint8)
    # Past the photograph's edge: its own colours, far out of focus, faded in over a few pixels.
    # (Blurred by 25 px at an eighth of the size: it looks the same, in a fortieth of the time.)
    small = cv2.resize(sharp, (width // 8, height // 8), interpolation=cv2.INTER_AREA)
    soft = cv2.resize(cv2.GaussianBlur(small, (0, 0), 25 / 8), size)
    inside = np.zeros((height, width), dtype=np.float32)
    left, top = max(shift_x, 0) + 6, max(shift_y, 0) + 6
    right, bottom = min(pw * scale + shift_x, width) - 6, min(ph * scale + shift_y, height) - 6
    cv2.rectangle(inside, (int(left), int(top)), (int(right), int(bottom)), 1.0, -1)
    alpha = cv2.GaussianBlur(inside, (0, 0), 6)[:, :, None]
    return np.asarray(sharp * alpha + soft * (1 - alpha), dtype=np.uint8)


def camera(image: Image, *, exposure: float, motion_px: float, rng: np.random.Generator) -> Image:
    """What a cheap camera makes of `image`: motion blur, exposure, sensor noise and JPEG."""
    if motion_px >= 2:
        length = int(motion_px)
        kernel = np.full((1, length), 1.0 / length, dtype=np.float32)
        image = np.asarray(cv2.filter2D(image, -1, kernel), dtype=np.uint8)
    light = image.astype(np.float32) * exposure
    # Shot noise grows with the root of the signal, read noise does not (EMVA 1288's camera model).
    sigma = np.sqrt(0.04 * np.clip(light, 0, 255) + 2.0)
    # Drawn for a quarter of the frame and repeated: drawing it is most of what a frame costs.
    height, width, channels = light.shape
    part = rng.standard_normal((-(-height // 2), -(-width // 2), channels), dtype=np.float32)
    noise = np.tile(part, (2, 2, 1))[:height, :width]
    noisy = np.clip(light + noise * sigma, 0, 255)
    _, jpeg = cv2.imencode(".jpg", noisy.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)


def walk_up(subject: Subject, walk: Walk, seed: int, *, centre: float = 0.5) -> Iterator[Image]:
    """Frames of one person coming closer and then standing still for the last half of the time.

    `centre` is where the face ends up, as a fraction of the frame's width.
    """
    frames = round(walk.seconds * FPS)
    walking = frames // 2
    phase = np.random.default_rng(seed).uniform(0, 2 * math.pi)
    places = []
    for i in range(frames):
        near = min(i / max(walking, 1), 1.0)
        ease = near * near * (3 - 2 * near)
        sway = (1 - 0.8 * ease) * 0.04 * math.sin(phase + i * 2 * math.pi * 1.8 / FPS)
        width_px = walk.from_px + (walk.to_px - walk.from_px) * ease
        places.append((width_px, centre + sway, 0.42 + sway / 3))
    places.insert(0, places[0])
    rng = np.random.default_rng(seed)
    for i, (before, now) in enumerate(pairwise(places)):
        moved = math.hypot((now[1] - before[1]) * WIDTH, now[0] - before[0])
        drift = 1 + 0.12 * math.sin(phase + i / FPS)
        yield camera(
            view(subject, now[0], (now[1], now[2]), (WIDTH, HEIGHT)),
            exposure=walk.exposure * drift,
            motion_px=moved * 0.5,  # a shutter open for half of the frame's time
            rng=rng,
        )


def side_by_side(left: Subject, right: Subject, walk: Walk, seed: int) -> Iterator[Image]:
    """Two people at once, the left one a little closer; the two pictures fade into each other."""
    further = Walk(walk.seconds, walk.from_px * 0.8, walk.to_px * 0.8, walk.exposure)
    ramp = np.clip((np.arange(WIDTH) - WIDTH / 2) / 80 + 0.5, 0, 1)[None, :, None]
    ones = walk_up(left, walk, seed, centre=0.27)
    others = walk_up(right, further, seed + 1, centre=0.75)
    for one, other in zip(ones, others, strict=True):
        yield np.asarray(one * (1 - ramp) + other * ramp, dtype=np.uint8)


def empty_room(seconds: float, seed: int) -> Iterator[Image]:
    """A wall, a door frame and nobody."""
    rng = np.random.default_rng(seed)
    wall = np.full((HEIGHT, WIDTH, 3), (150, 160, 165), dtype=np.uint8)
    wall = np.asarray(wall * np.linspace(0.7, 1.0, WIDTH)[None, :, None], dtype=np.uint8)
    cv2.rectangle(wall, (220, 40), (430, HEIGHT), (90, 105, 120), -1)
    cv2.rectangle(wall, (220, 40), (430, HEIGHT), (60, 70, 80), 6)
    for _ in range(round(seconds * FPS)):
        yield camera(wall, exposure=1.0, motion_px=0, rng=rng)
