"""When new photos are due, and when not."""

from __future__ import annotations

import numpy as np
import pytest

from recognizer.ageing import ENOUGH, FALL, Week, renewal_due


def week(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Week:
    return Week(len(scores), float(scores.sum()), float((scores**2).sum()))


def weeks(means: list[float], count: int, seed: int = 0, spread: float = 0.06) -> list[Week]:
    rng = np.random.default_rng(seed)
    return [week(rng.normal(mean, spread, count)) for mean in means]


def test_a_slow_fall_over_months_asks_for_renewal() -> None:
    assert renewal_due(weeks([0.70 - 0.01 * w for w in range(14)], 10))


def test_scores_that_stay_never_ask() -> None:
    """Over 2,000 people whose scores do not drift."""
    asked = sum(renewal_due(weeks([0.7] * 12, 10, seed)) for seed in range(2000))
    assert asked <= 1  # CERTAIN: 5e-4 of them


def test_a_rise_or_a_small_fall_never_asks() -> None:
    assert not renewal_due(weeks([0.6] * 4 + [0.7] * 4, 50))
    assert not renewal_due(weeks([0.7] * 4 + [0.7 - FALL / 2] * 4, 500))


def test_a_fall_that_chance_explains_does_not_ask() -> None:
    apart = [week(np.array([0.3, 0.9] * 4))] * 4 + [week(np.array([0.24, 0.84] * 4))] * 4
    assert not renewal_due(apart)


@pytest.mark.parametrize(("count", "number"), [(ENOUGH // 4 - 1, 8), (100, 7), (0, 0)])
def test_too_few_presentations_or_weeks_are_not_judged(count: int, number: int) -> None:
    fallen = [week(np.full(count, 0.7))] * 4 + [week(np.full(count, 0.4))] * 4
    assert not renewal_due(fallen[:number])


def test_scores_without_any_spread_are_judged_by_the_fall_alone() -> None:
    assert renewal_due([week(np.full(10, 0.7))] * 4 + [week(np.full(10, 0.6))] * 4)
