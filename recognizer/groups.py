"""Error rates by group of people, and how far the groups lie apart.

Rules
- Pure. A comparison belongs to a group when both of its photos do: the impostors of a group are two
  of its own people, as in NIST FRVT part 3 (NISTIR 8280), because people are mistaken for people
  like themselves.
- The differential is the largest rate over the smallest, 1 when all are alike (the ratio that
  NISTIR 8429 tabulates). Where the smallest is 0 it is None, and `at_least` gives the largest rate
  over the upper end of the smallest one's 95 % interval instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recognizer.evaluation import Comparisons, Rate


@dataclass(frozen=True, slots=True)
class GroupRates:
    """One group's errors at a threshold."""

    group: str
    fnmr: Rate
    fmr: Rate


@dataclass(frozen=True, slots=True)
class Differential:
    """Largest over smallest rate; `why_not` says why there is none."""

    value: float | None
    at_least: float | None
    largest: str | None
    smallest: str | None
    why_not: str | None


def by_group(
    groups: Sequence[str | None], compare: Callable[[frozenset[int]], Comparisons], at: float
) -> list[GroupRates]:
    """The rates of each group in the order of its name at threshold `at`.

    `groups` has each photo's group or None; `compare` compares the photos of these rows alone.
    """
    rows: dict[str, set[int]] = {}
    for row, group in enumerate(groups):
        if group is not None:
            rows.setdefault(group, set()).add(row)
    found = []
    for group in sorted(rows):
        comparisons = compare(frozenset(rows[group]))
        found.append(GroupRates(group, comparisons.fnmr(at), comparisons.fmr(at)))
    return found


def differential(rates: Mapping[str, Rate]) -> Differential:
    """How many times the largest rate is the smallest; groups without a comparison stay out."""
    measured = {group: rate for group, rate in rates.items() if rate.trials}
    if len(measured) < 2:
        return Differential(None, None, None, None, "needs two groups that have comparisons")
    ordered = sorted(measured, key=lambda group: (measured[group].value or 0.0, group))
    low, high = measured[ordered[0]], measured[ordered[-1]]
    if not high.events:
        return Differential(None, None, None, None, "no group has an error")
    largest = high.events / high.trials
    if not low.events:
        # Of the groups without an error the one with the fewest comparisons says the least.
        smallest = min(
            (g for g in ordered if not measured[g].events), key=lambda g: rates[g].trials
        )
        ends = measured[smallest].interval
        upper = 1.0 if ends is None else ends[1]
        why = f"{smallest} has no error in {measured[smallest].trials} comparisons"
        return Differential(None, max(1.0, largest / upper), ordered[-1], smallest, why)
    ratio = largest / (low.events / low.trials)
    return Differential(ratio, None, ordered[-1], ordered[0], None)
