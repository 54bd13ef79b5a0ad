"""An evaluation's longer parts as values and as rows: open set, groups, robustness, time.

The values go into JSON as they are; the rows are what text and HTML both show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from kiosk.evaluation_report import percent, rate_of, shown_rate
from kiosk.photo_sets import Acquired, PhotoSet
from kiosk.robustness import RobustnessRow
from recognizer.evaluation import Rate
from recognizer.groups import GroupRates, differential
from recognizer.open_set import SEED, OpenSet, fnir_at_fpir

GROUPS = ("group", "people", "photos", "not acquired", "FNMR", "genuine", "FMR", "impostor")
LATENCY = ("stage", "photos", "p50 ms", "p95 ms")
ROBUSTNESS = ("degradation", "strength", "rejected", "FNMR", "refused", "not acquired", "FMR")
PACKS = ("pack", "not acquired", "accuracy", "threshold", "FNMR", "FMR", "FNMR at 1e-2", "ms")

Row = dict[str, object]


def open_set_values(found: OpenSet | None, wanted: Sequence[float]) -> dict[str, Any]:
    """The splits and FNIR at each FPIR; None where the set does not say who is who."""
    if found is None:
        why = "needs a folder a person: a pairs file does not say who is in the other photos"
        rows = [
            {"fpir": fpir, "threshold": None, **rate_of("fnir", Rate(0, 0)), "why_not": why}
            for fpir in wanted
        ]
        return {"splits": 0, "fnir_at_fpir": rows}
    rows = []
    for fpir in wanted:
        at = fnir_at_fpir(found, fpir)
        rows.append(
            {
                "fpir": fpir,
                "threshold": at.threshold,
                "fnir": at.value,
                "fnir_events": at.events,
                "fnir_trials": at.trials,
                "fnir_interval_95": at.interval,
                "why_not": at.why_not,
            }
        )
    return {
        "splits": found.splits,
        "seed": SEED,
        "enrolled_people": found.gallery,
        "mated_searches": found.mated.size,
        "non_mated_searches": found.non_mated.size,
        "mated_photos": found.mated_photos,
        "non_mated_photos": found.non_mated_photos,
        "fnir_at_fpir": rows,
    }


def open_set_note(result: Mapping[str, Any]) -> str:
    """What FNIR was measured on; empty where it was not."""
    o = result["open_set"]
    if not o["splits"]:
        return ""
    return (
        f"FNIR: {o['splits']} seeded splits, each enrols {o['enrolled_people']} people by the "
        f"first half of their photos; {o['mated_searches']} mated searches of {o['mated_photos']} "
        f"photos, {o['non_mated_searches']} non-mated ones of {o['non_mated_photos']}. Intervals "
        "and reach go by photos, since one photo searches in several splits."
    )


def group_values(
    attribute: str,
    groups: Sequence[str | None],
    rates: Sequence[GroupRates],
    photos: PhotoSet,
    acquired: Acquired,
) -> dict[str, Any]:
    """One attribute's groups and their differentials; `groups` goes by photo of the set."""
    failed = {photo for photo, _ in acquired.failed}
    by_name = {found.group: found for found in rates}
    empty = Rate(0, 0)
    rows: list[dict[str, Any]] = []
    for group in sorted({group for group in groups if group is not None}):
        own = [p for p, g in zip(photos.photos, groups, strict=True) if g == group]
        found = by_name.get(group, GroupRates(group, empty, empty))
        rows.append(
            {
                "group": group,
                "people": len({photo.person for photo in own}),
                "photos": len(own),
                **rate_of("failure_to_acquire", Rate(sum(p in failed for p in own), len(own))),
                **rate_of("fnmr", found.fnmr),
                **rate_of("fmr", found.fmr),
            }
        )
    return {
        "attribute": attribute,
        "photos_without": sum(group is None for group in groups),
        "groups": rows,
        "fnmr_differential": asdict(differential({found.group: found.fnmr for found in rates})),
        "fmr_differential": asdict(differential({found.group: found.fmr for found in rates})),
    }


def group_tables(
    result: Mapping[str, Any],
) -> list[tuple[str, Sequence[str], list[Row], list[str]]]:
    """A title, columns, rows and notes for each attribute."""
    tables: list[tuple[str, Sequence[str], list[Row], list[str]]] = []
    for found in result["groups"]:
        rows: list[Row] = []
        for row in found["groups"]:
            fnmr, fmr = shown_rate(row, "fnmr", "pairs"), shown_rate(row, "fmr", "pairs")
            lost = f"{row['failure_to_acquire_events']} of {row['photos']}"
            values = (row["group"], row["people"], row["photos"], lost, *fnmr, *fmr)
            rows.append(dict(zip(GROUPS, values, strict=True)))
        notes = [_differential(n, found[f"{n.lower()}_differential"]) for n in ("FNMR", "FMR")]
        notes.append(
            "At the operating threshold; both photos of a comparison are of the group. "
            f"{found['photos_without']} photos have no {found['attribute']}."
        )
        tables.append((f"By {found['attribute']}", GROUPS, rows, notes))
    return tables


def _differential(name: str, found: Mapping[str, Any]) -> str:
    if found["value"] is not None:
        ends = f"{found['largest']} over {found['smallest']}"
        return f"{name} differential: {found['value']:.2f} ({ends})"
    text = f"{name} differential: none, {found['why_not']}"
    if found["at_least"] is not None:
        text += f"; {found['at_least']:.2f} over the upper end of that interval"
    return text


def robustness_values(
    rows: Sequence[RobustnessRow], probes: int, photos_a_person: int
) -> dict[str, Any]:
    """Every degradation at every strength, the undegraded probes first."""
    return {
        "probes": probes,
        "photos_a_person": photos_a_person,
        "rows": [
            {
                "degradation": row.degradation,
                "unit": row.unit,
                "level": row.level,
                "strength": row.strength,
                **rate_of("not_acquired", row.rates.not_acquired),
                **rate_of("fnmr", row.rates.fnmr),
                **rate_of("false_rejection", row.rates.false_rejection),
                **rate_of("fmr", row.rates.fmr),
            }
            for row in rows
        ],
    }


def robustness_rows(result: Mapping[str, Any]) -> list[Row]:
    """For the text output."""
    rows: list[Row] = []
    for r in result["robustness"]["rows"]:
        strength = "" if r["strength"] is None else f"{r['level']}: {r['strength']:g} {r['unit']}"
        values = (
            r["degradation"],
            strength,
            percent(r["false_rejection"]),
            percent(r["fnmr"]),
            f"{r['fnmr_events']} of {r['fnmr_trials']}",
            f"{r['not_acquired_events']} of {r['not_acquired_trials']}",
            f"{r['fmr_events']} of {r['fmr_trials']}",
        )
        rows.append(dict(zip(ROBUSTNESS, values, strict=True)))
    return rows


def latency_rows(result: Mapping[str, Any]) -> list[Row]:
    """p50 and p95 of each stage."""
    keys = ("stage", "photos", "p50_ms", "p95_ms")
    return [
        dict(zip(LATENCY, (row[key] for key in keys), strict=True))
        for row in result["latency"]["stages"]
    ]


def latency_note(result: Mapping[str, Any]) -> str:
    """The machine and how many threads worked."""
    told = result["latency"]
    return (
        f"{told['machine']}, {told['processors']} processors; networks on "
        f"{told['network_threads']} thread, OpenCV on {told['opencv_threads']}; whatever else ran "
        "on the machine is in it"
    )


def pack_rows(results: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Packs side by side; `pack_notes` says why one could not be opened."""
    rows: list[Row] = []
    for result in results:
        if result["error"] is not None:
            values = (result["pack"], "not opened", *[""] * (len(PACKS) - 2))
        else:
            at_fmr = result["fnmr_at_fmr"][0]
            values = (
                result["pack"],
                f"{result['failure_to_acquire_events']} of {result['photos']}",
                percent(result["best_accuracy"]),
                f"{result['operating_threshold']:.4f}",
                f"{percent(result['fnmr'])} ({result['fnmr_events']} of {result['fnmr_trials']})",
                f"{percent(result['fmr'])} ({result['fmr_events']} of {result['fmr_trials']})",
                percent(at_fmr["fnmr"]),
                f"{sum(row['p50_ms'] for row in result['latency']['stages']):.1f}",
            )
        rows.append(dict(zip(PACKS, values, strict=True)))
    return rows


def pack_notes(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why packs could not be opened."""
    return [f"{r['pack']}: {r['error']}" for r in results if r["error"] is not None]
