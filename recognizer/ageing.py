"""Whether somebody's genuine scores have drifted down so far that new photos are due.

- A week is a count, a mean and a variance of accepted presentation scores (cosines). The baseline
  is the first four weeks after the enrolment that have any, recent are the newest four; the two
  never overlap, so nobody is judged on fewer than eight weeks.
- Due needs all of: `ENOUGH` presentations on both sides; a fall of the mean by `FALL` or more; and
  significance (Welch's t at or over `CERTAIN`).
- Only accepted presentations are seen, so a fall shows smaller than it is, never larger.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WEEKS = 4  # at each end: a month, so that one dark week or one haircut does not decide
ENOUGH = 20  # two working weeks of mornings and evenings
FALL = 0.05
"""Of a cosine: the margin to the best other person ([decision] margin). Who has lost that much has
lost a look-alike's distance. Chosen, not measured: there are no scores over weeks to measure on."""
CERTAIN = 3.29
"""One-sided 5e-4. Presentations of one day are alike in their light, so the textbook 1.64 would cry
out too often; of 1,000 people whose scores do not drift, one check raises less than one."""


@dataclass(frozen=True, slots=True)
class Week:
    """Scores of one week: how many, their sum, and the sum of their squares."""

    count: int
    total: float
    squares: float


def renewal_due(weeks: Sequence[Week]) -> bool:
    """Whether the newest of these weeks, oldest first, lie significantly below the first."""
    if len(weeks) < 2 * WEEKS:
        return False
    before, after = _pooled(weeks[:WEEKS]), _pooled(weeks[-WEEKS:])
    if min(before.count, after.count) < ENOUGH:
        return False
    fall = before.total / before.count - after.total / after.count
    error = math.sqrt(_variance(before) / before.count + _variance(after) / after.count)
    return fall >= FALL and fall >= CERTAIN * error


def _pooled(weeks: Sequence[Week]) -> Week:
    return Week(
        sum(week.count for week in weeks),
        sum(week.total for week in weeks),
        sum(week.squares for week in weeks),
    )


def _variance(week: Week) -> float:
    """The sample variance; never below 0, where rounding would take it."""
    spread = week.squares - week.total**2 / week.count
    return max(spread, 0.0) / (week.count - 1)
