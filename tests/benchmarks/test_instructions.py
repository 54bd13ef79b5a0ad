"""What `./scripts/bench instructions` makes of counts; the emulated run itself is by hand."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import stages
from benchmarks.instructions import Counted, CountingError, Counts, measure, per_go
from benchmarks.stages import MARK, Stage, count


def marks(*, cost: int, times: int, start_up: int = 10**9, mark: int = 777) -> list[int]:
    """As the counter tells them: before, after N times, after 2N more; a mark costs as well."""
    once = start_up + times * cost + mark
    return [start_up, once, once + 2 * times * cost + mark]


def test_start_up_and_the_marks_themselves_cancel() -> None:
    counts = marks(cost=1234, times=50) + marks(cost=9_000_000, times=2, start_up=5 * 10**9)
    found = per_go([("track", 50), ("detect", 2)], counts)
    assert found == [Counted("track", 1234), Counted("detect", 9_000_000)]


@pytest.mark.parametrize("counts", [marks(cost=5, times=2)[:2], marks(cost=5, times=2) * 2, []])
def test_marks_that_are_not_three_a_stage_are_refused(counts: list[int]) -> None:
    with pytest.raises(CountingError, match="three"):
        per_go([("detect", 2)], counts)


def test_a_stage_that_costs_nothing_is_refused() -> None:
    with pytest.raises(CountingError, match="N is too small"):
        per_go([("detect", 2)], marks(cost=0, times=2))


def test_the_table_says_how_far_the_second_run_lies_apart() -> None:
    counts = Counts({}, [Counted("detect", 2e8)], [Counted("detect", 2.01e8)])
    assert counts.markdown().splitlines()[-1] == "| detect | 200.000 | +0.50 % |"
    assert "no time of any machine" in counts.markdown()


def test_each_stage_is_done_n_times_and_twice_n_times_between_three_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(os, "getpriority", lambda _which, who: done.append(f"mark {who}"))
    count([Stage("a", lambda: done.append("a"), 3), Stage("b", lambda: done.append("b"), 4)])
    told = [(what, len(list(run))) for what, run in itertools.groupby(done)]
    mark = (f"mark {MARK}", 1)
    assert told[1:6] == [mark, ("a", 3), mark, ("a", 6), mark]
    assert told[7:] == [mark, ("b", 4), mark, ("b", 8), mark]
    assert told[0][0] == "a"
    assert told[6][0] == "b"


def test_the_mark_is_no_process_and_both_sides_know_it() -> None:
    with pytest.raises(ProcessLookupError):
        os.getpriority(os.PRIO_PROCESS, MARK)
    plugin = Path(stages.__file__).parents[1] / "counting" / "counting.c"
    found = re.search(r"#define MARK (\S+)", plugin.read_text(encoding="utf-8"))
    assert found is not None
    assert int(found[1], 16) == MARK


def test_a_root_without_the_product_is_told_with_the_script_that_makes_it(tmp_path: Path) -> None:
    frames = np.zeros((1, 480, 640, 3), dtype=np.uint8)
    with pytest.raises(CountingError, match="arm64-test"):
        measure(tmp_path, frames, tmp_path, "qemu-aarch64", "cortex-a72")
