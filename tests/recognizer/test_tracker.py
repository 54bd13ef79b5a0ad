"""Faces keep their number; one of them is served."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.faces import Face, Vector, overlap
from recognizer.tracker import Tracker, TrackerSettings

SIZE = (640, 480)
NOBODY: frozenset[int] = frozenset()
SAME = 0.5  # cosine of one person's embeddings


def face(x: float, y: float, side: float = 100) -> Face:
    return Face((x, y, side, side), np.zeros((5, 2), dtype=np.float32), 0.9)


@given(
    st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=1, max_size=30),
    st.booleans(),
)
def test_two_people_who_move_a_little_keep_their_numbers(
    steps: list[tuple[float, float]], swapped: bool
) -> None:
    tracker = Tracker(TrackerSettings(), SAME)
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
    tracker = Tracker(TrackerSettings(forget_s=0.5), SAME)
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
    tracker = Tracker(TrackerSettings(), SAME)
    seen = tracker.follow([face(10, 10, 90), face(250, 180, 140), face(500, 10, 100)], 0.0)
    subject = tracker.choose(seen, SIZE, NOBODY)
    assert subject is not None
    assert subject.face.box[2] == 140


def test_a_bystander_takes_over_only_when_clearly_more_prominent() -> None:
    tracker = Tracker(TrackerSettings(takeover=1.3), SAME)
    first = tracker.follow([face(200, 190, 100)], 0.0)
    chosen = tracker.choose(first, SIZE, NOBODY)
    for bystander_px, served in ((110, 100), (190, 190)):
        seen = tracker.follow([face(200, 190, 100), face(330, 150, bystander_px)], 0.1)
        chosen = tracker.choose(seen, SIZE, NOBODY)
        assert chosen is not None
        assert chosen.face.box[2] == served


def test_who_was_served_makes_way_and_is_kept_when_nobody_waits() -> None:
    tracker = Tracker(TrackerSettings(), SAME)
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
    tracker = Tracker(TrackerSettings(min_subject_px=40), SAME)
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


def somebody(seed: int, turned: float = 0.0) -> Vector:
    """A person's unit embedding; `turned` mixes something else in, cosine about 1 / (1 + t^2)."""
    base = np.random.default_rng(seed).standard_normal(64)
    other = np.random.default_rng(seed + 1000).standard_normal(64)
    mixed = base + turned * other
    return np.asarray(mixed / np.linalg.norm(mixed), dtype=np.float32)


def test_a_face_that_moved_faster_than_its_box_is_the_same_by_its_embedding() -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    (before,) = tracker.follow([face(50, 100)], 0.0)
    assert tracker.confirm(before.track, somebody(1)) == before.track
    (after,) = tracker.follow([face(400, 200)], 0.2)
    assert after.track != before.track
    assert tracker.confirm(after.track, somebody(1, 0.5)) == before.track
    assert tracker.alive() == {before.track}
    (still,) = tracker.follow([face(402, 200)], 0.3)
    assert still.track == before.track


def test_somebody_else_in_the_same_box_is_another_track_and_the_first_comes_back_to_their_own() -> (
    None
):
    tracker = Tracker(TrackerSettings(), SAME)
    (first,) = tracker.follow([face(200, 200)], 0.0)
    tracker.confirm(first.track, somebody(1))
    (boxed,) = tracker.follow([face(205, 200)], 0.1)
    assert boxed.track == first.track
    second = tracker.confirm(boxed.track, somebody(2))
    assert second > first.track
    (stays,) = tracker.follow([face(205, 200)], 0.2)
    assert tracker.confirm(stays.track, somebody(2)) == second
    (returns,) = tracker.follow([face(205, 200)], 0.3)
    assert tracker.confirm(returns.track, somebody(1)) == first.track


def test_a_face_is_never_the_track_of_another_face_in_the_same_frame() -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    one, _ = tracker.follow([face(50, 100), face(400, 100)], 0.0)
    tracker.confirm(one.track, somebody(1))
    _, twin = tracker.follow([face(50, 100), face(400, 100)], 0.1)
    assert tracker.confirm(twin.track, somebody(1)) == twin.track


def test_who_stayed_away_too_long_is_a_new_track() -> None:
    tracker = Tracker(TrackerSettings(forget_s=0.5), SAME)
    (first,) = tracker.follow([face(200, 200)], 0.0)
    tracker.confirm(first.track, somebody(1))
    (later,) = tracker.follow([face(200, 200)], 0.6)
    assert tracker.confirm(later.track, somebody(1)) == later.track != first.track


def test_only_a_face_of_the_last_frame_can_be_confirmed() -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    (gone,) = tracker.follow([face(200, 200)], 0.0)
    tracker.follow([], 0.1)
    with pytest.raises(KeyError):
        tracker.confirm(gone.track, somebody(1))


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.booleans(), st.floats(0.02, 0.7), st.floats(0, 0.6)),
        max_size=40,
    )
)
def test_one_track_is_never_two_people(visits: list[tuple[int, bool, float, float]]) -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    owner: dict[int, int] = {}
    at_s = 0.0
    for who, jumped, passed, turned in visits:
        at_s += passed
        (seen,) = tracker.follow([face(450 if jumped else 100, 100)], at_s)
        number = tracker.confirm(seen.track, somebody(who, turned))
        assert owner.setdefault(number, who) == who


@given(st.lists(st.tuples(*[st.floats(-4, 4)] * 4), min_size=5, max_size=40))
def test_the_choice_is_stable_under_jitter(
    jitter: list[tuple[float, float, float, float]],
) -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    chosen = set()
    for i, (a, b, c, d) in enumerate(jitter):
        faces = tracker.follow([face(150 + a, 180 + b), face(380 + c, 180 + d)], i / 15)
        subject = tracker.choose(faces, SIZE, NOBODY)
        assert subject is not None
        chosen.add(subject.track)
    assert len(chosen) == 1


def test_a_face_that_has_just_appeared_does_not_steal_from_the_one_that_stands_there() -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    for i in range(20):
        tracker.choose(tracker.follow([face(150, 180)], i / 15), SIZE, NOBODY)
    seen = tracker.follow([face(150, 180), face(280, 150, 190)], 20 / 15)
    subject = tracker.choose(seen, SIZE, NOBODY)
    assert subject is not None
    assert subject.face.box[2] == 100
    for i in range(21, 60):  # once it has stayed, the nearer one has the better claim
        seen = tracker.follow([face(150, 180), face(280, 150, 190)], i / 15)
        subject = tracker.choose(seen, SIZE, NOBODY)
    assert subject is not None
    assert subject.face.box[2] == 190


def test_somebody_who_walks_past_large_and_fast_is_not_chosen_over_the_one_who_stands() -> None:
    tracker = Tracker(TrackerSettings(), SAME)
    for i in range(13):  # a second across the frame: about 3 face widths a second
        passing = face(-100 + 50 * i, 120, 220)
        seen = tracker.follow([face(270, 190), passing][:: 1 if i % 2 else -1], i / 15)
        subject = tracker.choose(seen, SIZE, NOBODY)
        assert subject is not None
        if i >= 2:  # after two frames the pace is known
            assert subject.face.box[2] == 100
