"""An evaluation as plain values, for JSON, and as the rows of a table, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
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
        **rate_of("failure_to_enrol", Rate(photos.people - acquired.people, photos.people)),
        **rate_of("failure_to_acquire", Rate(len(acquired.failed), len(photos.photos))),
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
        **rate_of("fnmr", found.fnmr),
        **rate_of("fmr", found.fmr),
        "fnmr_at_fmr": [
            {
                "fmr": row.fmr,
                "threshold": row.threshold,
                **rate_of("fnmr", row.fnmr or Rate(0, 0)),
                "impostor_pairs": comparisons.impostor.size,
                "why_not": row.why_not,
            }
            for row in found.at_fmr
        ],
        "worst_genuine": rows(comparisons.worst_genuine),
        "worst_impostor": rows(comparisons.worst_impostor),
    }


def rate_of(name: str, rate: Rate) -> dict[str, object]:
    """A rate under its name, with what it is made of; None where nothing was measured."""
    return {
        name: rate.value,
        f"{name}_events": rate.events,
        f"{name}_trials": rate.trials,
        f"{name}_interval_95": rate.interval,
    }


def measures(result: dict[str, Any]) -> list[dict[str, object]]:
    """The table of the text output: what, value, and remark."""
    gallery = (
        f"gallery of {result['operating_people']} people, one template each, "
        f"FPIR {result['operating_fpir']}"
    )
    if result["operating_threshold_extrapolated"]:
        gallery += "; beyond what the calibration measured"
    reasons = "".join(f"; {reason} {n}" for reason, n in result["failures"].items())
    lines: list[tuple[str, object, str]] = [
        ("photos", result["photos"], ""),
        ("people", result["people"], ""),
        ("failure to enrol", *shown_rate(result, "failure_to_enrol", "people")),
        ("failure to acquire", *shown_rate(result, "failure_to_acquire", f"photos{reasons}")),
        ("genuine pairs", result["genuine_pairs"], ""),
        ("impostor pairs", result["impostor_pairs"], ""),
        ("best accuracy", percent(result["best_accuracy"]), _at(result["best_threshold"])),
        ("operating threshold", f"{result['operating_threshold']:.4f}", gallery),
        ("FNMR there", *shown_rate(result, "fnmr", "pairs")),
        ("FMR there", *shown_rate(result, "fmr", "pairs")),
    ]
    for row in result["fnmr_at_fmr"]:
        value, remark = shown_rate(row, "fnmr", "pairs")
        why = row["why_not"] or f"{_at(row['threshold'])}, {remark}"
        lines.append((f"FNMR at FMR {row['fmr']:.0e}".replace("e-0", "e-"), value, why))
    for row in result["open_set"]["fnir_at_fpir"]:
        value, remark = shown_rate(row, "fnir", "searches")
        why = row["why_not"] or f"{_at(row['threshold'])}, {remark}"
        lines.append((f"FNIR at FPIR {row['fpir']:g}", value, why))
    return [{"measure": what, "value": value, "remark": why} for what, value, why in lines]


def shown_rate(result: Mapping[str, Any], name: str, of_what: str) -> tuple[str, str]:
    """A rate as percent, and `events of trials` with the interval."""
    ends = result[f"{name}_interval_95"]
    if ends is None:
        return "-", "nothing to measure on"
    counted = f"{result[f'{name}_events']} of {result[f'{name}_trials']} {of_what}"
    return percent(result[name]), f"{counted}; 95 %: {ends[0]:.3%} to {ends[1]:.3%}"


def percent(value: float | None) -> str:
    """With three decimals; a dash for None."""
    return "-" if value is None else f"{value:.3%}"


def _at(threshold: float | None) -> str:
    return "" if threshold is None else f"at {threshold:.4f}"
