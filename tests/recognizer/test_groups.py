"""Error rates within a group, and the differential between groups."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.evaluation import Rate, compare_all
from recognizer.groups import by_group, differential


def people_of(seed: int, people: int, photos: int) -> tuple[NDArray[np.float32], list[str]]:
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(size=(people, 32)), photos, axis=0)
    vectors = centres + random.normal(scale=0.3, size=centres.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"p{i // photos}" for i in range(people * photos)]


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
