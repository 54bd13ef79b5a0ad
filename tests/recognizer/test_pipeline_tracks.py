"""A track is one person through the whole pipeline: PAD scores never cross over to another face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, Image, view
from recognizer.faces import Face
from recognizer.manifest import PadSpec
from recognizer.opening import open_parts
from recognizer.pad import PadDetector
from recognizer.pipeline import Recognizer, RecognizerSettings, open_recognizer

NO_PAD = RecognizerSettings(pad=False)


class ToldPad(PadDetector):
    """Says what it is told, a score a frame."""

    def __init__(self, spec: PadSpec, scores: Iterator[float]) -> None:
        self.spec, self._scores = spec, scores

    def live(self, image: Image, face: Face) -> float:
        return next(self._scores)


def close_up(person: Person) -> Image:
    return view(person.walks[0], 145, (0.5, 0.42), (WIDTH, HEIGHT))


def test_somebody_in_the_same_box_does_not_live_on_the_pad_scores_of_the_one_before(
    weights_dir: Path, cast: list[Person]
) -> None:
    parts = open_parts(weights_dir, NO_PAD)
    spec = parts.pack.pad
    assert spec is not None
    ben, cleo = close_up(cast[1]), close_up(cast[2])
    doubtful = spec.threshold - 0.05
    pad = ToldPad(spec, iter([1.0, 1.0, 1.0, 1.0, doubtful, 1.0]))
    eyes = Recognizer(replace(parts, pad=pad), NO_PAD)
    looks = [eyes.look(image, i / 15) for i, image in enumerate([ben] * 4 + [cleo, cleo])]
    subjects = [look.subject for look in looks if look.subject is not None]
    assert [s.attack for s in subjects] == [False] * 4 + [True, False]
    assert subjects[3].embedding is not None
    assert subjects[4].embedding is None
    assert subjects[4].live == doubtful
    first, second = subjects[0].track, subjects[4].track
    assert [s.track for s in subjects] == [first] * 4 + [second] * 2
    assert first != second
    assert [face.track for face in looks[4].faces] == [second]


def test_the_embedding_of_the_running_frame_is_what_splits_a_track(
    weights_dir: Path, cast: list[Person]
) -> None:
    eyes = open_recognizer(weights_dir, NO_PAD)
    order = [cast[1], cast[1], cast[2], cast[2], cast[1]]
    looks = [eyes.look(close_up(person), i / 15) for i, person in enumerate(order)]
    tracks = [look.subject.track for look in looks if look.subject is not None]
    ben, cleo = tracks[0], tracks[2]
    assert tracks == [ben, ben, cleo, cleo, ben]
    vectors = [look.subject.embedding for look in looks if look.subject is not None]
    assert all(
        vector is not None and np.isclose(vector @ vector, 1, atol=1e-4) for vector in vectors
    )
