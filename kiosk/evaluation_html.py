"""An evaluation as one HTML file that needs nothing else: tables, score histogram, DET curve.

The charts are inline SVG. No picture of a face is in it; photos are named, so the file is personal
data all the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from kiosk.evaluation_report import measures
from recognizer.evaluation import Evaluation, det_curve
from recognizer.faces import Vector

_W, _H = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 44
_GENUINE, _IMPOSTOR, _LINE = "#1f7a4d", "#b3402a", "#34506b"
_STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .8rem .2rem 0;
border-bottom:1px solid #ddd;vertical-align:top}h2{margin-top:2rem}svg{width:100%;height:auto}
svg text{font:12px system-ui,sans-serif;fill:#444}.note{color:#666}
"""


def report_html(result: Mapping[str, Any], found: Evaluation) -> str:
    """The report; `result` is `kiosk.evaluation_report.summary` with `pack` and `model`."""
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'><title>kiosk evaluate</title>",
        f"<style>{_STYLE}</style><h1>Evaluation</h1>",
        f"<p>Pack {escape(str(result['pack']))}, embedder {escape(str(result['model'])[:16])}…</p>",
        _table(("measure", "value", "remark"), measures(dict(result))),
        "<p class=note>Intervals are Clopper and Pearson's and take comparisons for independent; "
        "over few people a real one is wider. The best accuracy's threshold was chosen on these "
        "same photos.</p>",
        "<h2>Scores</h2>",
        _histogram(found),
        "<h2>DET curve</h2>",
        _det(found),
    ]
    for key, title in (
        ("worst_genuine", "Least alike photos of one person"),
        ("worst_impostor", "Most alike photos of two people"),
        ("failed_photos", "Photos that could not be used"),
    ):
        rows = result[key]
        body = _table(tuple(rows[0]), rows) if rows else "<p>None.</p>"
        parts.append(f"<h2>{title}</h2>{body}")
    return "\n".join([*parts, "</html>", ""])


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    head = "".join(f"<th>{escape(column)}" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(row[column]))}" for column in columns) for row in rows
    )
    return f"<table><tr>{head}{body}</table>"


def _x(part: float) -> float:
    return _LEFT + part * (_W - _LEFT - _RIGHT)


def _y(part: float) -> float:
    return _H - _BOTTOM - part * (_H - _TOP - _BOTTOM)


def _svg(title: str, parts: Sequence[str]) -> str:
    frame = f"<path d='M{_x(0):.1f} {_y(1):.1f}V{_y(0):.1f}H{_x(1):.1f}' fill=none stroke='#888'/>"
    inside = "".join(parts)
    return f"<svg viewBox='0 0 {_W} {_H}' role=img aria-label='{title}'>{frame}{inside}</svg>"


def _text(x: float, y: float, text: str, anchor: str = "middle", colour: str = "") -> str:
    fill = f" style='fill:{colour}'" if colour else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor={anchor}{fill}>{escape(text)}</text>"


def _histogram(found: Evaluation) -> str:
    """Both kinds of score as shares of their own number, and the operating threshold."""
    genuine, impostor = found.comparisons.genuine, found.comparisons.impostor
    if not genuine.size and not impostor.size:
        return "<p>No comparison.</p>"
    low, high, bins = -0.4, 1.0, 70

    def shares(scores: Vector) -> list[float]:
        if not scores.size:
            return [0.0] * bins
        counts, _ = np.histogram(np.clip(scores, low, high), bins, (low, high))
        return [float(count) / scores.size for count in counts]

    both = (shares(genuine), shares(impostor))
    top = max(*both[0], *both[1])
    parts = []
    for values, colour in zip(both, (_GENUINE, _IMPOSTOR), strict=True):
        for i, value in enumerate(values):
            if value:
                x, y, wide = _x(i / bins), _y(value / top), _x(1 / bins) - _x(0) - 0.5
                parts.append(
                    f"<rect x='{x:.1f}' y='{y:.1f}' width='{wide:.1f}' height='{_y(0) - y:.1f}' "
                    f"fill='{colour}' fill-opacity='.6'/>"
                )
    for tick in range(-4, 11, 2):
        parts.append(_text(_x((tick / 10 - low) / (high - low)), _H - 26, f"{tick / 10:.1f}"))
    at = _x((found.operating_threshold - low) / (high - low))
    parts += [
        f"<path d='M{at:.1f} {_y(0):.1f}V{_y(1):.1f}' stroke='{_LINE}' stroke-dasharray='4 3'/>",
        _text(at + 4, _TOP + 10, f"operating {found.operating_threshold:.3f}", "start", _LINE),
        _text(_x(0.5), _H - 8, "cosine"),
        _text(_x(0) - 6, _y(1) + 8, f"{top:.0%}", "end"),
        _text(_x(0) - 6, _y(0), "0", "end"),
        _text(_x(0) + 8, _TOP + 10, f"{impostor.size} impostor pairs", "start", _IMPOSTOR),
        _text(_x(0) + 8, _TOP + 26, f"{genuine.size} genuine pairs", "start", _GENUINE),
    ]
    return _svg("Histogram of genuine and impostor scores", parts)


def _det(found: Evaluation) -> str:
    """FNMR over FMR, both logarithmic; a rate of 0 is drawn on the edge."""
    curve = det_curve(found.comparisons)
    if not curve:
        return "<p>Needs pairs of one person and pairs of two.</p>"
    across = _decades(found.comparisons.impostor.size)
    up = _decades(found.comparisons.genuine.size)

    def part(rate: float, decades: int) -> float:
        return max(0.0, 1 + math.log10(max(rate, 1e-12)) / decades)

    points = [(_x(part(fmr, across)), _y(part(fnmr, up))) for _, fmr, fnmr in curve]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = []
    for decade in range(across + 1):
        x = _x(1 - decade / across)
        parts.append(f"<path d='M{x:.1f} {_y(0):.1f}V{_y(1):.1f}' stroke='#eee'/>")
        parts.append(_text(x, _H - 26, f"1e-{decade}" if decade else "1"))
    for decade in range(up + 1):
        y = _y(1 - decade / up)
        parts.append(f"<path d='M{_x(0):.1f} {y:.1f}H{_x(1):.1f}' stroke='#eee'/>")
        parts.append(_text(_x(0) - 6, y + 4, f"1e-{decade}" if decade else "1", "end"))
    parts.append(f"<polyline points='{line}' fill=none stroke='{_LINE}' stroke-width='2'/>")
    fmr, fnmr = found.fmr.value, found.fnmr.value
    if fmr is not None and fnmr is not None:
        x, y = _x(part(fmr, across)), _y(part(fnmr, up))
        parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r=5 fill='{_IMPOSTOR}'/>")
        parts.append(_text(x + 9, y - 7, "operating point", "start", _IMPOSTOR))
    parts.append(_text(_x(0.5), _H - 8, "FMR (across) and FNMR (up); on the edge a rate is 0"))
    return _svg("DET curve", parts)


def _decades(comparisons: int) -> int:
    """Powers of ten that so many comparisons can show."""
    return max(1, math.ceil(math.log10(comparisons)))
