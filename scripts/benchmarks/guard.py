"""The guard of CI: few ratios, each with a limit that noise does not reach and a doubled cost does.

A ratio is the median over pairs taken by turns in one run, so a busy machine slows both alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.growth import identified
from benchmarks.recognition import frame_over_bare
from benchmarks.timing import Report, machine
from morning.cast import Person

_REPETITIONS = 60  # of a pair


@dataclass(frozen=True, slots=True)
class Limit:
    """A ratio and the most that it may be; `usual` is what docs/performance.md has."""

    name: str
    usual: float
    most: float


LIMITS = (
    # With a second core, which runs half of the networks; about 1.1 without.
    Limit("frame to decision over bare", 0.85, 1.6),
    Limit("identify over bare product, 10000", 1.17, 2.0),
)


def measure(weights: Path, person: Person) -> Report:
    """Every ratio that has a limit."""
    report = Report("guard", machine())
    frame_over_bare(report, weights, person, _REPETITIONS)
    ratio = identified(10_000, 3 * _REPETITIONS)[2]
    report.numbers["identify over bare product, 10000"] = ratio
    return report


def exceeded(numbers: Mapping[str, float]) -> list[str]:
    """A line for each ratio over its limit; raises `KeyError` where one was not measured."""
    return [
        f"{limit.name}: {numbers[limit.name]:.2f} is over {limit.most:g} (usually {limit.usual:g})"
        for limit in LIMITS
        if not numbers[limit.name] <= limit.most
    ]


def table(numbers: Mapping[str, float]) -> str:
    """The limits in Markdown, and what was measured."""
    rows = [f"| {n.name} | {numbers[n.name]:.2f} | {n.usual:g} | {n.most:g} |" for n in LIMITS]
    return "\n".join(["| ratio | now | usually | limit |", "| --- | --- | --- | --- |", *rows])
