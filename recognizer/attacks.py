"""Presentation attacks rendered from a photo of a face: a print, a cut print, a screen.

Every picture here is SYNTHETIC and must be reported as that. A sheet or a device with the photo on
it stands before a room, held by a hand: it sways and tilts as one plane before a pinhole camera,
and what that camera sees is blurred, lit unevenly, noisy and JPEG. The same seed renders the same
frames.

What is modelled, and from what
- print: the printer's gamut and contrast (paper white 0.88, black 0.10 of full: office paper under
  ISO 12647 has a density range of about 1), paper grain, a white margin, a shaded edge.
- cut print: the same, cut along an oval around the head, so that no edge of the sheet shows.
- screen: a dark bezel, the display's raised black and blue cast (6500 K under 4000 K room light), a
  pixel grid sampled by the camera's own (which is what moire is), and a lamp's reflection.
What is not: fingers, masks, curved paper, print rasters, flicker.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.faces import Image

WIDTH, HEIGHT, FPS = 640, 480, 15
_FACE_PX = 380  # width of the face on the flat sheet or display, before it is held up
_MARGIN_PX, _BEZEL_PX = 36, 46
_Canvas = NDArray[np.float32]


class Species(Enum):
    """Kinds of presentation attack instrument that can be rendered; the value names a report."""

    PRINT = "print"
    CUT_PRINT = "cut_print"
    SCREEN = "screen"


@dataclass(frozen=True, slots=True)
class Portrait:
    """A (h, w, 3) uint8 BGR photo and the box (x, y, width, height) of the face in it."""

    photo: Image
    box: tuple[float, float, float, float]


def render_attack(
    portrait: Portrait, species: Species, seed: int, frames: int = 12
) -> Iterator[Image]:
    """Frames (480, 640, 3) of somebody holding the photo up, the face about 150 px wide."""
    rng = np.random.default_rng(seed)
    flat, (middle_x, middle_y) = _enlarged(portrait)
    if species is Species.SCREEN:
        flat, edge = _displayed(flat, rng), _BEZEL_PX
    else:
        flat, edge = _printed(flat, rng), _MARGIN_PX
    middle = (middle_x + edge, middle_y + edge)
    mask = np.ones(flat.shape[:2], dtype=np.float32)
    if species is Species.CUT_PRINT:
        mask = _oval(flat.shape[:2], middle)
    room = _room(rng)
    glare = rng.uniform(0.2, 0.8, 2) * (flat.shape[1], flat.shape[0])
    grown = rng.uniform(135, 165) / _FACE_PX
    sway, tilt = rng.uniform(0, 2 * math.pi, 2), rng.uniform(4, 15, 2)
    for i in range(frames):
        angles = np.radians(tilt * np.sin(sway + i * 2 * math.pi * np.array([0.5, 0.7]) / FPS))
        at = (
            WIDTH / 2 + 12 * math.sin(sway[0] + i / 4),
            HEIGHT * 0.45 + 8 * math.sin(sway[1] + i / 5),
        )
        roll = math.radians(3) * math.sin(sway[0] + i / 6)
        matrix = _held(flat.shape[:2], middle, grown, angles, roll, at)
        sheet = flat
        if species is Species.SCREEN:
            sheet = _lit_by_a_lamp(flat, glare + angles * (flat.shape[1], flat.shape[0]))
        yield _photographed(_composed(room, sheet, mask, matrix), rng)


def render_bona_fide(portrait: Portrait, seed: int, frames: int = 12) -> Iterator[Image]:
    """Frames (480, 640, 3) of the photo as if its person stood there, the face about 150 px wide.

    No attack instrument is in it, but it is SYNTHETIC all the same: a photo's pixels, moved as a
    plane, and past the photo's edge its own colours far out of focus.
    """
    rng = np.random.default_rng(seed)
    x, y, w, h = portrait.box
    sway = rng.uniform(0, 2 * math.pi, 2)
    near = rng.uniform(135, 165) / w
    whole = np.ones(portrait.photo.shape[:2], dtype=np.float32)
    whole[:3], whole[-3:], whole[:, :3], whole[:, -3:] = 0, 0, 0, 0
    for i in range(frames):
        scale = near * (1 + 0.05 * i / frames)
        at_x = WIDTH / 2 + 10 * math.sin(sway[0] + i / 4)
        at_y = HEIGHT * 0.45 + 5 * math.sin(sway[1] + i / 5)
        shift = (at_x - (x + w / 2) * scale, at_y - (y + h / 2) * scale)
        matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
        way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        size = (WIDTH, HEIGHT)
        seen = cv2.warpAffine(
            portrait.photo, matrix, size, flags=way, borderMode=cv2.BORDER_REPLICATE
        )
        part = cv2.GaussianBlur(cv2.warpAffine(whole, matrix, size), (0, 0), 6)[:, :, None]
        soft = cv2.GaussianBlur(seen, (0, 0), 25).astype(np.float32)
        scene = (seen.astype(np.float32) * part + soft * (1 - part)) / 255
        yield _photographed(np.asarray(scene, dtype=np.float32), rng)


def _enlarged(portrait: Portrait) -> tuple[_Canvas, tuple[int, int]]:
    """Head and shoulders as far as the photo has them, float32 0..1, the face `_FACE_PX` wide.

    Also where the face's middle is, in pixels.
    """
    x, y, w, h = portrait.box
    height, width = portrait.photo.shape[:2]
    left, right = max(0, int(x - 0.7 * w)), min(width, int(x + 1.7 * w))
    top, bottom = max(0, int(y - 0.6 * h)), min(height, int(y + 1.9 * h))
    scale = _FACE_PX / w
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    cut = cv2.resize(
        portrait.photo[top:bottom, left:right], None, fx=scale, fy=scale, interpolation=way
    )
    middle = (int((x + w / 2 - left) * scale), int((y + h / 2 - top) * scale))
    return np.asarray(cut / np.float32(255), dtype=np.float32), middle


def _printed(flat: _Canvas, rng: np.random.Generator) -> _Canvas:
    grey = np.asarray(flat.mean(axis=2, keepdims=True), dtype=np.float32)
    inks = grey + (flat - grey) * 0.72  # gamut: saturated colours do not print
    inks = 0.10 + 0.78 * inks**1.08
    size = (flat.shape[0] + 2 * _MARGIN_PX, flat.shape[1] + 2 * _MARGIN_PX)
    paper = np.full((*size, 3), (0.86, 0.88, 0.88), dtype=np.float32)
    paper[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX] = cv2.GaussianBlur(inks, (0, 0), 1.6)
    fine, coarse = (
        cv2.GaussianBlur(rng.standard_normal(size, dtype=np.float32), (0, 0), px) for px in (1.5, 6)
    )
    grain = fine + 2 * coarse
    light = np.linspace(rng.uniform(0.8, 0.95), rng.uniform(0.95, 1.1), size[1])
    shaded = paper * light[None, :, None] * (1 + 0.03 * grain)[:, :, None]
    return np.asarray(shaded, dtype=np.float32)


def _displayed(flat: _Canvas, rng: np.random.Generator) -> _Canvas:
    lit = 0.06 + 0.98 * flat**0.92  # the black of an LCD under room light; brighter than the room
    lit = lit * np.array([1.08, 1.0, 0.93], dtype=np.float32)
    # Stripes of sub-pixels and the dark rows between pixels, three sheet pixels a pixel.
    grid = np.ones_like(lit)
    for channel in range(3):
        for phase in range(3):
            grid[:, phase::3, channel] = 1.25 if phase == 2 - channel else 0.87
    grid[::3] *= 0.8
    lit = lit * grid
    framed = cv2.copyMakeBorder(
        np.asarray(lit), *(_BEZEL_PX,) * 4, cv2.BORDER_CONSTANT, value=(0.05, 0.05, 0.05)
    )
    framed += np.asarray(rng.normal(0, 0.004, framed.shape), dtype=np.float32)
    return np.asarray(framed, dtype=np.float32)


def _lit_by_a_lamp(flat: _Canvas, at: NDArray[np.float64]) -> _Canvas:
    """The reflection of a round lamp, and the veil of the room over the whole glass."""
    y, x = np.mgrid[: flat.shape[0], : flat.shape[1]].astype(np.float32)
    spot = np.exp(-((((x - at[0]) / 90) ** 2 + ((y - at[1]) / 60) ** 2) ** 1.5))
    return np.asarray(flat + (0.55 * spot + 0.03)[:, :, None], dtype=np.float32)


def _oval(shape: tuple[int, ...], middle: tuple[int, int]) -> _Canvas:
    """The face's outline: a face is about 0.7 as wide as high, hair and ears included."""
    mask = np.zeros(shape[:2], dtype=np.float32)
    cv2.ellipse(mask, middle, (int(_FACE_PX * 0.62), int(_FACE_PX * 0.86)), 0, 0, 360, 1.0, -1)
    # The white margin is cut off too, where the photo ends before the outline does.
    inside = np.zeros_like(mask)
    inside[_MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX] = 1
    return mask * inside


def _room(rng: np.random.Generator) -> _Canvas:
    """A plain wall with a door frame and a darker floor, out of focus, lit from one side."""
    wall = np.full((HEIGHT, WIDTH, 3), rng.uniform(0.45, 0.7), dtype=np.float32)
    wall *= np.array([0.96, 1.0, 1.03], dtype=np.float32) * rng.uniform(0.97, 1.03, 3)
    left = int(rng.uniform(20, 420))
    cv2.rectangle(wall, (left, 40), (left + 180, HEIGHT), (0.30, 0.36, 0.42), -1)
    cv2.rectangle(wall, (left, 40), (left + 180, HEIGHT), (0.55, 0.58, 0.6), 9)
    cv2.rectangle(wall, (0, HEIGHT - 50), (WIDTH, HEIGHT), (0.22, 0.24, 0.27), -1)
    wall *= np.linspace(rng.uniform(0.6, 0.8), 1.0, WIDTH)[None, :, None]
    return np.asarray(cv2.GaussianBlur(wall, (0, 0), 5), dtype=np.float32)


def _held(
    shape: tuple[int, ...],
    middle: tuple[int, int],
    grown: float,
    angles: NDArray[np.float64],
    roll: float,
    at: tuple[float, float],
) -> NDArray[np.float64]:
    """The (3, 3) homography of the flat sheet, turned by yaw and pitch, the face at `at`."""
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)
    flat = (corners - middle) * grown
    (sin_y, sin_p), (cos_y, cos_p) = np.sin(angles), np.cos(angles)
    x, y = flat[:, 0] * cos_y, flat[:, 1] * cos_p
    nearer = flat[:, 0] * sin_y + flat[:, 1] * sin_p
    focal = 900.0  # the sheet is at arm's length before a 60 degree camera, in frame pixels
    seen = np.stack([x, y], axis=1) * (focal / (focal - nearer))[:, None]
    turn = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    placed = (seen @ turn.T + at).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners.astype(np.float32), placed))


def _composed(room: _Canvas, sheet: _Canvas, mask: _Canvas, matrix: NDArray[np.float64]) -> _Canvas:
    """The sheet before the room with its shadow; sampled at twice the frame's pixels."""
    twice = np.diag([2.0, 2.0, 1.0]) @ matrix
    size = (2 * WIDTH, 2 * HEIGHT)
    held, alpha = (
        cv2.resize(
            cv2.warpPerspective(each, twice, size), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA
        )
        for each in (sheet, mask)
    )
    away = np.array([[1, 0, 7], [0, 1, 10]], dtype=np.float64)
    fallen = cv2.warpAffine(cv2.GaussianBlur(alpha, (0, 0), 9), away, (WIDTH, HEIGHT))
    behind = room * (1 - 0.35 * fallen)[:, :, None]
    # `held` is already darkened towards its edge by the empty canvas around it.
    part = alpha[:, :, None]
    return np.asarray(held * np.sqrt(part) + behind * (1 - part), dtype=np.float32)


def _photographed(scene: _Canvas, rng: np.random.Generator) -> Image:
    """Defocus, shot and read noise (EMVA 1288's model), 8 bits, JPEG."""
    light = cv2.GaussianBlur(scene, (0, 0), 0.7) * 255
    sigma = np.sqrt(0.04 * np.clip(light, 0, 255) + 2.0)
    noisy = light + rng.standard_normal(light.shape, dtype=np.float32) * sigma
    _, jpeg = cv2.imencode(
        ".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8)
