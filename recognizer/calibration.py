"""From the impostor distribution to the threshold of a gallery.

Rules
- The scores of two different people are bounded above by a normal distribution of `mean` and
  `bound_sd`: the smallest one whose tail lies on or over the measured top tenth (Gaussian
  overbounding, DeCleene, ION GPS 2000). It errs towards fewer false accepts, never more.
- A gallery of N templates makes N comparisons a probe: FPIR = 1 - (1 - FMR)^N. It is the union
  bound: a person's templates err together, so the true FPIR is lower.
- A threshold never falls when N grows or the wanted FPIR falls.
- `comparisons` says what the fit rests on. Below `finest_fmr` nothing was measured and the
  threshold follows the normal tail alone; `extrapolates` tells, so that a report can say so.

    threshold(200, 0.003, pack.calibration)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from recognizer.errors import RecognizerError

RULE_OF_THREE = 3.0  # no event in n trials: the rate is below 3/n at 95 % (Hanley 1983)
_FIT_FROM = 0.9  # the bound holds from this quantile up; the body of the distribution is no matter


class CalibrationError(RecognizerError, ValueError):
    """Too few scores to calibrate, or a gallery size or FPIR out of range."""


class Calibration(BaseModel):
    """The impostor distribution of an embedder, and what it was measured on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    bound_sd: Annotated[float, Field(gt=0)]
    highest: float
    comparisons: Annotated[int, Field(gt=0)]
    people: Annotated[int, Field(gt=1)]
    source: str

    @property
    def finest_fmr(self) -> float:
        """The lowest FMR that the comparisons can bear witness to (rule of three)."""
        return RULE_OF_THREE / self.comparisons


def false_match_rate(n_templates: int, fpir: float) -> float:
    """The FMR at which a gallery of `n_templates` has this FPIR; both are fractions.

    Raises `CalibrationError` for n_templates < 1 or an FPIR outside of (0, 1).
    """
    if n_templates < 1:
        raise CalibrationError(
            f"a gallery of {n_templates} templates has no threshold; at least 1 is needed"
        )
    if not 0 < fpir < 1:
        raise CalibrationError(f"an FPIR of {fpir} is no rate between 0 and 1")
    return -math.expm1(math.log1p(-fpir) / n_templates)


def threshold(n_templates: int, fpir: float, calibration: Calibration) -> float:
    """The cosine from which a probe is somebody of the gallery; at most 1."""
    fmr = false_match_rate(n_templates, fpir)
    # inv_cdf(1 - fmr) would lose fmr in the rounding of 1 - fmr.
    return min(calibration.mean - calibration.bound_sd * NormalDist().inv_cdf(fmr), 1.0)


def beyond_measured(n_templates: int, fpir: float, calibration: Calibration) -> float:
    """How many times finer the needed FMR is than the finest measured; over 1 it extrapolates."""
    return calibration.finest_fmr / false_match_rate(n_templates, fpir)


def extrapolates(n_templates: int, fpir: float, calibration: Calibration) -> bool:
    """Whether the threshold rests on the fitted tail rather than on measured comparisons."""
    return beyond_measured(n_templates, fpir, calibration) > 1


def fit(scores: NDArray[np.floating] | Sequence[float], people: int, source: str) -> Calibration:
    """The calibration of these impostor scores; raises `CalibrationError` for fewer than 100."""
    ordered = np.sort(np.asarray(scores, dtype=np.float64))
    if ordered.size < 100 or not np.isfinite(ordered).all():
        raise CalibrationError(f"{ordered.size} finite impostor scores are too few; 100 are needed")
    mean = float(ordered.mean())
    normal = NormalDist()
    first = int(ordered.size * _FIT_FROM)
    # Of n scores the i-th (from 0) stands for the quantile (i + 1/2) / n (Hazen).
    bounds = [
        (float(ordered[i]) - mean) / normal.inv_cdf((i + 0.5) / ordered.size)
        for i in range(first, ordered.size)
    ]
    return Calibration(
        mean=mean,
        bound_sd=max(*bounds, float(ordered.std())),
        highest=float(ordered[-1]),
        comparisons=ordered.size,
        people=people,
        source=source,
    )
