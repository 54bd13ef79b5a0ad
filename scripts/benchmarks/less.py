"""What doing less saves: each measure off and on, on the same rendered frames.

Wall time by turns where a measure is about waiting, processor time of this process where it is
about work. A visit is a walk-up to somebody who is let in, and stands there a little longer.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.timing import Report, by_turns
from morning.cast import Person
from morning.walkup import FPS, Image, Walk, walk_up
from recognizer.opening import Parts, RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer

_VISIT = Walk(4.0, 60, 150)
_SERVED_FROM_S = 2.0  # of the visit: about when the demo's people are let in


def measure_less(
    report: Report, weights: Path, settings: RecognizerSettings, person: Person, repetitions: int
) -> None:
    """Adds each measure's figures, off and on, and the ratio of the two."""
    settings = replace(settings, around=True, recheck_s=0.3, together=True)
    off = (
        ("search around the face", replace(settings, around=False)),
        ("recheck who was served", replace(settings, recheck_s=0.0)),
        ("networks at the same time", replace(settings, together=False)),
        ("all three", replace(settings, around=False, recheck_s=0.0, together=False)),
    )
    visit = list(walk_up(person.walks[0], _VISIT, seed=1))
    on = open_parts(weights, settings)
    for what, without in off:
        parts = open_parts(weights, without)
        pairs = [
            (_visit(parts, without, visit), _visit(on, settings, visit))
            for _ in range(max(2, repetitions // 60))
        ]
        told, kept = (float(np.median([pair[i] for pair in pairs])) for i in (0, 1))
        report.numbers[f"{what}: processor ms a visit, off"] = told
        report.numbers[f"{what}: processor ms a visit, on"] = kept
        report.numbers[f"{what}: on over off, processor time"] = kept / told
        stand = visit[-10:]
        works = [_Standing(parts, without, stand).look, _Standing(on, settings, stand).look]
        turns = by_turns(works, repetitions)
        ratio = float(np.median(turns[:, 1] / turns[:, 0]))
        report.numbers[f"{what}: on over off, wall time of a frame"] = ratio


def _visit(parts: Parts, settings: RecognizerSettings, frames: Sequence[Image]) -> float:
    """Milliseconds of processor time, all threads, of one visit."""
    eyes = Recognizer(parts, settings)
    served: frozenset[int] = frozenset()
    begun = time.process_time()
    for i, frame in enumerate(frames):
        subject = eyes.look(frame, i / FPS, served).subject
        if subject is not None and i / FPS >= _SERVED_FROM_S:
            served |= {subject.track}
    return (time.process_time() - begun) * 1e3


class _Standing:
    """Somebody who stands there and has had no answer."""

    def __init__(self, parts: Parts, settings: RecognizerSettings, frames: Sequence[Image]) -> None:
        self._eyes, self._frames, self._n = Recognizer(parts, settings), frames, 0

    def look(self) -> None:
        """At the next frame."""
        self._n += 1
        self._eyes.look(self._frames[self._n % len(self._frames)], self._n / FPS)
