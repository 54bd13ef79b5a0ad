"""Robustness: each photo degraded at five strengths against the others as they are.

Rules
- Needs a folder a person: two usable photos of somebody, one to spoil and one to compare it with.
- The first photos of each person in the order of their names are degraded; every usable photo is a
  template. A probe goes through detection, quality and embedding as any photo does.
- Random parts are seeded by photo, degradation and strength: a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kiosk.photo_sets import Acquired, embed_face, read_photo
from recognizer.degradations import DEGRADATIONS
from recognizer.faces import Face, Image, Vector
from recognizer.pipeline import Recognizer
from recognizer.robustness import RobustnessRates, head_of, probe_errors

PHOTOS_A_PERSON = 4  # 51 pictures each: four seconds a photo, measured on two x86-64 cores
_SEED = 1
_Key = tuple[int, int]  # which degradation and its level from 0; (-1, 0) is none


@dataclass(frozen=True, slots=True)
class RobustnessRow:
    """One degradation at one level: 1 is the weakest and 5 the strongest, 0 is none at all."""

    degradation: str
    unit: str
    level: int
    strength: float | None
    rates: RobustnessRates


def chosen_rows(acquired: Acquired, photos_a_person: int) -> list[int]:
    """The photos to degrade, as rows of the embeddings."""
    own: dict[str, list[int]] = {}
    for row, photo in enumerate(acquired.photos):
        own.setdefault(photo.person, []).append(row)
    return [row for rows in own.values() if len(rows) > 1 for row in rows[:photos_a_person]]


def measure_robustness(
    recognizer: Recognizer,
    acquired: Acquired,
    rows: list[int],
    at: float,
    on_progress: Callable[[], None],
) -> list[RobustnessRow]:
    """The errors at threshold `at` of the photos in `rows`; progress is told after each photo."""
    probes: dict[_Key, list[tuple[int, Vector | None]]] = {}
    for row in rows:
        image = read_photo(acquired.photos[row].path)
        if not isinstance(image, str):  # else it was taken away since it was acquired
            for key, picture in _spoiled(*head_of(image, acquired.faces[row]), row):
                found = embed_face(recognizer, picture)
                probe = None if isinstance(found, str) else found[1]
                probes.setdefault(key, []).append((row, probe))
        on_progress()
    people = [photo.person for photo in acquired.photos]
    return [
        _row(key, probe_errors(held, acquired.embeddings, people, at))
        for key, held in sorted(probes.items())
    ]


def _spoiled(head: Image, face: Face, row: int) -> Iterator[tuple[_Key, Image]]:
    yield (-1, 0), head
    for i, degradation in enumerate(DEGRADATIONS):
        for level, strength in enumerate(degradation.strengths):
            random = np.random.default_rng((_SEED, row, i, level))
            yield (i, level), degradation.apply(head, face, strength, random)


def _row(key: _Key, rates: RobustnessRates) -> RobustnessRow:
    if key[0] < 0:
        return RobustnessRow("none", "", 0, None, rates)
    degradation = DEGRADATIONS[key[0]]
    strength = degradation.strengths[key[1]]
    return RobustnessRow(degradation.name, degradation.unit, key[1] + 1, strength, rates)
