"""Open-set searches: who is enrolled, what is counted, and how far it reaches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.errors import GalleryError
from recognizer.open_set import OpenSet, fnir_at_fpir, open_set


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
