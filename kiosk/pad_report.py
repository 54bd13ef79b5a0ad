"""A PAD evaluation as plain values for JSON, as rows of a table, and as one HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from recognizer.decision import DecisionPolicy
from recognizer.motion import Opinion, judge_motion
from recognizer.pad_evaluation import Check, PadRates, Presented, Response, Row, classify
from recognizer.simulated_motion import Mover, simulate

SYNTHETIC_NOTE = (
    "SYNTHETIC: presentations marked synthetic were rendered from photos, not recorded. They show "
    "that the check works at all, not how it does against attacks of flesh and paper."
)
_SYNTHETIC = " (synthetic)"
_TRACKS = 100  # of each simulated mover: a rate of 0 has an upper bound of 3.6 %


def pad_summary(
    presented: Sequence[Presented],
    failed: Sequence[tuple[str, str]],
    rates: Sequence[PadRates],
    threshold: float,
    policy: DecisionPolicy,
) -> dict[str, Any]:
    """The result as plain values; a rate that nothing was measured for is None."""
    synthetic = any(p.synthetic for p in presented)
    return {
        "presentations": len(presented),
        "bona_fide": sum(p.species is None for p in presented),
        "attacks": sum(p.species is not None for p in presented),
        "pai_species": sorted({p.species for p in presented if p.species is not None}),
        "synthetic": synthetic,
        "synthetic_presentations": sum(p.synthetic for p in presented),
        "live_threshold": threshold,
        "min_frames": policy.min_frames,
        "max_frames": policy.max_frames,
        "checks": {each.check.value: _check(each) for each in rates},
        "simulated_motion": _simulated() if synthetic else [],
        "misclassified": [
            {"presentation": p.name, "species": _label(p.species, p.synthetic), "as": said.value}
            for p in presented
            if (said := classify(p.evidence, Check.FUSED, threshold, policy))
            is (Response.ATTACK if p.species is None else Response.BONA_FIDE)
        ],
        "failed_pictures": [{"picture": name, "reason": reason} for name, reason in failed],
    }


def pad_rows(result: Mapping[str, Any]) -> list[dict[str, object]]:
    """The table: one row a check and species, then its highest APCER."""
    rows: list[dict[str, object]] = []
    for check, found in result["checks"].items():
        for kind, measure, silent in (
            ("bona_fide", "bpcer", "bpnrr"),
            ("attacks", "apcer", "apnrr"),
        ):
            for row in found[kind]:
                rows.append(
                    {
                        "check": check,
                        "presented": row["species"] or "bona fide",
                        "source": "synthetic" if row["synthetic"] else "real",
                        "n": row["presentations"],
                        "measure": measure.upper(),
                        "rate": _percent(row[measure]),
                        "95 %": _interval(row[f"{measure}_interval_95"]),
                        "no response": _percent(row[silent]),
                    }
                )
        if found["highest_apcer"] is not None:
            rows.append(
                {
                    "check": check,
                    "presented": found["highest_apcer_species"].removesuffix(_SYNTHETIC),
                    "source": (
                        "synthetic"
                        if found["highest_apcer_species"].endswith(_SYNTHETIC)
                        else "real"
                    ),
                    "n": None,
                    "measure": "highest APCER",
                    "rate": _percent(found["highest_apcer"]),
                    "95 %": None,
                    "no response": None,
                }
            )
    return rows


def pad_html(result: Mapping[str, Any]) -> str:
    """One file that needs nothing else; it names pictures and shows none."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'><title>kiosk pad evaluate</title>",
        "<style>body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:52rem;"
        "padding:0 1rem;color:#222}table{border-collapse:collapse;width:100%}td,th{text-align:left;"
        "padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd}.warn{background:#fff3d6;"
        "padding:.6rem .9rem;border-left:4px solid #c98a00}</style>",
        "<h1>Presentation attack detection</h1>",
        f"<p>{result['presentations']} presentations, {result['bona_fide']} bona fide, "
        f"{result['attacks']} attacks of the PAI species "
        f"{escape(', '.join(result['pai_species']) or 'none')}. Live threshold "
        f"{result['live_threshold']:g}, {result['min_frames']} to {result['max_frames']} "
        "frames.</p>",
    ]
    if result["synthetic"]:
        parts.append(f"<p class=warn>{escape(SYNTHETIC_NOTE)}</p>")
    parts.append(_table(pad_rows(result)))
    parts.append(
        "<p>APCER and BPCER are of the presentations that got a response, with Clopper and "
        "Pearson's intervals; species are never averaged (ISO/IEC 30107-3).</p>"
    )
    for key, title in (
        ("simulated_motion", "Motion check on simulated landmarks (synthetic, no pictures)"),
        ("misclassified", "Taken for the other kind by the fused check"),
        ("failed_pictures", "Pictures that could not be used"),
    ):
        if result[key]:
            parts.append(f"<h2>{title}</h2>{_table(result[key])}")
    return "\n".join([*parts, "</html>", ""])


def _check(rates: PadRates) -> dict[str, Any]:
    worst = rates.worst
    return {
        "bona_fide": [_row(row, "bpcer", "bpnrr") for row in rates.bona_fide],
        "attacks": [_row(row, "apcer", "apnrr") for row in rates.attacks],
        "highest_apcer": None if worst is None else worst.error.value,
        "highest_apcer_species": None if worst is None else _label(worst.species, worst.synthetic),
    }


def _row(row: Row, error: str, silent: str) -> dict[str, Any]:
    return {
        "species": row.species,
        "synthetic": row.synthetic,
        "presentations": row.presentations,
        "responses": row.error.trials,
        "errors": row.error.events,
        error: row.error.value,
        f"{error}_interval_95": row.error.interval,
        silent: row.silent.value,
    }


def _simulated() -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for mover in Mover:
        said = Counter(judge_motion(simulate(mover, seed)).opinion for seed in range(_TRACKS))
        shares = {opinion.value: said[opinion] for opinion in Opinion}
        rows.append({"mover": mover.value, "live": mover.live, "tracks": _TRACKS, **shares})
    return rows


def _label(species: str | None, synthetic: bool) -> str:
    return (species or "bona fide") + (_SYNTHETIC if synthetic else "")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f"{ends[0]:.1%} to {ends[1]:.1%}"


def _table(rows: Sequence[Mapping[str, object]]) -> str:
    head = "".join(f"<th>{escape(column)}" for column in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{escape('' if v is None else str(v))}" for v in row.values())
        for row in rows
    )
    return f"<table><tr>{head}{body}</table>"
