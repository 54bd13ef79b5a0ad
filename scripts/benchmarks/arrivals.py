"""Somebody who comes up to the door, as a function of time: the same walk at every frame rate.

A head and shoulders from a photograph laid over a drawn place, from afar or in from the side; then
they stand. Blur by a shutter of 1/30 s, noise and JPEG as in `morning.walkup`. The same seed gives
the same noise in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, Image, Subject, camera, view

STANDS_S = 4.0  # after the walk; longer than any answer of a terminal that keeps up
PLACES = ("wall", "hall", "window", "shelves")
_EXPOSURES = (0.75, 1.1)
_WALKS_S = (1.0, 2.0)
_SHUTTER_S = 1 / 30
_NEAR_PX, _AFAR_PX, _SIDE_PX = 150.0, 45.0, 120.0
_DOWN = 0.42  # where the face's centre is, of the frame's height


@dataclass(frozen=True, slots=True)
class Arrival:
    """Who comes, before which of `PLACES`, in which light, from where, in how many seconds."""

    person: str
    subject: Subject
    place: str
    exposure: float
    from_side: bool
    walk_s: float

    def face(self, at_s: float) -> tuple[float, float]:
        """The face's width in px, and where its centre is, as a fraction of the frame's width."""
        near = min(max(at_s / self.walk_s, 0.0), 1.0)
        ease = near * near * (3 - 2 * near)
        begin_px, begin_x = (_SIDE_PX, -0.25) if self.from_side else (_AFAR_PX, 0.5)
        sway = 0.01 * math.sin(2 * math.pi * 1.8 * at_s)  # steps, as in `morning.walkup`
        return begin_px + (_NEAR_PX - begin_px) * ease, begin_x + (0.5 - begin_x) * ease + sway

    def servable(self, at_s: float, min_face_px: float) -> bool:
        """Whether the face's whole box is in the picture and at least so wide."""
        width, x = self.face(at_s)
        tall = width * self.subject.box[3] / self.subject.box[2]
        across = x * WIDTH - width / 2 >= 0 and x * WIDTH + width / 2 <= WIDTH
        down = _DOWN * HEIGHT - tall / 2 >= 0 and _DOWN * HEIGHT + tall / 2 <= HEIGHT
        return width >= min_face_px and across and down

    def picture(self, at_s: float, rng: np.random.Generator) -> Image:
        """What the camera sees so many seconds after they came; before 0 nobody is there."""
        if at_s < 0:
            return camera(_drawn(self.place), exposure=self.exposure, motion_px=0, rng=rng)
        width, x = self.face(at_s)
        before, x_before = self.face(at_s - _SHUTTER_S)
        moved = math.hypot((x - x_before) * WIDTH, width - before)
        person = view(self.subject, width, (x, _DOWN), (WIDTH, HEIGHT))
        alpha = self._outline(width, x)
        image = np.asarray(person * alpha + _drawn(self.place) * (1 - alpha), dtype=np.uint8)
        return camera(image, exposure=self.exposure, motion_px=moved, rng=rng)

    def _outline(self, width: float, x: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        tall = width * self.subject.box[3] / self.subject.box[2]
        inside = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
        middle = (int(x * WIDTH), int(_DOWN * HEIGHT))
        cv2.ellipse(inside, middle, (int(width * 0.8), int(tall * 0.85)), 0, 0, 360, 1.0, -1)
        chest = (middle[0], int(middle[1] + 1.7 * tall))
        cv2.ellipse(inside, chest, (int(width * 1.3), int(tall * 1.1)), 0, 0, 360, 1.0, -1)
        soft = cv2.GaussianBlur(inside, (0, 0), max(1.0, width * 0.04))
        return np.asarray(soft[:, :, None], dtype=np.float32)


def arrivals(people: Sequence[Person], count: int, seed: int) -> list[Arrival]:
    """So many combinations of the enrolled people, in random order; all when there are fewer.

    Nobody else can get green.
    """
    known = [(p.number, p.walks[0]) for p in people if p.number is not None]
    every = [
        Arrival(number, subject, place, exposure, side, walk_s)
        for (number, subject), place, exposure, side, walk_s in product(
            known, PLACES, _EXPOSURES, (False, True), _WALKS_S
        )
    ]
    order = np.random.default_rng(seed).permutation(len(every))
    return [every[i] for i in order[:count]]


def _drawn(place: str) -> Image:
    """A place without anybody, BGR."""
    fall = np.linspace(0.75, 1.0, WIDTH, dtype=np.float32)[None, :, None]
    colour = {"hall": (60, 70, 75), "window": (110, 120, 125)}.get(place, (150, 160, 165))
    image = np.full((HEIGHT, WIDTH, 3), colour, dtype=np.float32) * fall
    if place == "window":
        cv2.rectangle(image, (380, 30), (600, 300), (250, 245, 240), -1)
    elif place == "hall":
        cv2.rectangle(image, (220, 40), (430, HEIGHT), (40, 48, 55), -1)
    elif place == "shelves":
        for y in range(60, HEIGHT, 90):
            cv2.rectangle(image, (0, y), (WIDTH, y + 12), (60, 80, 110), -1)
            for x in range(20, WIDTH, 70):
                cv2.rectangle(image, (x, y - 45), (x + 40, y), (80 + x % 90, 90, 70), -1)
    return image.astype(np.uint8)
