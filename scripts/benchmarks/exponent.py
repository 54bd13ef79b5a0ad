"""How a time grows with a size: the slope on log-log axes, and whether that is linear or better.

A series tells either of the whole (loading n templates: linear is an exponent of 1) or of one piece
among n (one append to a ledger of n records: the whole is linear when the exponent is 0). `linear`
says which. The slope is fitted over the last two decades: before them the fixed costs rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

# By how much a fitted exponent may be above linear: over two decades 0.15 is a factor of 2,
# more than the same work differed by between runs on a busy machine; n log n from 10^4 to 10^6 is
# 0.09, one decade of n^1.5 is far beyond.
TOLERANCE = 0.15
_FITTED = 100.0  # sizes from this part of the largest on


@dataclass(frozen=True, slots=True)
class Series:
    """`seconds` by size, ascending; `linear` is the exponent of linear growth, 1 or 0.

    None for a yardstick, which is shown and not judged.
    """

    name: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    linear: int | None = 1

    @property
    def exponent(self) -> float:
        """The slope over the last two decades."""
        return fitted(self.sizes, self.seconds)

    @property
    def grows_too_fast(self) -> bool:
        """Whether it is above linear by more than `TOLERANCE`; never a yardstick."""
        return self.linear is not None and self.exponent > self.linear + TOLERANCE


def fitted(sizes: Sequence[int], values: Sequence[float]) -> float:
    """Least squares on log-log axes over the last two decades of sizes.

    Raises ValueError for fewer than two sizes in there, or for a value that is not above 0.
    """
    x, y = np.asarray(sizes, dtype=np.float64), np.asarray(values, dtype=np.float64)
    last = x * _FITTED >= x.max(initial=0)
    if np.unique(x[last]).size < 2 or not (y > 0).all() or not (x > 0).all():
        raise ValueError("an exponent needs two sizes within two decades, and values above 0")
    slope, _ = np.polyfit(np.log10(x[last]), np.log10(y[last]), 1)
    return float(slope)


def over(name: str, above: Series, below: Series) -> Series:
    """The ratio of two series of the same sizes; linear is that it stays."""
    ratios = tuple(a / b for a, b in zip(above.seconds, below.seconds, strict=True))
    return Series(name, above.sizes, ratios, linear=0)


@dataclass(slots=True)
class Growth:
    """What was measured, under which conditions."""

    conditions: Mapping[str, object]
    series: list[Series] = field(default_factory=list)
    ratios: list[Series] = field(default_factory=list)

    def markdown(self) -> str:
        """A line a series: its times, its exponent, and whether it is linear or better."""
        lines = ["# growth", "", *(f"- {k}: {v}" for k, v in self.conditions.items())]
        lines += ["", "| | by size | exponent | linear is | |", "| --- | --- | --- | --- | --- |"]
        for series, told in [(s, _duration) for s in self.series] + [
            (s, _ratio) for s in self.ratios
        ]:
            pairs = zip(series.sizes, series.seconds, strict=True)
            sizes = ", ".join(f"{n:,}: {told(y)}" for n, y in pairs)
            lines.append(
                f"| {series.name} | {sizes} | {series.exponent:.2f} | {_verdict(series)} |"
            )
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """One JSON object; seconds, or plain ratios."""
        told = [
            {
                "name": s.name,
                "sizes": s.sizes,
                unit: s.seconds,
                "exponent": s.exponent,
                "linear": s.linear,
            }
            for unit, many in (("seconds", self.series), ("ratios", self.ratios))
            for s in many
        ]
        return {"benchmark": "growth", "conditions": dict(self.conditions), "series": told}


def _verdict(series: Series) -> str:
    if series.linear is None:
        return "none | yardstick"
    return f"{series.linear} | " + ("**too fast**" if series.grows_too_fast else "linear or better")


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def _duration(seconds: float) -> str:
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.2g} µs"
