"""Degraded pictures, the heads they are made of, and what is counted of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.degradations import DEGRADATIONS, Degradation
from recognizer.evaluation import Rate
from recognizer.faces import Face
from recognizer.robustness import FACE_PX, head_of, probe_errors


def test_a_probe_is_not_compared_with_its_own_photo() -> None:
    vectors = np.eye(3, dtype=np.float32)[[0, 0, 1, 1]]
    people = ["a", "a", "b", "b"]
    found = probe_errors([(0, vectors[0]), (2, vectors[0]), (3, None)], vectors, people, 0.5)
    assert found.fnmr == Rate(1, 2)
    assert found.fmr == Rate(2, 4)
    assert found.not_acquired == Rate(1, 3)
    assert found.false_rejection == Rate(2, 3)


def face_and_picture() -> tuple[Face, NDArray[np.uint8]]:
    random = np.random.default_rng(5)
    picture = random.integers(40, 220, (240, 220, 3), dtype=np.uint8)
    landmarks = np.array([[85, 100], [130, 100], [108, 125], [90, 150], [126, 150]], np.float32)
    return Face((60, 60, 100, 130), landmarks, 0.9), picture


@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda d: d.name)
def test_a_stronger_degradation_changes_the_face_more(degradation: Degradation) -> None:
    face, picture = face_and_picture()
    before = picture.copy()
    changes = []
    for strength in degradation.strengths:
        spoiled = degradation.apply(picture, face, strength, np.random.default_rng(7))
        again = degradation.apply(picture, face, strength, np.random.default_rng(7))
        np.testing.assert_array_equal(spoiled, again)
        assert spoiled.dtype == np.uint8
        if degradation.name == "scale":
            changes.append(float(picture.size - spoiled.size))
        else:
            assert spoiled.shape == picture.shape
            changes.append(float(np.abs(spoiled.astype(int) - picture).mean()))
    np.testing.assert_array_equal(picture, before)
    assert changes[0] > 0
    # Noise has no more structure to lose once it is turned: any rotation of it differs as much.
    if degradation.name not in ("rotation", "motion"):
        assert changes == sorted(changes)


def test_a_face_that_is_small_already_is_not_made_larger() -> None:
    face, picture = face_and_picture()
    (scale,) = (d for d in DEGRADATIONS if d.name == "scale")
    assert scale.apply(picture, face, 60, np.random.default_rng(1)).shape == picture.shape


def test_the_head_is_cut_out_and_brought_to_a_terminals_size() -> None:
    face, picture = face_and_picture()
    large = np.ascontiguousarray(np.kron(picture, np.ones((4, 4, 1), dtype=np.uint8)))
    head, found = head_of(large, face.scaled(4))
    assert found.box[2] == pytest.approx(FACE_PX)
    assert head.shape[1] <= 3 * FACE_PX
    inside = (found.landmarks >= 0).all() and (found.landmarks < head.shape[1::-1]).all()
    assert inside
