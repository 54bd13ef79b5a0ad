"""The DET curve and the score histogram as SVG: inside of the HTML report, or files of their own.

Well-formed XML without any outside reference; colours and sizes are the same in both places.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from kiosk.errors import PhotoSetError
from recognizer.evaluation import Evaluation, det_curve
from recognizer.faces import Vector

_W, _H = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 14, 44
_GENUINE, _IMPOSTOR, _LINE = "#1f7a4d", "#b3402a", "#34506b"
_TEXT_STYLE = "svg text{font:12px system-ui,sans-serif;fill:#444}"


def write_charts(directory: Path, found: Evaluation) -> None:
    """`det.svg` and `scores.svg` in the directory, made if it is not there.

    Raises `PhotoSetError` when they cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, chart in (("det", det_chart(found)), ("scores", score_histogram(found))):
            alone = chart.replace("<svg ", "<svg xmlns='http://www.w3.org/2000/svg' ", 1)
            styled = alone.replace(">", f"><style>{_TEXT_STYLE}</style>", 1)
            (directory / f"{name}.svg").write_text(styled + "\n", encoding="utf-8")
    except OSError as error:
        raise PhotoSetError(f"{directory} cannot be written: {error.strerror}") from error


def _x(part: float) -> float:
    return _LEFT + part * (_W - _LEFT - _RIGHT)


def _y(part: float) -> float:
    return _H - _BOTTOM - part * (_H - _TOP - _BOTTOM)


def _svg(title: str, parts: Sequence[str]) -> str:
    frame = (
        f"<path d='M{_x(0):.1f} {_y(1):.1f}V{_y(0):.1f}H{_x(1):.1f}' fill='none' stroke='#888'/>"
    )
    inside = "".join(parts)
    return f"<svg viewBox='0 0 {_W} {_H}' role='img' aria-label='{title}'>{frame}{inside}</svg>"


def _nothing(why: str) -> str:
    return f"<svg viewBox='0 0 {_W} 40' role='img'>{_text(8, 24, why, 'start')}</svg>"


def _text(x: float, y: float, text: str, anchor: str = "middle", colour: str = "") -> str:
    fill = f" style='fill:{colour}'" if colour else ""
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'{fill}>{escape(text)}</text>"


def score_histogram(found: Evaluation) -> str:
    """Both kinds of score as shares of their own number, and the operating threshold."""
    genuine, impostor = found.comparisons.genuine, found.comparisons.impostor
    if not genuine.size and not impostor.size:
        return _nothing("No comparison was made.")
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


def det_chart(found: Evaluation) -> str:
    """FNMR over FMR, both logarithmic; a rate of 0 is drawn on the edge."""
    curve = det_curve(found.comparisons)
    if not curve:
        return _nothing("Needs pairs of one person and pairs of two.")
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
        parts.append(_text(x, _H - 26, _tick(decade, across)))
    for decade in range(up + 1):
        y = _y(1 - decade / up)
        parts.append(f"<path d='M{_x(0):.1f} {y:.1f}H{_x(1):.1f}' stroke='#eee'/>")
        parts.append(_text(_x(0) - 6, y + 4, _tick(decade, up), "end"))
    parts.append(f"<polyline points='{line}' fill='none' stroke='{_LINE}' stroke-width='2'/>")
    fmr, fnmr = found.fmr.value, found.fnmr.value
    if fmr is not None and fnmr is not None:
        x, y = _x(part(fmr, across)), _y(part(fnmr, up))
        parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='5' fill='{_IMPOSTOR}'/>")
        parts.append(_text(x + 9, y - 7, "operating point", "start", _IMPOSTOR))
    parts.append(_text(_x(0.5), _H - 8, "FMR (across) and FNMR (up)"))
    return _svg("DET curve", parts)


def _decades(comparisons: int) -> int:
    """Powers of ten below 1 until under the smallest rate that so many comparisons can show."""
    return math.floor(math.log10(comparisons)) + 1


def _tick(decade: int, last: int) -> str:
    """The edge stands for 0: no rate lies between it and the decade before."""
    if decade == last:
        return "0"
    return f"1e-{decade}" if decade else "1"
