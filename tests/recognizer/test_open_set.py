"""Open-set searches, groups and degraded probes: what is counted, and how far it reaches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.degradations import DEGRADATIONS, Degradation
from recognizer.errors import GalleryError
from recognizer.evaluation import Rate, compare_all
from recognizer.faces import Face
from recognizer.groups import by_group, differential
from recognizer.open_set import OpenSet, fnir_at_fpir, open_set
from recognizer.robustness import FACE_PX, head_of, probe_errors


def people_of(seed: int, people: int, photos: int) -> tuple[NDArray[np.float32], list[str]]:
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(size=(people, 32)), photos, axis=0)
    vectors = centres + random.normal(scale=0.3, size=centres.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"p{i // photos}" for i in range(people * photos)]


def pooled(mated: list[float], non_mated: list[float]) -> OpenSet:
    one, other = (np.sort(np.array(side, dtype=np.float32)) for side in (mated, non_mated))
    return OpenSet(one, other, len(mated), len(non_mated), 1, 1)


def test_half_of_the_people_are_enrolled_by_half_of_their_photos() -> None:
    found = open_set(*people_of(1, 5, 5), splits=4)
    assert found.gallery == 3
    assert found.mated.size == 4 * 3 * 3  # two of five photos are templates
    assert found.non_mated.size == 4 * 2 * 5
    assert found.non_mated_photos <= 25


def test_splits_are_the_same_every_time_and_differ_by_seed() -> None:
    vectors, people = people_of(1, 6, 4)
    one, again = open_set(vectors, people), open_set(vectors, people)
    np.testing.assert_array_equal(one.mated, again.mated)
    np.testing.assert_array_equal(one.non_mated, again.non_mated)
    assert not np.array_equal(one.non_mated, open_set(vectors, people, seed=2).non_mated)


def test_well_separated_people_are_all_found() -> None:
    found = fnir_at_fpir(open_set(*people_of(1, 10, 6)), 0.1)
    assert (found.events, found.why_not) == (0, None)
    assert found.interval is not None
    # Sixty photos at the most searched, however many splits they searched in.
    assert found.interval[1] > 0.05


def test_a_mated_search_that_finds_somebody_else_first_fails() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 1, 1, 2, 3]]
    found = open_set(vectors, ["a", "a", "b", "b", "c", "d"], splits=1)
    assert found.gallery == 1  # of a and b one; c and d have one photo and only search
    both = open_set(
        np.concatenate([vectors[:4], vectors[:4]]), ["a", "a", "b", "b", "c", "c", "d", "d"], 20
    )
    assert np.isneginf(both.mated).any()


@given(
    st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40),
    st.lists(st.floats(-1, 1, width=32), min_size=30, max_size=80),
)
def test_the_threshold_of_an_fpir_keeps_it(mated: list[float], non_mated: list[float]) -> None:
    found = fnir_at_fpir(pooled(mated, non_mated), 0.1)
    assert found.threshold is not None
    assert sum(s >= found.threshold for s in non_mated) <= 0.1 * len(non_mated)
    assert found.events == sum(s < found.threshold for s in mated)
    assert found.interval is not None
    assert found.value is not None
    assert found.interval[0] <= found.value <= found.interval[1]


def test_no_fnir_beyond_the_photos() -> None:
    few = pooled([0.9], [0.1] * 299)
    assert fnir_at_fpir(few, 0.01).why_not == (
        "needs non-mated searches of 300 photos, there are 299"
    )
    repeated = OpenSet(few.mated, np.repeat(few.non_mated, 10), 1, 299, 10, 1)
    assert fnir_at_fpir(repeated, 0.01).value is None
    alone = open_set(*people_of(1, 3, 1))
    assert "two usable photos" in (fnir_at_fpir(alone, 0.1).why_not or "")


def test_searches_that_do_not_fit_are_refused() -> None:
    vectors, people = people_of(1, 3, 3)
    with pytest.raises(GalleryError):
        open_set(vectors, people[1:])
    with pytest.raises(GalleryError):
        open_set(vectors * np.float32(np.nan), people)


def test_a_group_is_compared_within_itself() -> None:
    vectors, people = people_of(3, 4, 3)
    groups = ["x"] * 6 + ["y"] * 3 + [None] * 3
    found = by_group(
        groups,
        lambda rows: compare_all(vectors[sorted(rows)], [people[row] for row in sorted(rows)]),
        0.5,
    )
    assert [row.group for row in found] == ["x", "y"]
    assert (found[0].fnmr.trials, found[0].fmr.trials) == (6, 9)
    assert (found[1].fnmr.trials, found[1].fmr.trials) == (3, 0)


def test_the_differential_is_the_largest_rate_over_the_smallest() -> None:
    found = differential({"a": Rate(1, 100), "b": Rate(6, 200), "c": Rate(2, 100)})
    assert found.value == pytest.approx(3)
    assert (found.largest, found.smallest) == ("b", "a")


def test_a_group_without_an_error_bounds_the_differential() -> None:
    found = differential({"a": Rate(0, 100), "b": Rate(20, 100), "c": Rate(0, 1000)})
    assert found.value is None
    assert found.why_not == "a has no error in 100 comparisons"
    assert found.at_least == pytest.approx(0.2 / (1 - 0.025**0.01))
    assert differential({"a": Rate(0, 9), "b": Rate(0, 9)}).why_not == "no group has an error"
    assert differential({"a": Rate(1, 9), "b": Rate(0, 0)}).value is None


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
