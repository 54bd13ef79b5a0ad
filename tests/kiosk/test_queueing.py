"""The benches' model of a camera: always the newest frame, none twice, never a backlog."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.arrivals import arrivals
from benchmarks.queueing import ModelledCamera, Work
from benchmarks.walkup import walked
from morning.cast import Person
from morning.walkup import Image

BLACK = np.zeros((1, 1, 3), dtype=np.uint8)
ROUNDING = 1e-6


def black(_: float) -> Image:
    return BLACK


class Consumer:
    """Somebody whose work takes as long as is said."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    def spent(self) -> float:
        return self.spent_s


@given(
    st.sampled_from([10, 15, 30]),
    st.lists(st.one_of(st.floats(0, 0.05), st.floats(0, 2)), min_size=1, max_size=40),
)
def test_a_consumer_of_any_speed_gets_the_newest_frame_once_and_at_once(
    fps: int, costs_s: list[float]
) -> None:
    consumer = Consumer()
    camera = ModelledCamera(fps, consumer.spent)
    before, free_s = -1, 0.0
    for frame, cost_s in zip(camera.frames(black, 1000.0), costs_s, strict=False):
        index = round(frame.at_s * fps)
        handed_s = camera.now()
        assert index > before
        assert handed_s - frame.at_s < 1 / fps + ROUNDING  # nothing newer was there
        assert handed_s <= max(free_s, (before + 1) / fps) + ROUNDING  # nobody waited in vain
        consumer.spent_s += cost_s
        before, free_s = index, handed_s + cost_s
        assert camera.now() == pytest.approx(free_s)


def test_what_the_camera_took_while_nobody_looked_is_not_handed_out() -> None:
    camera = ModelledCamera(10, Consumer().spent)
    first = [frame.at_s for frame in camera.frames(black, 0.25)]
    camera.rest(5.0)
    after = [frame.at_s for frame in camera.frames(black, 5.5)]
    assert first == [0.0, 0.1, 0.2]
    assert after == [5.3, 5.4]


def test_a_slower_machine_spends_more_and_a_commit_is_counted_apart() -> None:
    work = Work("cpu", slower=4.0)
    begun = work.spent()
    with work.writing():
        np.linalg.svd(np.ones((60, 60)))
    assert 0 < work.writing_s <= work.spent() - begun


@pytest.mark.soak
def test_people_who_walk_up_to_the_real_door_get_green_with_their_own_punch(
    weights_dir: Path, cast: list[Person], tmp_path: Path
) -> None:
    people = arrivals(cast, 2, seed=1)
    done = walked(tmp_path, weights_dir, cast, people, 10, Work("cpu"))
    assert [one.right for one in done] == [True, True]
    for one in done:
        assert one.detected_s is not None
        assert one.green_s is not None
        assert one.green_s >= one.enters_s
        assert one.writing_s > 0
