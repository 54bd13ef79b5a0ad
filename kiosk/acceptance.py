"""What a derived network may differ in from its original: the bounds, and the verdict.

Pure: scores and embeddings in, figures and a reason out. All bounds must hold on the same faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.calibration import Calibration
from recognizer.derived import SAME, Kind
from recognizer.evaluation import compare_all, evaluate
from recognizer.faces import Vector

Scores = NDArray[np.float64]

# 0.99 turns an embedding by 8 degrees at the most. Between the threshold of 25 templates (0.571:
# docs/recognition.md, 55 degrees) and the least cosine on rendered walk-ups (0.70, 46) lie 9.
LEAST_COSINE = 0.99
# A third of the FPIR of 0.3 % that a terminal promises is the most by which refusals may rise.
# Acceptances of strangers may not rise at all.
FNMR_RISE = 0.001
# A tenth of the way from a certain score (0 or 1) to the thresholds (0.5): our own choice. What
# decides a picture otherwise is refused whatever the difference.
SCORE_DIFFERENCE = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was measured, and why the network is not taken; None where it is."""

    measured: dict[str, float]
    why_not: str | None


def judge_embeddings(
    kind: Kind, original: Vector, derived: Vector, people: list[str], calibration: Calibration
) -> Verdict:
    """Of (n, d) embeddings of the same faces by the original and the derived embedder."""
    if not np.isfinite(derived).all():
        return Verdict({}, "it gives numbers that are not finite")
    cosines = np.einsum("ij,ij->i", original.astype(np.float64), derived.astype(np.float64))
    apart = float(np.abs(original - derived).max())
    count = len(set(people))
    before, after = (
        evaluate(compare_all(each, people), count, calibration) for each in (original, derived)
    )
    measured = {
        "min_cosine": float(cosines.min()),
        "median_cosine": float(np.median(cosines)),
        "largest_difference": apart,
        "fnmr_original": before.fnmr.value or 0.0,
        "fnmr": after.fnmr.value or 0.0,
        "fmr_original": before.fmr.value or 0.0,
        "fmr": after.fmr.value or 0.0,
    }
    if kind == "graph":
        return Verdict(measured, _not_same(apart))
    if measured["min_cosine"] < LEAST_COSINE:
        why = f"least cosine {measured['min_cosine']:.4f}, {LEAST_COSINE} wanted"
        return Verdict(measured, why)
    if after.fmr.events > before.fmr.events:
        why = f"accepts {after.fmr.events} pairs of strangers, the original {before.fmr.events}"
        return Verdict(measured, why)
    rise = measured["fnmr"] - measured["fnmr_original"]
    if rise > FNMR_RISE:
        return Verdict(measured, f"FNMR rises by {rise:.4f}, at most {FNMR_RISE} allowed")
    return Verdict(measured, None)


def judge_scores(kind: Kind, original: Scores, derived: Scores, threshold: float) -> Verdict:
    """Of (n,) scores of the same pictures, 0..1, and the score from which they decide otherwise."""
    if not np.isfinite(derived).all():
        return Verdict({}, "it gives numbers that are not finite")
    apart = float(np.abs(original - derived).max())
    flips = int(np.count_nonzero((original >= threshold) != (derived >= threshold)))
    measured = {"largest_difference": apart, "flips": float(flips)}
    if flips:
        return Verdict(measured, f"decides {flips} of {len(original)} pictures otherwise")
    if kind == "graph":
        return Verdict(measured, _not_same(apart))
    if apart > SCORE_DIFFERENCE:
        return Verdict(measured, f"scores differ by {apart:.3f}, at most {SCORE_DIFFERENCE}")
    return Verdict(measured, None)


def _not_same(apart: float) -> str | None:
    return None if apart <= SAME else f"numbers differ by {apart:.1e}, at most {SAME:.0e}"
