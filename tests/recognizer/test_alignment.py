"""Alignment brings any shift, scale and turn of a face to the same place."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.align import TEMPLATE, align, similarity

CROP_TOLERANCE = 2.5  # grey levels of 255, mean; resampling twice costs 1.1 to 1.8


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


@pytest.mark.parametrize(
    ("scale", "degrees", "x", "y"),
    [(1.0, 0, 37, -21), (1.0, 30, 0, 0), (0.8, -25, 10, 5), (1.6, 90, -40, 12), (1.3, 180, 3, 8)],
)
def test_a_photographed_face_gives_the_same_crop_however_it_lies_in_the_picture(
    photos: dict[str, Path], scale: float, degrees: float, x: float, y: float
) -> None:
    image = np.asarray(cv2.imread(str(photos["astronaut"])), dtype=np.uint8)
    eyes_and_mouth = np.array([[205, 105], [242, 104], [223, 127], [209, 148], [240, 147]])
    crop = align(image, eyes_and_mouth)
    middle = eyes_and_mouth.mean(axis=0)
    matrix = cv2.getRotationMatrix2D((float(middle[0]), float(middle[1])), degrees, scale)
    matrix[:, 2] += np.array([400, 400]) - middle + (x, y)
    moved = np.asarray(cv2.warpAffine(image, matrix, (800, 800), flags=cv2.INTER_CUBIC), np.uint8)
    again = align(moved, eyes_and_mouth @ matrix[:, :2].T + matrix[:, 2])
    difference = np.abs(crop.astype(np.float64) - again)[8:-8, 8:-8]
    assert difference.mean() < CROP_TOLERANCE
