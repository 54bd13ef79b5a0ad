"""An evaluation as one HTML file that needs nothing else: tables, score histogram, DET curve.

The charts are inline SVG. No picture of a face is in it; photos are named, so the file is personal
data all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from kiosk.evaluation_charts import det_chart, score_histogram
from kiosk.evaluation_report import measures
from kiosk.evaluation_tables import (
    LATENCY,
    PACKS,
    group_tables,
    latency_note,
    latency_rows,
    open_set_note,
    pack_notes,
    pack_rows,
)
from recognizer.evaluation import Evaluation

_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:52rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;
border-bottom:1px solid #ddd;vertical-align:top}td:first-child{white-space:nowrap}
h2{margin-top:2rem}svg{width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:#444}.note{color:#666}
.heat td{padding:.3rem .5rem;border:2px solid #fff}.heat small{color:#333;display:block}
"""


def report_html(results: Sequence[tuple[Mapping[str, Any], Evaluation | None]]) -> str:
    """The report of each pack's result, as `kiosk.commands.pack_run.PackRun` has them."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'><title>kiosk evaluate</title>",
        f"<style>{_STYLE}</style><h1>Evaluation</h1>",
    ]
    if len(results) > 1:
        every = [result for result, _ in results]
        parts += ["<h2>Packs side by side</h2>", _table(PACKS, pack_rows(every))]
        parts += map(_note, pack_notes(every))
    for result, found in results:
        if found is not None:
            parts += _pack(result, found)
    return "\n".join([*parts, "</html>", ""])


def _pack(result: Mapping[str, Any], found: Evaluation) -> list[str]:
    pack, model = escape(str(result["pack"])), escape(str(result["model"])[:16])
    parts = [
        f"<h2>Pack {pack}</h2><p>Embedder {model}…</p>",
        _table(("measure", "value", "remark"), measures(dict(result))),
        _note(
            "Intervals are Clopper and Pearson's and take comparisons for independent; over few "
            "people a real one is wider. The best accuracy's threshold was chosen on these same "
            "photos."
        ),
        _note(open_set_note(result)),
        f"<h3>Scores</h3>{score_histogram(found)}<h3>DET curve</h3>{det_chart(found)}",
    ]
    for title, columns, rows, notes in group_tables(result):
        parts += [f"<h3>{escape(title)}</h3>", _table(columns, rows), *map(_note, notes)]
    if result["robustness"] is not None:
        parts += _robustness(result["robustness"])
    parts += ["<h3>Time a photo takes</h3>", _table(LATENCY, latency_rows(result))]
    parts.append(_note(latency_note(result)))
    for key, title in (
        ("worst_genuine", "Least alike photos of one person"),
        ("worst_impostor", "Most alike photos of two people"),
        ("failed_photos", "Photos that could not be used"),
    ):
        rows = result[key]
        body = _table(tuple(rows[0]), rows) if rows else "<p>None.</p>"
        parts.append(f"<h3>{title}</h3>{body}")
    return parts


def _robustness(found: Mapping[str, Any]) -> list[str]:
    """Degradations down, strengths across; the redder the more rejections, FTA among them."""
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["rows"]:
        rows.setdefault(row["degradation"], []).append(row)
    lines = []
    for name, levels in rows.items():
        unit = levels[0]["unit"]
        span = " colspan=5" if len(levels) == 1 else ""
        cells = "".join(_heat(row, span) for row in levels)
        label = f"{escape(name)}<br><small>{escape(unit)}</small>"
        lines.append(f"<tr><td>{label}{cells}")
    head = "".join(f"<th>{level}" for level in range(1, 6))
    return [
        "<h3>Robustness</h3>",
        f"<table class=heat><tr><th>degraded probe{head}{''.join(lines)}</table>",
        _note(
            "Large: comparisons with other photos of the same person that were rejected, those "
            "counted that a probe without a usable face could not make. Below: the strength, false "
            "non-matches of the comparisons made, probes not acquired, false matches if any. "
            f"{found['probes']} photos, {found['photos_a_person']} a person at most; the "
            "degradations are drawn, not photographed."
        ),
    ]


def _heat(row: Mapping[str, Any], span: str) -> str:
    rejected = row["false_rejection"]
    share = 0.0 if rejected is None else float(rejected)

    compared = f"FNMR {row['fnmr_events']}/{row['fnmr_trials']}"
    lines = [
        compared if row["fnmr_trials"] else "none compared",
        f"FTA {row['not_acquired_events']}/{row['not_acquired_trials']}",
    ]
    if row["fmr_events"]:
        lines.append(f"FMR {row['fmr_events']}/{row['fmr_trials']}")
    if row["strength"] is not None:
        lines.insert(0, f"at {row['strength']:g}")
    colour = f"hsl({130 - 130 * share:.0f} 55% {90 - 12 * share:.0f}%)"
    small = "".join(f"<small>{line}</small>" for line in lines)
    return f"<td{span} style='background:{colour}'><b>{_short(rejected)}</b>{small}"


def _short(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.1%}"


def _note(text: str) -> str:
    return f"<p class=note>{escape(text)}</p>" if text else ""


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    head = "".join(f"<th>{escape(column)}" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[column]))}" for column in columns) for row in rows
    )
    return f"<table><tr>{head}{body}</table>"
