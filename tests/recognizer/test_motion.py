"""The motion check on simulated heads and planes; see docs/recognition.md for what it is worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.motion import FRAMES, MotionLimits, Opinion, flat_nose, judge_motion
from recognizer.pose import model_head
from recognizer.simulated_motion import Mover, simulate

SEEDS = range(40)


@pytest.mark.parametrize("mover", [mover for mover in Mover if mover.live])
def test_a_living_head_is_never_called_flat(mover: Mover) -> None:
    assert Opinion.FLAT not in {judge_motion(simulate(mover, seed)).opinion for seed in SEEDS}


@pytest.mark.parametrize("mover", [mover for mover in Mover if not mover.live])
def test_a_print_is_never_called_deep(mover: Mover) -> None:
    assert Opinion.DEEP not in {judge_motion(simulate(mover, seed)).opinion for seed in SEEDS}


def test_a_print_that_is_clearly_tilted_is_flat_and_a_head_that_turns_is_deep() -> None:
    for mover, opinion in (
        (Mover.PLANE_TILTED, Opinion.FLAT),
        (Mover.HEAD_TURNING, Opinion.DEEP),
    ):
        assert {judge_motion(simulate(mover, seed)).opinion for seed in SEEDS} == {opinion}


def test_too_few_frames_and_no_face_give_no_opinion() -> None:
    tilted = simulate(Mover.PLANE_TILTED, 1)
    assert judge_motion([]).opinion is Opinion.NONE
    assert judge_motion([tilted[0], tilted[-1]]).opinion is Opinion.NONE
    broken = [np.zeros((5, 2)), np.full((5, 2), np.nan)] * 10
    assert judge_motion(broken).frames == 0


def test_only_the_last_frames_count() -> None:
    old, still = simulate(Mover.HEAD_TURNING, 1), simulate(Mover.HEAD_STILL, 1, FRAMES)
    assert judge_motion([*old, *still]) == judge_motion(still)


@given(st.integers(0, 10_000), st.floats(0.1, 10), st.floats(-3, 3), st.floats(-500, 500))
def test_where_the_picture_is_how_large_and_how_rolled_changes_nothing(
    seed: int, size: float, roll: float, shift: float
) -> None:
    track = simulate(Mover.HEAD_TURNING, seed, frames=8)
    turn = size * np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    one, other = judge_motion(track), judge_motion([p @ turn.T + shift for p in track])
    assert other.turn == pytest.approx(one.turn, abs=1e-5)
    assert other.wander == pytest.approx(one.wander, abs=1e-5)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(-0.15, 0.15), st.floats(-0.15, 0.15))
def test_no_view_of_a_plane_moves_its_nose(a: float, b: float, p: float, q: float) -> None:
    flat = model_head()[:, :2]
    projective = np.array([[1 + a, b, 3], [b, 1 - a / 2, 4], [p, q, 1]])
    seen = np.column_stack([flat, np.ones(5)]) @ projective.T
    assert flat_nose(seen[:, :2] / seen[:, 2:]) == pytest.approx(flat_nose(flat), abs=1e-6)


def test_stricter_limits_give_fewer_opinions() -> None:
    track = simulate(Mover.PLANE_TILTED, 3)
    assert judge_motion(track).opinion is Opinion.FLAT
    assert judge_motion(track, MotionLimits(turn=0.99)).opinion is Opinion.NONE
