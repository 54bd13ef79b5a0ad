"""Error rates, their intervals, and how far the data goes."""

from __future__ import annotations

from itertools import pairwise
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from recognizer.calibration import Calibration, threshold
from recognizer.errors import GalleryError
from recognizer.evaluation import (
    Comparisons,
    clopper_pearson,
    compare_all,
    compare_listed,
    det_curve,
    evaluate,
    fnmr_at_fmr,
)

MEASURED = Calibration(
    mean=0.01, bound_sd=0.15, highest=0.44, comparisons=1737, people=10, source="test"
)
score_lists = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=60)


def scored(genuine: list[float], impostor: list[float]) -> Comparisons:
    one, other = (np.sort(np.array(side, dtype=np.float32)) for side in (genuine, impostor))
    return Comparisons(one, other, (), ())


def faces(seed: int, people: int, photos: int) -> tuple[NDArray[np.float32], list[str]]:
    """Random unit vectors, some near to each other: `photos` of each of the people."""
    random = np.random.default_rng(seed)
    centres = np.repeat(random.normal(size=(people, 16)), photos, axis=0)
    vectors = centres + random.normal(scale=0.3, size=centres.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"p{i // photos}" for i in range(people * photos)]


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [
        # Printed tables of the exact 95 % limits.
        (1, 10, 0.002529, 0.445016),
        (5, 10, 0.187086, 0.812914),
        (10, 100, 0.049005, 0.176223),
        # None and all have closed forms.
        (0, 10, 0.0, 1 - 0.025**0.1),
        (10, 10, 0.025**0.1, 1.0),
        (0, 1_000_000, 0.0, 1 - 0.025**1e-6),
    ],
)
def test_intervals_are_those_of_the_tables(
    events: int, trials: int, low: float, high: float
) -> None:
    assert clopper_pearson(events, trials) == pytest.approx((low, high), rel=2e-4, abs=1e-12)


@given(st.data())
def test_each_end_of_an_interval_leaves_its_tail(data: st.DataObject) -> None:
    trials = data.draw(st.integers(1, 80))
    events = data.draw(st.integers(0, trials))
    low, high = clopper_pearson(events, trials)

    def chance(counts: range, p: float) -> float:
        return sum(comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in counts)

    assert low <= events / trials <= high
    if events:
        assert chance(range(events, trials + 1), low) == pytest.approx(0.025, rel=1e-6)
    if events < trials:
        assert chance(range(events + 1), high) == pytest.approx(0.025, rel=1e-6)


@given(st.integers(1, 10**8), st.floats(0, 1))
def test_an_interval_of_any_size_holds_its_rate(trials: int, part: float) -> None:
    events = int(trials * part)
    low, high = clopper_pearson(events, trials)
    assert 0 <= low <= events / trials <= high <= 1


@pytest.mark.parametrize(("events", "trials"), [(0, 0), (-1, 5), (6, 5)])
def test_no_interval_of_nonsense(events: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no interval"):
        clopper_pearson(events, trials)


def test_every_pair_is_compared_once() -> None:
    vectors, people = faces(1, 4, 3)
    found = compare_all(vectors, people)
    assert (found.genuine.size, found.impostor.size) == (4 * 3, 12 * 11 // 2 - 4 * 3)
    everything = vectors @ vectors.T
    upper = everything[np.triu_indices(12, 1)]
    both = np.concatenate([found.genuine, found.impostor])
    np.testing.assert_allclose(np.sort(both), np.sort(upper), atol=1e-6)
    worst = found.worst_genuine[0]
    assert people[worst.a] == people[worst.b]
    assert worst.score == pytest.approx(float(found.genuine[0]))
    assert found.worst_impostor[0].score == pytest.approx(float(found.impostor[-1]))


@given(st.integers(0, 2**32 - 1))
def test_listing_every_pair_is_comparing_all(seed: int) -> None:
    vectors, people = faces(seed, 5, 3)
    pairs = [(a, b, people[a] == people[b]) for b in range(len(people)) for a in range(b)]
    one, other = compare_all(vectors, people), compare_listed(vectors, pairs)
    np.testing.assert_allclose(one.genuine, other.genuine, atol=1e-6)
    np.testing.assert_allclose(one.impostor, other.impostor, atol=1e-6)


@given(score_lists, score_lists)
def test_no_threshold_is_better_than_the_best(genuine: list[float], impostor: list[float]) -> None:
    found = evaluate(scored(genuine, impostor), 5, MEASURED)
    assert found.best_accuracy is not None
    assert found.best_threshold is not None

    def accuracy(at: float) -> float:
        right = sum(s >= at for s in genuine) + sum(s < at for s in impostor)
        return right / (len(genuine) + len(impostor))

    assert accuracy(found.best_threshold) == pytest.approx(found.best_accuracy)
    assert all(accuracy(at) <= found.best_accuracy + 1e-12 for at in [*genuine, *impostor, 1.1])


@given(score_lists, st.lists(st.floats(-1, 1, width=32), min_size=300, max_size=400))
def test_the_threshold_of_an_fmr_keeps_it_and_is_the_lowest(
    genuine: list[float], impostor: list[float]
) -> None:
    found = fnmr_at_fmr(scored(genuine, impostor), 0.01)
    assert found.threshold is not None
    assert found.fnmr is not None
    below = float(np.nextafter(np.float32(found.threshold), np.float32(-2)))
    assert sum(s >= found.threshold for s in impostor) <= 0.01 * len(impostor)
    assert sum(s >= below for s in impostor) > 0.01 * len(impostor)
    assert found.fnmr.events == sum(s < found.threshold for s in genuine)


def test_nothing_is_said_beyond_the_data() -> None:
    found = evaluate(scored([0.9], [0.1] * 300), 5, MEASURED)
    assert [row.fmr for row in found.at_fmr if row.fnmr] == [1e-2]
    assert found.at_fmr[1].why_not == "needs 3000 impostor comparisons, there are 300"
    assert evaluate(scored([], [0.1] * 300), 5, MEASURED).at_fmr[0].why_not is not None


def test_the_operating_point_is_that_of_the_calibration() -> None:
    at = threshold(5, 0.003, MEASURED)
    found = evaluate(scored([at - 0.1, at, 0.9], [at - 0.01, at + 0.01]), 5, MEASURED)
    assert found.operating_threshold == at
    assert (found.fnmr.events, found.fnmr.trials) == (1 + int(np.float32(at) < at), 3)
    assert (found.fmr.events, found.fmr.trials) == (1, 2)
    assert found.extrapolates


def test_without_a_pair_there_is_no_rate() -> None:
    found = evaluate(compare_all(np.empty((0, 4), dtype=np.float32), []), 0, MEASURED)
    assert found.best_accuracy is None
    assert found.fnmr.value is None
    assert found.fmr.interval is None
    assert det_curve(found.comparisons) == []


@given(score_lists, score_lists)
def test_a_det_curve_falls(genuine: list[float], impostor: list[float]) -> None:
    curve = det_curve(scored(genuine, impostor))
    assert curve
    for (_, fmr, fnmr), (_, next_fmr, next_fnmr) in pairwise(curve):
        assert next_fmr <= fmr
        assert next_fnmr >= fnmr


def test_what_does_not_fit_is_refused() -> None:
    vectors, people = faces(1, 2, 2)
    with pytest.raises(GalleryError):
        compare_all(vectors, people[:3])
    with pytest.raises(GalleryError):
        compare_listed(vectors, [(0, 9, True)])
    with pytest.raises(GalleryError, match="finite"):
        compare_all(vectors * np.float32(np.nan), people)
