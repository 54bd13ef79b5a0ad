"""Where frames are searched: the plan for any face, and whole streams with a detector that sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, Walk, walk_up
from recognizer.faces import Box, Face, Image, overlap
from recognizer.mtcnn import MtcnnDetector
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.scrfd import ScrfdDetector
from recognizer.searching import Region, Search, SearchLimits, Seen, Whole, around, where

CELL = 32
LIMITS = SearchLimits()
SIZE = (WIDTH, HEIGHT)
BOXES = st.tuples(
    st.floats(-100, 700), st.floats(-100, 500), st.floats(10, 400), st.floats(10, 400)
)
SIZES = st.tuples(st.integers(16, 700), st.integers(16, 700))


@given(BOXES, SIZES)
def test_a_region_lies_in_the_picture_on_the_grid_and_cuts_nothing_off(
    box: Box, size: tuple[int, int]
) -> None:
    region = around([box], size, CELL, LIMITS)
    if isinstance(region, Region):
        assert region.left % CELL == region.top % CELL == 0
        assert min(region.left, region.top) >= 0
        assert region.left + region.width <= size[0]
        assert region.top + region.height <= size[1]
        assert not region.cuts(box, size)
    else:
        assert region is Whole.FULL


@given(st.lists(BOXES, max_size=3), st.floats(0, 1), SIZES)
def test_all_of_the_frame_is_searched_when_it_is_due_and_for_several_faces(
    boxes: list[Box], passed: float, size: tuple[int, int]
) -> None:
    plan = where(Seen(tuple(boxes), 10.0), 10.0 + passed, size, CELL, LIMITS)
    due = passed >= (LIMITS.everywhere_s if boxes else LIMITS.nobody_s) + 1e-9
    if due or len(boxes) > 1:
        assert plan is Whole.FULL
    if not boxes and passed < LIMITS.nobody_s - 1e-9:
        assert plan is Whole.SMALL


class Blocks:
    """A detector that finds each painted block whose value is not 0, and counts what it is given.

    It sees nothing narrower than `least_px`, and a block that is cut off as what is left of it.
    """

    cell_px: int | None = CELL

    def __init__(self, least_px: int) -> None:
        self.least_px, self.pixels = least_px, 0

    def detect(self, image: Image) -> list[Face]:
        self.pixels += image.shape[0] * image.shape[1]
        found = []
        painted_rows, painted_columns = np.nonzero(image[:, :, 0])
        values = image[painted_rows, painted_columns, 0]
        for value in np.unique(values):
            rows, columns = painted_rows[values == value], painted_columns[values == value]
            if np.ptp(columns) + 1 >= self.least_px:
                x, y, w, h = columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1
                landmarks = np.full((5, 2), (x, y), dtype=np.float32)
                found.append(Face((float(x), float(y), float(w), float(h)), landmarks, 1.0))
        return found


def painted(boxes: list[tuple[int, int, int]]) -> Image:
    picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    for value, (x, y, side) in enumerate(boxes, 1):
        picture[y : y + side, x : x + side] = value
    return picture


# Even places and sizes: halving then keeps every edge.
EVEN = st.tuples(st.integers(0, 120), st.integers(0, 60), st.integers(20, 120)).map(
    lambda t: (2 * t[0], 2 * t[1], 2 * t[2])
)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(EVEN, st.booleans()), min_size=1, max_size=8))
def test_one_face_is_found_in_every_frame_wherever_it_jumps_and_a_newcomer_in_time(
    frames: list[tuple[tuple[int, int, int], bool]],
) -> None:
    search = Search(Blocks(least_px=16), LIMITS)
    alone_s = 0.0
    for i, (box, accompanied) in enumerate(frames):
        at_s = i / 15
        others = [(520, 300, 90)] if accompanied else []
        found = search.faces(painted([box, *others]), at_s)
        if not accompanied:
            alone_s = at_s
            (face,) = found
            assert face.box == (*map(float, box[:2]), float(box[2]), float(box[2]))
        elif len(found) == 1:
            assert at_s - alone_s < LIMITS.everywhere_s
        else:
            assert len(found) == 2


def test_somebody_whom_only_full_scale_shows_is_seen_within_a_tenth_of_a_second() -> None:
    search = Search(Blocks(least_px=40), LIMITS)
    search.faces(painted([]), 0.0)
    seen = [bool(search.faces(painted([(300, 200, 60)]), i / 30)) for i in range(1, 5)]
    assert seen == [False, False, True, True]


def test_a_detector_without_cells_is_given_all_of_every_frame() -> None:
    blocks = Blocks(least_px=16)
    blocks.cell_px = None
    search = Search(blocks, LIMITS)
    for i in range(4):
        assert len(search.faces(painted([(300, 200, 60)]), i / 15)) == 1
    assert blocks.pixels == 4 * WIDTH * HEIGHT
    assert (ScrfdDetector.cell_px, MtcnnDetector.cell_px) == (CELL, None)


@pytest.mark.parametrize("which", [0, 2])
def test_on_a_walk_up_the_same_faces_are_found_from_little_more_than_half_of_the_pixels(
    weights_dir: Path, cast: list[Person], which: int
) -> None:
    detector = open_parts(weights_dir, RecognizerSettings(pad=False)).detector
    if detector.cell_px is None:
        pytest.skip("this detector is given whole frames: YuNet's weights are not here")
    search = Search(detector, LIMITS)
    pixels, detect = 0, detector.detect

    def counted(image: Image) -> list[Face]:
        nonlocal pixels
        pixels += image.shape[0] * image.shape[1]
        return detect(image)

    frames = list(walk_up(cast[which].walks[0], Walk(1.0, 80, 150), seed=1))
    whole = [detect(frame) for frame in frames]
    detector.detect = counted  # type: ignore[method-assign]
    for i, (frame, expected) in enumerate(zip(frames, whole, strict=True)):
        (face,) = search.faces(frame, i / 15)
        assert overlap(face.box, expected[0].box) > 0.7
        apart = np.abs(face.landmarks - expected[0].landmarks).max()
        assert apart < 0.1 * expected[0].box[2]
    assert pixels < 0.6 * len(frames) * WIDTH * HEIGHT
