"""Where a frame is searched for faces: around the one who is there, and all of it now and then.

Rules
- A face's landmarks always come from the picture at full scale: the small picture only says that
  there is somebody, and where.
- While one face is there, only a region around its last box is searched. All of the frame is
  searched every `everywhere_s` (for newcomers), while two faces or more are there, and in the same
  frame when the region shows nobody, more than one, or a face that it cuts off.
- While nobody is there, the small picture is searched, and all of the frame every `nobody_s`: a
  face that only full scale shows is seen no later than that.
- A region begins on a multiple of the detector's cell, so that its network sees the same cells as
  in the whole frame. A detector without cells (`Detector.cell_px`) is always given all of it.
- `where` is pure; `Search` keeps what the last frame showed. Seconds are the camera's.

    faces = search.faces(picture, at_s)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np

from recognizer.detector import Detector
from recognizer.faces import Box, Face, Image

_ROOM = 1.4  # region over face: for a step between two frames, and for what a network sees of it
_EDGE_PX = 8  # nearer to the region's edge than the finest cell of the networks is cut off


class Whole(Enum):
    """All of the picture, at one of two scales."""

    FULL = "as it is"
    SMALL = "at half its size, to see whether there is somebody"


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the picture, in its pixels."""

    left: int
    top: int
    width: int
    height: int

    def cuts(self, box: Box, size: tuple[int, int]) -> bool:
        """Whether a box (x, y, w, h) reaches an edge that is not the edge of the picture."""
        x, y, w, h = box
        right, bottom = self.left + self.width, self.top + self.height
        return (
            (x < self.left + _EDGE_PX and self.left > 0)
            or (y < self.top + _EDGE_PX and self.top > 0)
            or (x + w > right - _EDGE_PX and right < size[0])
            or (y + h > bottom - _EDGE_PX and bottom < size[1])
        )


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """How much is searched, and how often all of it."""

    side_px: int = 384
    """Of the region. On 46 people at 80 to 180 px embeddings were as near to their templates as
    from the whole frame; at 320 px faces of 145 px lost 0.008 of 0.944. Landmarks differed by
    0.011 of the face's width, less than when the frame is shifted by a few pixels (0.04)."""
    everywhere_s: float = 0.3
    """A newcomer is seen so much later at the most; a track lives 0.8 s without being seen."""
    nobody_s: float = 0.1
    """At half the size YuNet finds 47 of 48 faces of 80 px, but 37 of 60 px and 17 of 40 px."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the frame before showed; `full_s` is when all of a frame was last searched."""

    boxes: tuple[Box, ...] = ()
    full_s: float = -math.inf


def where(
    seen: Seen, at_s: float, size: tuple[int, int], cell_px: int, limits: SearchLimits
) -> Whole | Region:
    """What to search first in a picture of `size` (width, height)."""
    passed = at_s - seen.full_s
    if not seen.boxes:
        return Whole.SMALL if passed < limits.nobody_s else Whole.FULL
    if passed >= limits.everywhere_s:
        return Whole.FULL
    return around(seen.boxes, size, cell_px, limits)


def around(
    boxes: Sequence[Box], size: tuple[int, int], cell_px: int, limits: SearchLimits
) -> Whole | Region:
    """The region about the one box; all of the picture for several, or one too large for it."""
    if len(boxes) != 1:
        return Whole.FULL
    x, y, w, h = boxes[0]
    width, height = (min(limits.side_px, side) for side in size)
    if max(w / width, h / height) * _ROOM > 1:
        return Whole.FULL
    left = _begin(x + w / 2, width, size[0], cell_px)
    top = _begin(y + h / 2, height, size[1], cell_px)
    region = Region(left, top, width, height)
    return Whole.FULL if region.cuts(boxes[0], size) else region


def _begin(centre: float, length: int, whole: int, cell_px: int) -> int:
    """The multiple of the cell that puts the centre nearest to the middle, inside the picture."""
    last = (whole - length) // cell_px
    return min(max(round((centre - length / 2) / cell_px), 0), last) * cell_px


class Search:
    """One stream of pictures, searched; `limits` None searches all of every one."""

    def __init__(self, detector: Detector, limits: SearchLimits | None) -> None:
        self._detector = detector
        self._limits = limits
        self._seen = Seen()

    def faces(self, picture: Image, at_s: float) -> list[Face]:
        """Faces of a (h, w, 3) uint8 BGR picture, in its pixels and in no order."""
        cell, limits = self._detector.cell_px, self._limits
        if cell is None or limits is None:
            return self._detector.detect(picture)
        size = (picture.shape[1], picture.shape[0])
        first = where(self._seen, at_s, size, cell, limits)
        if first is Whole.SMALL:
            hints = self._small(picture)
            if not hints:
                return self._remember([], self._seen.full_s)
            first = around([face.box for face in hints], size, cell, limits)
        if isinstance(first, Region):
            found = self._within(picture, first)
            if len(found) == 1 and not first.cuts(found[0].box, size):
                return self._remember(found, self._seen.full_s)
        return self._remember(self._detector.detect(picture), at_s)

    def _small(self, picture: Image) -> list[Face]:
        half = (picture.shape[1] // 2, picture.shape[0] // 2)
        if min(half) < 1:
            return []
        small = cv2.resize(picture, half, interpolation=cv2.INTER_AREA)
        return [face.scaled(2) for face in self._detector.detect(np.asarray(small, dtype=np.uint8))]

    def _within(self, picture: Image, region: Region) -> list[Face]:
        right, bottom = region.left + region.width, region.top + region.height
        part = picture[region.top : bottom, region.left : right]
        return [face.moved(region.left, region.top) for face in self._detector.detect(part)]

    def _remember(self, found: list[Face], full_s: float) -> list[Face]:
        self._seen = Seen(tuple(face.box for face in found), full_s)
        return found
