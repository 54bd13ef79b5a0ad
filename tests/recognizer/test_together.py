"""Works that run at once: their order, their errors, and the same numbers as one by one."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from morning.cast import Person, portrait
from recognizer.errors import MissingWeightsError
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer
from recognizer.together import Together


def fail() -> int:
    raise ValueError("one of them")


@pytest.mark.parametrize("wanted", [True, False])
def test_results_come_in_order_and_an_error_after_all_are_done(wanted: bool) -> None:
    together = Together(wanted=wanted)
    assert together.run([lambda i=i: i for i in range(5)]) == [0, 1, 2, 3, 4]  # type: ignore[misc]
    assert together.run([]) == []
    for works in ([fail, lambda: 1], [lambda: 1, fail]):
        with pytest.raises(ValueError, match="one of them"):
            together.run(works)


def test_two_works_really_run_at_once() -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    meeting = threading.Barrier(2, timeout=10)
    assert sorted(Together(wanted=True).run([meeting.wait, meeting.wait])) == [0, 1]


def test_a_face_is_the_same_at_once_and_one_by_one(weights_dir: Path, cast: list[Person]) -> None:
    vectors, live = [], []
    for wanted in (True, False):
        settings = RecognizerSettings(together=wanted)
        try:
            parts = open_parts(weights_dir, settings)
        except MissingWeightsError as error:
            pytest.skip(str(error))
        image = portrait(cast[0].walks[0])
        (face,) = Recognizer(parts, settings).embed_photo(image)
        assert face.embedding is not None
        assert parts.pad is not None
        vectors.append(face.embedding)
        live.append(parts.pad.live(image, face.face))
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-5
    assert live[0] == pytest.approx(live[1], abs=1e-6)
