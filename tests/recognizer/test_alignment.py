"""Alignment brings any shift, scale and turn of a face to the same place."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recognizer.align import TEMPLATE, similarity


@given(st.floats(-math.pi, math.pi), st.floats(0.2, 20), st.floats(-900, 900), st.floats(-900, 900))
def test_a_moved_scaled_and_turned_template_is_brought_back(
    angle: float, scale: float, x: float, y: float
) -> None:
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = scale * TEMPLATE @ turn.T + (x, y)
    matrix = similarity(moved)
    assert np.allclose(moved @ matrix[:, :2].T + matrix[:, 2], TEMPLATE, atol=1e-6)


def test_a_reflection_is_never_part_of_it() -> None:
    mirrored = TEMPLATE * (-1, 1)
    matrix = similarity(mirrored)
    assert np.linalg.det(matrix[:, :2]) > 0


def test_landmarks_that_coincide_give_no_scale_and_no_error() -> None:
    assert np.all(similarity(np.ones((5, 2)))[:, :2] == 0)
