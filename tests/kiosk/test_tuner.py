"""What the tuner prefers, on networks that cost what the test says; no real clock is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import tuner
from kiosk.tuner import GAIN, Tuned, Tuner
from kiosk.turns import Way, prefer
from recognizer.derived import Choice
from recognizer.opening import RecognizerSettings
from recognizer.session import PLAIN


class Clock:
    """Seconds that pass when something is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def takes(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now += seconds

        return work


@given(st.lists(st.floats(0.001, 10), min_size=1, max_size=6), st.integers(1, 5))
def test_the_first_way_stays_unless_another_takes_a_twentieth_less(
    costs: list[float], rounds: int
) -> None:
    clock = Clock()
    found = prefer([Way(str(i), clock.takes(c)) for i, c in enumerate(costs)], rounds, clock, GAIN)
    chosen = costs[int(found.name)]
    if chosen != costs[0]:
        assert chosen / costs[0] <= 1 - GAIN + 1e-6
        assert chosen <= min(costs) * 1.001
    else:
        assert min(costs) / costs[0] > 1 - GAIN - 0.001


def test_getting_ready_is_not_counted() -> None:
    clock = Clock()
    ways = [Way("a", clock.takes(1)), Way("b", clock.takes(0.5), prepare=clock.takes(100))]
    assert prefer(ways, 3, clock, GAIN).ratios == {"a": 1.0, "b": 0.5}


def test_one_disturbed_turn_does_not_decide() -> None:
    clock = Clock()
    seconds = iter([1.0, 1.0, 1.0, 90.0, 1.0])  # the first turn warms up

    def work() -> None:
        clock.now += next(seconds)

    assert prefer([Way("a", clock.takes(2)), Way("b", work)], 4, clock, GAIN).name == "b"


def test_nothing_to_compare_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="nothing"):
        prefer([], 3, Clock(), GAIN)


@pytest.fixture
def tuned(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Tuned]:
    """Tune networks whose costs in seconds `cost` gives by kind, use, threads and arena."""
    clock = Clock()

    def tune(
        cost: Callable[[str, str, Any], float],
        kinds: tuple[str, ...] = ("original", "graph"),
        strays: tuple[str, ...] = (),
        threads: int = 4,
        opencv: Callable[[int], float] = lambda _: 1.0,
    ) -> Tuned:
        def open_parts(_: Path, settings: RecognizerSettings) -> Any:
            wanted = settings.derived.kinds.items()
            chosen = {str(use): kind if kind in kinds else "original" for use, kind in wanted}

            def run(use: str) -> Any:
                clock.now += cost(use, chosen[use], settings.session)
                return np.full((1, 4), 0.5 if chosen["embedder"] not in strays else 0.6)

            return SimpleNamespace(
                notes=tuple(f"{u} runs as {k}" for u, k in chosen.items() if k != "original"),
                embedder=SimpleNamespace(embed=lambda _: run("embedder")),
                pad=SimpleNamespace(live=lambda *_: run("pad")),
                confirm=SimpleNamespace(score=lambda *_: run("confirm")),
                detector=SimpleNamespace(detect=lambda _: clock.takes(opencv(set_threads[-1]))()),
            )

        set_threads = [2]
        monkeypatch.setattr(tuner, "open_parts", open_parts)
        monkeypatch.setattr(cv2, "setNumThreads", set_threads.append)
        monkeypatch.setattr(cv2, "getNumThreads", lambda: set_threads[-1])
        found = Tuner(
            Path("w"), RecognizerSettings(derived=Choice(Path("d"))), threads, 3, clock
        ).run(lambda: None)
        assert set_threads[-1] == 2, "OpenCV is left as it was"
        return found

    return tune


def test_where_nothing_is_faster_everything_stays(tuned: Callable[..., Tuned]) -> None:
    found = tuned(lambda *_: 1.0)
    assert found.session == PLAIN
    assert set(found.kinds.values()) == {"original"}
    assert found.opencv_threads == 2
    assert [answer.question for answer in found.answers] == [
        "embedder",
        "pad",
        "confirm",
        "threads",
        "arena",
        "provider",
        "opencv_threads",
    ]


def test_each_question_is_answered_by_what_is_faster(tuned: Callable[..., Tuned]) -> None:
    def cost(use: str, kind: str, session: Any) -> float:
        faster = {("embedder", "graph"): 0.7, ("pad", "int8"): 0.4, ("pad", "graph"): 0.5}
        seconds = faster.get((use, kind), 1.0) / min(session.threads, 3)
        return float(seconds * (1.0 if session.arena else 0.9))

    found = tuned(cost, ("original", "graph", "int8"), opencv=lambda n: 1 / min(n, 3))
    assert found.kinds == {"embedder": "graph", "pad": "int8", "confirm": "original"}
    assert (found.session.threads, found.session.arena) == (3, False)
    assert found.opencv_threads == 3


def test_an_embedder_with_other_numbers_is_not_tried(tuned: Callable[..., Tuned]) -> None:
    found = tuned(
        lambda use, kind, _: 0.1 if (use, kind) == ("embedder", "graph") else 1.0,
        strays=("graph",),
    )
    assert found.kinds["embedder"] == "original"
    assert found.answers[0].left_out == ("graph",)


def test_a_form_that_is_not_there_is_not_measured_twice(tuned: Callable[..., Tuned]) -> None:
    found = tuned(lambda *_: 1.0, ("original",))
    assert list(found.answers[0].preferred.ratios) == ["original"]
