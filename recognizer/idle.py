"""Is there anything new to look at? An empty door need not be searched for faces at every frame.

Rules
- A frame is passed over only where it looks like one in which nobody was found a moment ago. Who
  stands still was found, so nothing is passed over before they have left.
- It wakes in the very frame in which something changed, and stays awake for `settle_s` after that.
- Every `every_s` it lets a frame through all the same: no change is too slow or too pale for long.
- What falls on a whole row of the picture alike is no change: lamps that flicker, the exposure that
  follows the daylight, the bands of a rolling shutter. A camera too noisy for this never sleeps.
- Pure: pictures and the camera's seconds in, a bool out.

    if gate.wakes(image, at_s):
        gate.saw(bool(detector.detect(image)))
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.faces import check_image

_WIDTH = 80  # cells across: 8 px of a 640 px frame, a fifth of the narrowest face that is served
_DARK = 8.0  # grey levels added to all, so that the noise of black is no change


@dataclass(frozen=True, slots=True)
class IdleLimits:
    """When nothing is new."""

    change: float = 0.1
    """Part of a cell's brightness. Rendered noise, JPEG and 10 % flicker reach 0.02 in daylight and
    0.08 at a seventh of it; the palest of 112 rendered arrivals had 0.32 when it was found."""
    settle_s: float = 3.0
    """Awake after a change: longer than a track is remembered, or, by default, a served face."""
    every_s: float = 1.0
    """One frame in ten at 10 a second: what a look costs is then a tenth."""


class IdleGate:
    """For one stream of frames."""

    def __init__(self, limits: IdleLimits | None = None) -> None:
        self._limits = limits or IdleLimits()
        self._empty: NDArray[np.float32] | None = None
        self._newest: NDArray[np.float32] | None = None
        self._looked_s = self._changed_s = -math.inf

    def wakes(self, image: NDArray[np.uint8], at_s: float) -> bool:
        """Whether this (h, w, 3) uint8 BGR frame is to be looked at; `saw` is told what it showed.

        Raises `ImageError` for anything that is no such picture.
        """
        cells = _cells(check_image(image))
        changed = self._empty is None or _change(cells, self._empty) >= self._limits.change
        if changed:
            self._changed_s = at_s
        elif (
            at_s - self._changed_s >= self._limits.settle_s
            and at_s - self._looked_s < self._limits.every_s
        ):
            return False
        self._newest, self._looked_s = cells, at_s
        return True

    def saw(self, anybody: bool) -> None:
        """What the last frame that was looked at showed."""
        self._empty = None if anybody else self._newest


def _cells(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(rows, 80) logarithms of brightness, each of a square cell of the picture."""
    height, width = image.shape[:2]
    rows = max(1, round(height * _WIDTH / width))
    small = cv2.resize(image, (_WIDTH, rows), interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    return np.asarray(np.log(grey.astype(np.float32) + np.float32(_DARK)))


def _change(now: NDArray[np.float32], before: NDArray[np.float32]) -> float:
    """The largest change of a cell that its row does not share, as a part of its brightness."""
    if now.shape != before.shape:
        return math.inf
    apart = now - before
    return float(np.abs(apart - np.median(apart, axis=1, keepdims=True)).max())
