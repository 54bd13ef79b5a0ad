"""An evaluation as plain values, for JSON, and as the rows of a table, for people."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kiosk.photo_sets import Acquired, PhotoSet
from recognizer.evaluation import FPIR, Evaluation, Pair, Rate


def summary(photos: PhotoSet, acquired: Acquired, found: Evaluation) -> dict[str, Any]:
    """The result as plain values; a rate that nothing was measured for is None."""
    shown = [photo.name for photo in acquired.photos]
    comparisons = found.comparisons

    def rows(pairs: tuple[Pair, ...]) -> list[dict[str, object]]:
        return [
            {"a": shown[p.a], "b": shown[p.b], "score": round(float(p.score), 4)} for p in pairs
        ]

    return {
        "photos": len(photos.photos),
        "people": photos.people,
        "failure_to_enrol": Rate(photos.people - acquired.people, photos.people).value,
        "failure_to_acquire": Rate(len(acquired.failed), len(photos.photos)).value,
        "failures": dict(sorted(Counter(reason for _, reason in acquired.failed).items())),
        "failed_photos": [{"photo": p.name, "reason": reason} for p, reason in acquired.failed],
        "genuine_pairs": comparisons.genuine.size,
        "impostor_pairs": comparisons.impostor.size,
        "pairs_left_out": (
            0
            if photos.pairs is None
            else len(photos.pairs) - comparisons.genuine.size - comparisons.impostor.size
        ),
        "best_accuracy": found.best_accuracy,
        "best_threshold": found.best_threshold,
        "operating_threshold": found.operating_threshold,
        "operating_people": max(acquired.people, 1),
        "operating_fpir": FPIR,
        "operating_threshold_extrapolated": found.extrapolates,
        "fnmr": found.fnmr.value,
        "fnmr_interval_95": found.fnmr.interval,
        "fmr": found.fmr.value,
        "fmr_interval_95": found.fmr.interval,
        "fnmr_at_fmr": [
            {
                "fmr": row.fmr,
                "threshold": row.threshold,
                "fnmr": None if row.fnmr is None else row.fnmr.value,
                "fnmr_interval_95": None if row.fnmr is None else row.fnmr.interval,
                "why_not": row.why_not,
            }
            for row in found.at_fmr
        ],
        "worst_genuine": rows(comparisons.worst_genuine),
        "worst_impostor": rows(comparisons.worst_impostor),
    }


def measures(result: dict[str, Any]) -> list[dict[str, object]]:
    """The table of the text output: what, value, and remark."""
    gallery = f"gallery of {result['operating_people']}, FPIR {result['operating_fpir']}"
    if result["operating_threshold_extrapolated"]:
        gallery += "; beyond what the calibration measured"
    reasons = ", ".join(f"{reason} {n}" for reason, n in result["failures"].items())
    lines: list[tuple[str, object, str]] = [
        ("photos", result["photos"], ""),
        ("people", result["people"], ""),
        ("failure to enrol", _percent(result["failure_to_enrol"]), "people"),
        ("failure to acquire", _percent(result["failure_to_acquire"]), reasons or "photos"),
        ("genuine pairs", result["genuine_pairs"], ""),
        ("impostor pairs", result["impostor_pairs"], ""),
        ("best accuracy", _percent(result["best_accuracy"]), _at(result["best_threshold"])),
        ("operating threshold", f"{result['operating_threshold']:.4f}", gallery),
        ("FNMR there", _percent(result["fnmr"]), _interval(result["fnmr_interval_95"])),
        ("FMR there", _percent(result["fmr"]), _interval(result["fmr_interval_95"])),
    ]
    for row in result["fnmr_at_fmr"]:
        remark = row["why_not"] or f"{_at(row['threshold'])}, {_interval(row['fnmr_interval_95'])}"
        lines.append((f"FNMR at FMR {row['fmr']:.0e}", _percent(row["fnmr"]), remark))
    return [{"measure": what, "value": value, "remark": why} for what, value, why in lines]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.3%}"


def _at(threshold: float | None) -> str:
    return "" if threshold is None else f"at {threshold:.4f}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "nothing to measure on" if ends is None else f"95 %: {ends[0]:.3%} to {ends[1]:.3%}"
