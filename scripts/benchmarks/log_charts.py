"""Small multiples on log-log axes as one SVG file, readable on a light and on a dark page.

Well-formed XML without any outside reference; the page's colour scheme is asked for by CSS inside.
The dashed line in each panel has slope 1 and goes through the first point of the first series:
what runs flatter than it grows slower than linear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.exponent import Series

_COLUMNS = 2
_W, _H = 420, 290  # of a panel
_LEFT, _RIGHT, _TOP, _BOTTOM = 68, 20, 50, 48
_LEAST_DECADES = 2  # up, so that a flat line is told from a steep one
_STYLE = (
    "svg{color:#222;--line0:#1a5fa8;--line1:#b3402a;--grid:#ddd}"
    "text{font:12px system-ui,sans-serif;fill:currentColor}.title{font-weight:600}"
    ".grid{stroke:var(--grid)}.frame{stroke:currentColor;fill:none}"
    ".slope{stroke:currentColor;stroke-dasharray:5 4;opacity:.65}"
    ".s0{stroke:var(--line0);fill:none;stroke-width:2}"
    ".s1{stroke:var(--line1);fill:none;stroke-width:2}"
    ".d0{fill:var(--line0)}.d1{fill:var(--line1)}"
    "@media(prefers-color-scheme:dark){svg{color:#ddd;--line0:#6cb2ff;--line1:#ff8a70;--grid:#444}}"
)
_UNITS = {-9: "1 ns", -6: "1 µs", -3: "1 ms", 0: "1 s", 3: "1,000 s"}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart: one or two series over sizes in `unit`."""

    title: str
    unit: str
    series: tuple[Series, ...]


def log_charts(panels: Sequence[Panel]) -> str:
    """All panels in rows of two; raises ValueError for a panel that has not one or two series."""
    rows = -(-len(panels) // _COLUMNS)
    width, height = _W * _COLUMNS, _H * rows
    drawn = "".join(
        f"<g transform='translate({i % _COLUMNS * _W} {i // _COLUMNS * _H})'>{_panel(panel)}</g>"
        for i, panel in enumerate(panels)
    )
    inside = f"{_LEFT} {_TOP} {_W - _RIGHT - _LEFT} {_H - _BOTTOM - _TOP}".split()
    x, y, w, h = inside
    clip = f"<clipPath id='in'><rect x='{x}' y='{y}' width='{w}' height='{h}'/></clipPath>"
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img' "
        f"aria-label='Times by size, both logarithmic'><style>{_STYLE}</style>"
        f"<defs>{clip}</defs>{drawn}</svg>\n"
    )


class _Axes:
    """Whole decades around the points, and where a point lies."""

    def __init__(self, series: Sequence[Series]) -> None:
        sizes = [n for s in series for n in s.sizes]
        values = [y for s in series for y in s.seconds]
        self.across = (math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes))))
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self.up = (low, max(high, low + _LEAST_DECADES))

    def x(self, decade: float) -> float:
        """Pixels from the left."""
        first, last = self.across
        return _LEFT + (decade - first) / (last - first) * (_W - _LEFT - _RIGHT)

    def y(self, decade: float) -> float:
        """Pixels from the top."""
        first, last = self.up
        return _H - _BOTTOM - (decade - first) / (last - first) * (_H - _TOP - _BOTTOM)

    def at(self, size: float, value: float) -> tuple[float, float]:
        """Where a point lies."""
        return self.x(math.log10(size)), self.y(math.log10(value))


def _panel(panel: Panel) -> str:
    if not 1 <= len(panel.series) <= 2:
        raise ValueError(f"{panel.title}: one or two series, not {len(panel.series)}")
    axes = _Axes(panel.series)
    parts = [_text(_LEFT, 18, panel.title, "start", "title"), *_grid(axes, panel.unit)]
    parts.append(_text(_W - _RIGHT, 18, "dashed: slope 1", "end"))
    parts.append(_slope(axes, panel.series[0]))
    across = _LEFT
    for i, series in enumerate(panel.series):
        points = [axes.at(n, y) for n, y in zip(series.sizes, series.seconds, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f"<polyline class='s{i}' points='{line}'/>")
        parts += [f"<circle class='d{i}' cx='{x:.1f}' cy='{y:.1f}' r='3.5'/>" for x, y in points]
        words = f"{series.name}: slope {series.exponent:.2f}"
        parts.append(f"<rect class='d{i}' x='{across}' y='30' width='10' height='10'/>")
        parts.append(_text(across + 15, 40, words, "start"))
        across += (_W - _LEFT) // 2
    return "".join(parts)


def _grid(axes: _Axes, unit: str) -> list[str]:
    left, right, top, bottom = _LEFT, _W - _RIGHT, _TOP, _H - _BOTTOM
    parts = []
    for decade in range(axes.across[0], axes.across[1] + 1):
        x = axes.x(decade)
        parts.append(f"<path class='grid' d='M{x:.1f} {top}V{bottom}'/>")
        parts.append(_text(x, bottom + 17, _power(decade)))
    for decade in range(axes.up[0], axes.up[1] + 1):
        y = axes.y(decade)
        parts.append(f"<path class='grid' d='M{left} {y:.1f}H{right}'/>")
        parts.append(_text(left - 7, y + 4, _time(decade), "end"))
    parts.append(f"<path class='frame' d='M{left} {top}V{bottom}H{right}'/>")
    parts.append(_text((left + right) / 2, bottom + 37, unit))
    return parts


def _slope(axes: _Axes, series: Series) -> str:
    size, value = series.sizes[0], series.seconds[0]
    ends = [10.0**decade for decade in axes.across]
    (x1, y1), (x2, y2) = (axes.at(end, value * end / size) for end in ends)
    line = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
    return f"<path class='slope' clip-path='url(#in)' d='{line}'/>"


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    named = f" class='{kind}'" if kind else ""
    return f"<text{named} x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'>{escape(text)}</text>"


def _power(decade: int) -> str:
    return "10" + str(decade).translate(_RAISED)


def _time(decade: int) -> str:
    """A second, a thousandth of it, … and tens and hundreds of those."""
    whole = decade // 3 * 3
    one, unit = _UNITS[whole].split(" ")
    return f"{one.replace('1', str(10 ** (decade - whole)), 1)} {unit}"
