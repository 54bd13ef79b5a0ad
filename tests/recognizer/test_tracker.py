"""Faces keep their number; one of them is served."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recognizer.faces import Face, overlap
from recognizer.tracker import Tracker, TrackerSettings

SIZE = (640, 480)
NOBODY: frozenset[int] = frozenset()


def face(x: float, y: float, side: float = 100) -> Face:
    return Face((x, y, side, side), np.zeros((5, 2), dtype=np.float32), 0.9)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=1, max_size=30),
    st.booleans(),
)
def test_two_people_who_move_a_little_keep_their_numbers(
    steps: list[tuple[float, float]], swapped: bool
) -> None:
    tracker = Tracker(TrackerSettings())
    left, right = (100.0, 200.0), (400.0, 200.0)
    first = tracker.follow([face(*left), face(*right)], 0.0)
    numbers = [tracked.track for tracked in first]
    for i, (dx, dy) in enumerate(steps, 1):
        # Each pace is a fifth of the face at most; both stay in their half of the picture.
        left = (min(max(left[0] + dx, 0), 200), left[1] + dy)
        right = (min(max(right[0] - dx, 320), 520), right[1] - dy)
        seen = [face(*left), face(*right)]
        tracked = tracker.follow(seen[::-1] if swapped else seen, i / 15)
        assert [t.track for t in (tracked[::-1] if swapped else tracked)] == numbers


def test_a_face_missed_for_a_moment_is_the_same_and_after_longer_is_another() -> None:
    tracker = Tracker(TrackerSettings(forget_s=0.5))
    (first,) = tracker.follow([face(200, 200)], 0.0)
    tracker.follow([], 0.3)
    assert tracker.alive() == {first.track}
    (back,) = tracker.follow([face(205, 200)], 0.4)
    assert back.track == first.track
    tracker.follow([], 1.0)
    assert tracker.alive() == NOBODY
    (later,) = tracker.follow([face(205, 200)], 1.1)
    assert later.track > first.track


def test_the_large_face_in_the_middle_is_served() -> None:
    tracker = Tracker(TrackerSettings())
    seen = tracker.follow([face(10, 10, 90), face(250, 180, 140), face(500, 10, 100)], 0.0)
    subject = tracker.choose(seen, SIZE, NOBODY)
    assert subject is not None
    assert subject.face.box[2] == 140


def test_a_bystander_takes_over_only_when_clearly_more_prominent() -> None:
    tracker = Tracker(TrackerSettings(takeover=1.3))
    first = tracker.follow([face(200, 190, 100)], 0.0)
    chosen = tracker.choose(first, SIZE, NOBODY)
    for bystander_px, served in ((110, 100), (190, 190)):
        seen = tracker.follow([face(200, 190, 100), face(330, 150, bystander_px)], 0.1)
        chosen = tracker.choose(seen, SIZE, NOBODY)
        assert chosen is not None
        assert chosen.face.box[2] == served


def test_who_was_served_makes_way_and_is_kept_when_nobody_waits() -> None:
    tracker = Tracker(TrackerSettings())
    seen = tracker.follow([face(200, 150, 160), face(450, 150, 90)], 0.0)
    first = tracker.choose(seen, SIZE, NOBODY)
    assert first is not None
    assert first.face.box[2] == 160
    second = tracker.choose(seen, SIZE, frozenset({first.track}))
    assert second is not None
    assert second.face.box[2] == 90
    everyone = frozenset(tracked.track for tracked in seen)
    assert tracker.choose(seen, SIZE, everyone) is not None


def test_passers_by_far_away_are_followed_and_not_served() -> None:
    tracker = Tracker(TrackerSettings(min_subject_px=40))
    seen = tracker.follow([face(300, 200, 30)], 0.0)
    assert len(seen) == 1
    assert tracker.choose(seen, SIZE, NOBODY) is None


boxes = st.tuples(st.floats(-500, 500), st.floats(-500, 500), st.floats(1, 500), st.floats(1, 500))


@given(boxes, boxes)
def test_overlap_is_symmetric_and_a_fraction(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    assert 0 <= overlap(one, other) <= 1 + 1e-9
    assert abs(overlap(one, other) - overlap(other, one)) < 1e-9
    assert abs(overlap(one, one) - 1) < 1e-9
