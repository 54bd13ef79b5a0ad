"""Thresholds from the gallery's size and the wanted FPIR."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recognizer.calibration import (
    Calibration,
    CalibrationError,
    extrapolates,
    false_match_rate,
    fit,
    threshold,
)

MEASURED = Calibration(
    mean=0.01, bound_sd=0.15, highest=0.44, comparisons=1737, people=10, source="test"
)
sizes = st.integers(1, 100_000)
rates = st.floats(1e-6, 0.5)


@given(sizes, sizes, rates)
def test_more_people_never_lower_the_threshold(n: int, m: int, fpir: float) -> None:
    few, many = sorted((n, m))
    assert threshold(few, fpir, MEASURED) <= threshold(many, fpir, MEASURED)


@given(sizes, rates, rates)
def test_a_stricter_rate_never_lowers_the_threshold(n: int, a: float, b: float) -> None:
    strict, loose = sorted((a, b))
    assert threshold(n, strict, MEASURED) >= threshold(n, loose, MEASURED)


@given(sizes, rates)
def test_the_false_match_rate_gives_back_the_fpir(n: int, fpir: float) -> None:
    assert 1 - (1 - false_match_rate(n, fpir)) ** n == pytest.approx(fpir, rel=1e-3)


def test_what_was_not_measured_is_said() -> None:
    assert not extrapolates(1, 0.003, MEASURED)
    assert extrapolates(1000, 0.003, MEASURED)


@given(st.integers(0, 2**32 - 1))
def test_a_fit_bounds_every_measured_tail(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(0.0, 0.1, 400)
    fitted = fit(scores, 10, "test")
    for fmr in (0.05, 0.02, 0.01):
        over = float((scores >= threshold(1, fmr, fitted)).mean())
        assert over <= fmr + 1 / len(scores)


@pytest.mark.parametrize(("n", "fpir"), [(0, 0.1), (5, 0.0), (5, 1.0)])
def test_nonsense_is_refused(n: int, fpir: float) -> None:
    with pytest.raises(CalibrationError):
        threshold(n, fpir, MEASURED)


def test_too_few_scores_are_refused() -> None:
    with pytest.raises(CalibrationError, match="too few"):
        fit([0.1] * 99, 2, "test")
