"""What a frame with a face costs the recogniser in memory and calls: counts, so no clock decides.

Each number was counted when it was written down; a test fails from twice that on, where a cost has
doubled.
"""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from types import FrameType

import pytest

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, view
from recognizer.errors import MissingWeightsError
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer

CALLS = 469  # of Python functions, networks and PAD included
PEAK_KB = 1021  # at once, beyond what was held before the frame; a frame itself has 922


@pytest.fixture
def eyes(weights_dir: Path) -> Recognizer:
    try:
        return open_recognizer(weights_dir, RecognizerSettings())
    except MissingWeightsError as error:
        pytest.skip(str(error))


def test_a_frame_allocates_and_calls_no_more_than_it_did(
    eyes: Recognizer, cast: list[Person]
) -> None:
    near = view(cast[0].walks[0], 150, (0.5, 0.42), (WIDTH, HEIGHT))
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    for n in range(3):  # until the networks' own memory is there
        eyes.look(near, n / 15)
    sys.setprofile(count)
    try:
        subject = eyes.look(near, 3 / 15).subject
    finally:
        sys.setprofile(None)
    assert subject is not None
    assert subject.embedding is not None
    tracemalloc.start()
    try:
        eyes.look(near, 4 / 15)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0 < calls < 2 * CALLS
    assert 0 < peak / 1000 < 2 * PEAK_KB
