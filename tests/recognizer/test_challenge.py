"""The active challenge on a rigid head and on a print, turned before the camera."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.challenge import (
    Challenge,
    ChallengeLimits,
    Outcome,
    Side,
    Turn,
    begin,
    read_turn,
    watch,
)
from recognizer.pose import model_head

LIMITS = ChallengeLimits()


def landmarks(degrees_to_own_left: float, *, flat: bool = False) -> NDArray[np.float64]:
    """A head that turned to its own left: its nose goes to the right of an unmirrored picture."""
    head = model_head() * (1, 1, 0 if flat else 1)
    angle = math.radians(degrees_to_own_left)
    # The person's left is the picture's right, +x; what is before the face (z) goes there.
    x = head[:, 0] * math.cos(angle) + head[:, 2] * math.sin(angle)
    return np.asarray(np.stack([x, head[:, 1]], axis=1) * 60 + (320, 240))


def turned(side: Side, angles: list[float], every_s: float = 0.1, *, flat: bool = False) -> Outcome:
    state = begin(side, 0.0)
    for i, angle in enumerate(angles):
        state = watch(state, i * every_s, read_turn(landmarks(angle, flat=flat)), LIMITS)
    return state.outcome


SWEEP = [0.0, 2, 6, 12, 18, 22, 27, 32, 35]


def test_left_is_the_persons_own_left_in_a_picture_that_is_not_mirrored() -> None:
    straight, left = landmarks(0), landmarks(30)
    # The nose comes nearer to the eye on the picture's right, which is the person's left eye.
    assert left[1, 0] - left[2, 0] < straight[1, 0] - straight[2, 0]
    reading = read_turn(left)
    assert reading is not None
    assert reading.yaw > LIMITS.turned
    assert turned(Side.LEFT, SWEEP) is Outcome.PASSED
    assert turned(Side.RIGHT, [-a for a in SWEEP]) is Outcome.PASSED


def test_the_other_side_fails() -> None:
    assert turned(Side.RIGHT, SWEEP) is Outcome.FAILED
    assert turned(Side.LEFT, [-a for a in SWEEP]) is Outcome.FAILED


def test_a_picture_changed_for_one_that_is_turned_fails() -> None:
    assert turned(Side.LEFT, [0.0, 0.0, 30.0, 32.0]) is Outcome.FAILED


def test_a_face_that_was_turned_from_the_start_does_not_pass() -> None:
    assert turned(Side.LEFT, [20.0, 24, 28, 32]) is Outcome.WAITING


def test_standing_still_fails_when_the_time_is_over() -> None:
    assert turned(Side.LEFT, [0.0] * 60) is Outcome.WAITING
    assert turned(Side.LEFT, [0.0] * 62) is Outcome.FAILED


def test_a_turn_that_comes_too_late_fails() -> None:
    assert turned(Side.LEFT, [0.0] * 60 + SWEEP) is Outcome.FAILED


def test_who_is_out_of_sight_for_a_moment_fails() -> None:
    state = watch(begin(Side.LEFT, 0.0), 0.1, read_turn(landmarks(0)), LIMITS)
    state = watch(state, 0.5, None, LIMITS)
    assert state.outcome is Outcome.WAITING
    assert watch(state, 0.7, None, LIMITS).outcome is Outcome.FAILED


def test_a_print_that_is_tilted_never_passes() -> None:
    angles = [float(a) for a in range(0, 61, 4)]
    assert turned(Side.LEFT, angles, flat=True) is not Outcome.PASSED
    assert turned(Side.RIGHT, [-a for a in angles], flat=True) is not Outcome.PASSED


def test_an_angle_without_parallax_does_not_pass() -> None:
    state = begin(Side.LEFT, 0.0)
    for i, yaw in enumerate(SWEEP):
        state = watch(state, i / 10, Turn(yaw, nose=0.0), LIMITS)
    assert state.outcome is Outcome.WAITING


def test_no_face_at_all_is_no_reading() -> None:
    assert read_turn(np.zeros((5, 2))) is None
    assert read_turn(np.full((5, 2), np.nan)) is None


looks = st.lists(
    st.tuples(
        st.floats(0.01, 0.6), st.none() | st.builds(Turn, st.floats(-60, 60), st.floats(-1, 1))
    ),
    max_size=40,
)


@given(looks, st.sampled_from(list(Side)))
def test_whatever_is_seen_failed_is_for_good_and_passing_needs_the_whole_turn(
    seen: list[tuple[float, Turn | None]], side: Side
) -> None:
    state, at_s, reached = begin(side, 0.0), 0.0, list[float]()
    for pause, turn in seen:
        before: Challenge = state
        at_s += pause
        state = watch(state, at_s, turn, LIMITS)
        if before.outcome is Outcome.FAILED:
            assert state.outcome is Outcome.FAILED
        if turn is not None:
            reached.append(turn.yaw * side.sign)
        if state.outcome is Outcome.PASSED:
            assert at_s <= LIMITS.time_s
            assert min(map(abs, reached)) <= LIMITS.frontal
            assert max(reached) >= LIMITS.turned
            assert any(LIMITS.frontal < a < LIMITS.turned for a in reached)
