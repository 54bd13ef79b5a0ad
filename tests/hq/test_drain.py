"""`./scripts/soak drain` with a short backlog on a slow line."""

from __future__ import annotations

from pathlib import Path

from soaking.course import Course
from soaking.drain import drain


def test_a_backlog_drains_in_order_and_a_new_punch_is_told_of_at_once(tmp_path: Path) -> None:
    """Within two minutes, which is no measure: a hang ends as a failure."""
    outcome = drain(Course(tmp_path, tmp_path, (), seconds=120), 1500, slow=400_000)
    assert outcome.failures == []
    assert outcome.numbers["records"] == 1501
    assert outcome.numbers["order"] == "held"
