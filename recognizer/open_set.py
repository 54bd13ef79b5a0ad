"""Identification of people who may not be enrolled: FNIR at a wanted FPIR (ISO/IEC 19795-1).

Rules
- Pure and seeded: split number s shuffles the people with the seed (seed, s); the same photos give
  the same splits.
- A split enrols half of the people who have two photos or more, rounded up. The first half of
  their photos (rounded down, one at least) are templates, the others mated searches. Everybody
  else's photos are non-mated searches.
- A search scores each person by the best template, as the matcher at the door does. A mated search
  fails unless its person comes first and reaches the threshold (rank 1); a non-mated one is a false
  positive when anybody reaches it.
- The searches of all splits are pooled. A photo that searches in several splits is still one
  photo: how far the data reaches (rule of three) and the intervals go by different photos.

    found = open_set(embeddings, people)
    rows = [fnir_at_fpir(found, fpir) for fpir in WANTED_FPIR]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.calibration import RULE_OF_THREE
from recognizer.errors import GalleryError
from recognizer.evaluation import clopper_pearson
from recognizer.faces import Vector
from recognizer.matcher import Matcher

WANTED_FPIR = (0.1, 0.01, 0.003)
SPLITS = 10  # of five people that many choices of three exist; more add little
SEED = 1
_AT_ONCE = 512  # searches in one matrix product: bounds the memory on large sets


@dataclass(frozen=True, slots=True, eq=False)
class OpenSet:
    """The pooled searches. Both arrays ascend; a mated search whose person was not first is -inf.

    `mated_photos` and `non_mated_photos` count different photos; `gallery` is how many people a
    split enrols.
    """

    mated: Vector
    non_mated: Vector
    mated_photos: int
    non_mated_photos: int
    splits: int
    gallery: int


@dataclass(frozen=True, slots=True)
class AtFpir:
    """FNIR where the measured FPIR is `fpir` at most; `why_not` says why there is none.

    `events` of `trials` are pooled searches, the 95 % interval goes by different photos.
    """

    fpir: float
    threshold: float | None
    events: int | None
    trials: int
    interval: tuple[float, float] | None
    why_not: str | None

    @property
    def value(self) -> float | None:
        """0..1; None where the data does not reach."""
        return None if self.events is None else self.events / self.trials


def open_set(
    embeddings: Vector, people: Sequence[str], splits: int = SPLITS, seed: int = SEED
) -> OpenSet:
    """Search `splits` galleries; embeddings are (n, d) float32 of length 1, people (n,) names.

    Raises `GalleryError` for shapes that do not fit or numbers that are not finite.
    """
    if embeddings.ndim != 2 or len(people) != len(embeddings):
        raise GalleryError(f"{len(people)} people for embeddings of shape {embeddings.shape}")
    rows: dict[str, list[int]] = {}
    for row, person in enumerate(people):
        rows.setdefault(person, []).append(row)
    able = sorted(person for person, own in rows.items() if len(own) > 1)
    mated: list[Vector] = []
    non_mated: list[Vector] = []
    seen: tuple[set[int], set[int]] = (set(), set())
    for split in range(splits):
        order = np.random.default_rng((seed, split)).permutation(len(able))
        enrolled = {able[i] for i in order[: math.ceil(len(able) / 2)]}
        owners = [(p, row) for p in sorted(enrolled) for row in rows[p][: len(rows[p]) // 2]]
        matcher = Matcher([p for p, _ in owners], embeddings[[row for _, row in owners]])
        own = [row for p in sorted(enrolled) for row in rows[p][len(rows[p]) // 2 :]]
        others = [row for p in sorted(rows.keys() - enrolled) for row in rows[p]]
        mated.append(_search(matcher, embeddings, own, [people[row] for row in own]))
        non_mated.append(_search(matcher, embeddings, others, None))
        seen[0].update(own)
        seen[1].update(others)
    return OpenSet(
        np.sort(np.concatenate([np.empty(0, np.float32), *mated])),
        np.sort(np.concatenate([np.empty(0, np.float32), *non_mated])),
        len(seen[0]),
        len(seen[1]),
        splits,
        math.ceil(len(able) / 2),
    )


def fnir_at_fpir(found: OpenSet, fpir: float) -> AtFpir:
    """FNIR at the lowest threshold whose measured FPIR is at most `fpir`, 0 < fpir < 1."""
    trials = found.mated.size
    if not trials:
        why = "nobody who has two usable photos could be enrolled"
        return AtFpir(fpir, None, None, trials, None, why)
    if found.non_mated_photos * fpir < RULE_OF_THREE:
        needed = math.ceil(RULE_OF_THREE / fpir - 1e-6)
        why = f"needs non-mated searches of {needed} photos, there are {found.non_mated_photos}"
        return AtFpir(fpir, None, None, trials, None, why)
    allowed = math.floor(found.non_mated.size * fpir + 1e-9)
    first_refused = found.non_mated[found.non_mated.size - 1 - allowed]
    at = float(np.nextafter(first_refused, np.float32(2)))
    events = int(np.searchsorted(found.mated, at))
    interval = _interval(events / trials, found.mated_photos)
    return AtFpir(fpir, at, events, trials, interval, None)


def _search(
    matcher: Matcher, embeddings: Vector, rows: Sequence[int], mates: Sequence[str] | None
) -> NDArray[np.float32]:
    """The best score of each search; with `mates`, -inf where somebody else came first."""
    found: list[float] = []
    for start in range(0, len(rows), _AT_ONCE):
        scores = matcher.scores(embeddings[list(rows[start : start + _AT_ONCE])])
        for offset, row in enumerate(scores):
            match = matcher.best(row)
            right = mates is None or match.person == mates[start + offset]
            found.append(match.score if right else -math.inf)
    return np.array(found, dtype=np.float32)


def _interval(rate: float, photos: int) -> tuple[float, float]:
    """Of a rate over pooled searches: as if each photo had searched once, rounded outwards."""
    low = clopper_pearson(math.floor(rate * photos + 1e-9), photos)[0]
    high = clopper_pearson(math.ceil(rate * photos - 1e-9), photos)[1]
    return low, high
