"""Which presentations may give a template: few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from recognizer.adaptation import FAR, frame_to_keep
from recognizer.decision import Decision, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face
from recognizer.quality import Quality

THRESHOLD = 0.4
NONE = np.empty((0, 3), np.float32)
ACCEPT = Decision(Verdict.ACCEPT, "1", THRESHOLD + FAR, 0.3, 3, None)
FACE = Face((0.0, 0.0, 100.0, 100.0), np.zeros((5, 2), np.float32), 0.9)


def unit(*values: float) -> NDArray[np.float32]:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


ENROLLED = unit(1, 0, 0)[None]


def frame(embedding: NDArray[np.float32] | None, quality: float = 0.8) -> Evidence:
    q = Quality(100, 40, 0, 0, 0, 0, 0.5, 200, 20, 40, 1, 1, 0.7, quality, None)
    return Evidence(1, 0.0, FACE, q, 0.9, False, embedding)


def test_the_best_frame_of_a_sure_presentation_is_kept() -> None:
    worse, best = frame(unit(0.8, 0.6, 0), 0.7), frame(unit(0.8, 0, 0.6), 0.9)
    assert frame_to_keep(ACCEPT, [worse, best], THRESHOLD, ENROLLED, NONE) is best


@pytest.mark.parametrize(
    "decision",
    [
        replace(ACCEPT, score=THRESHOLD + FAR - 0.001),
        replace(ACCEPT, verdict=Verdict.AMBIGUOUS, person=None),
        replace(ACCEPT, verdict=Verdict.UNDECIDED, person=None),
    ],
)
def test_anything_less_sure_gives_none(decision: Decision) -> None:
    assert frame_to_keep(decision, [frame(unit(0.8, 0.6, 0))], THRESHOLD, ENROLLED, NONE) is None


def test_a_frame_without_pad_or_that_failed_it_gives_none() -> None:
    good = frame(unit(0.8, 0.6, 0))
    for bad in (
        replace(good, live=None),
        replace(good, attack=True),
        replace(good, embedding=None),
    ):
        assert frame_to_keep(ACCEPT, [bad], THRESHOLD, ENROLLED, NONE) is None


def test_templates_never_drift_away_from_the_enrolled_ones() -> None:
    """Each step matches the last adaptive template; where the enrolled one ends, so do they."""
    adaptive = NONE
    for degrees in range(20, 180, 20):
        turned = frame(unit(np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0))
        kept = frame_to_keep(ACCEPT, [turned], THRESHOLD, ENROLLED, adaptive)
        if np.cos(np.radians(degrees)) < THRESHOLD:
            assert kept is None
        elif kept is not None and kept.embedding is not None:
            adaptive = np.concatenate([adaptive, kept.embedding[None]])
    assert len(adaptive) == 3
    assert float((adaptive @ ENROLLED[0]).min()) >= THRESHOLD


def test_a_near_duplicate_adds_nothing() -> None:
    again = frame(unit(1, 0.01, 0))
    assert frame_to_keep(ACCEPT, [again], THRESHOLD, ENROLLED, NONE) is None
    new = frame(unit(0.8, 0.6, 0))
    adaptive = unit(0.8, 0.6, 0.01)[None]
    assert frame_to_keep(ACCEPT, [new], THRESHOLD, ENROLLED, adaptive) is None


def test_without_an_enrolled_template_nothing_is_taken_up() -> None:
    assert frame_to_keep(ACCEPT, [frame(unit(1, 0, 0))], THRESHOLD, NONE, ENROLLED) is None
