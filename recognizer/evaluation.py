"""How well faces are told apart: error rates with their intervals, from embeddings and labels.

Rules
- Pure: no picture, file or clock. A comparison is accepted when its cosine is at the threshold or
  over it, as at the door.
- Nothing is reported further than the comparisons reach: FNMR at an FMR is given down to three
  over the number of impostor comparisons (rule of three), below that it is None with the reason.
- Intervals are Clopper and Pearson's (1934), 95 %. They take comparisons for independent; those
  that share a person are not, so a real interval over few people is wider.
- "Best" accuracy is that of the threshold chosen on the same data: an upper bound, not a promise.

    found = evaluate(compare_all(embeddings, labels), people, pack.calibration)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recognizer.calibration import RULE_OF_THREE, Calibration, extrapolates, threshold
from recognizer.errors import GalleryError
from recognizer.faces import Vector

WANTED_FMR = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
FPIR = 0.003  # the terminal's default, at which it is judged
_WORST = 10  # pairs that are listed of each kind


@dataclass(frozen=True, slots=True)
class Rate:
    """`events` of `trials`."""

    events: int
    trials: int

    @property
    def value(self) -> float | None:
        """0..1; None without a trial."""
        return self.events / self.trials if self.trials else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval; None without a trial."""
        return clopper_pearson(self.events, self.trials) if self.trials else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos by their row among the embeddings, and their cosine."""

    a: int
    b: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """Cosines of the same person (g,) and of two people (i,), ascending; the worst pairs first."""

    genuine: Vector
    impostor: Vector
    worst_genuine: tuple[Pair, ...]
    worst_impostor: tuple[Pair, ...]

    def fnmr(self, at: float) -> Rate:
        """Genuine comparisons that the threshold refuses."""
        return Rate(int(np.searchsorted(self.genuine, at)), self.genuine.size)

    def fmr(self, at: float) -> Rate:
        """Impostor comparisons that the threshold accepts."""
        n = self.impostor.size
        return Rate(n - int(np.searchsorted(self.impostor, at)), n)


@dataclass(frozen=True, slots=True)
class AtFmr:
    """FNMR where the measured FMR is `fmr` at most; `why_not` says why there is none."""

    fmr: float
    threshold: float | None
    fnmr: Rate | None
    why_not: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All that is reported; accuracy is None unless there are pairs of both kinds."""

    comparisons: Comparisons
    best_accuracy: float | None
    best_threshold: float | None
    operating_threshold: float
    extrapolates: bool
    fnmr: Rate
    fmr: Rate
    at_fmr: tuple[AtFmr, ...]


def compare_all(embeddings: Vector, labels: Sequence[str]) -> Comparisons:
    """Every photo with every other one; embeddings are (n, d) float32 of length 1.

    Raises `GalleryError` for shapes that do not fit or numbers that are not finite.
    """
    _check(embeddings)
    if len(labels) != len(embeddings):
        raise GalleryError(f"{len(labels)} labels for {len(embeddings)} embeddings")
    people = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)[1]
    sides: dict[bool, list[Vector]] = {True: [], False: []}
    worst: dict[bool, list[Pair]] = {True: [], False: []}
    for row in range(len(embeddings) - 1):
        scores = embeddings[row + 1 :] @ embeddings[row]
        same = people[row + 1 :] == people[row]
        for kind in (True, False):
            columns = np.flatnonzero(same == kind)
            sides[kind].append(scores[columns])
            order = np.argsort(scores[columns] if kind else -scores[columns])[:_WORST]
            new = [Pair(row, row + 1 + int(c), float(scores[c])) for c in columns[order]]
            worst[kind] = _worst(worst[kind] + new, genuine=kind)
    return _comparisons(sides, worst)


def compare_listed(embeddings: Vector, pairs: Sequence[tuple[int, int, bool]]) -> Comparisons:
    """Only the pairs (row, row, whether they are one person); raises `GalleryError`."""
    _check(embeddings)
    sides: dict[bool, list[Vector]] = {True: [], False: []}
    worst: dict[bool, list[Pair]] = {True: [], False: []}
    for kind in (True, False):
        rows = np.array([(a, b) for a, b, same in pairs if same is kind], dtype=np.intp)
        if not rows.size:
            continue
        if rows.min() < 0 or rows.max() >= len(embeddings):
            raise GalleryError(f"a pair names a row outside of the {len(embeddings)} embeddings")
        scores = np.einsum("ij,ij->i", embeddings[rows[:, 0]], embeddings[rows[:, 1]])
        sides[kind].append(scores)
        found = [Pair(int(a), int(b), float(s)) for (a, b), s in zip(rows, scores, strict=True)]
        worst[kind] = _worst(found, genuine=kind)
    return _comparisons(sides, worst)


def evaluate(
    comparisons: Comparisons, people: int, calibration: Calibration, fpir: float = FPIR
) -> Evaluation:
    """The error rates; the operating threshold is that of a gallery of so many people."""
    gallery = max(people, 1)
    operating = threshold(gallery, fpir, calibration)
    best = _best(comparisons)
    return Evaluation(
        comparisons=comparisons,
        best_accuracy=None if best is None else best[0],
        best_threshold=None if best is None else best[1],
        operating_threshold=operating,
        extrapolates=extrapolates(gallery, fpir, calibration),
        fnmr=comparisons.fnmr(operating),
        fmr=comparisons.fmr(operating),
        at_fmr=tuple(fnmr_at_fmr(comparisons, fmr) for fmr in WANTED_FMR),
    )


def fnmr_at_fmr(comparisons: Comparisons, fmr: float) -> AtFmr:
    """FNMR at the lowest threshold whose measured FMR is at most `fmr`, 0 < fmr < 1."""
    n = comparisons.impostor.size
    if not comparisons.genuine.size:
        return AtFmr(fmr, None, None, "there is no genuine comparison")
    if n * fmr < RULE_OF_THREE:
        needed = math.ceil(RULE_OF_THREE / fmr - 1e-6)
        return AtFmr(fmr, None, None, f"needs {needed} impostor comparisons, there are {n}")
    allowed = math.floor(n * fmr + 1e-9)  # 0.01 times 300 must be 3 in binary as well
    first_refused = comparisons.impostor[n - 1 - allowed]
    at = float(np.nextafter(first_refused, np.float32(2)))
    return AtFmr(fmr, at, comparisons.fnmr(at), None)


def det_curve(comparisons: Comparisons, points: int = 400) -> list[tuple[float, float, float]]:
    """(threshold, FMR, FNMR) along the scores; empty unless there are pairs of both kinds."""
    genuine, impostor = comparisons.genuine, comparisons.impostor
    if not genuine.size or not impostor.size:
        return []
    # The low genuine and the high impostor scores are where the curve bends.
    steps = np.unique(np.concatenate([genuine[:points], impostor[-points:]]))
    spread = np.linspace(min(genuine[0], impostor[0]), max(genuine[-1], impostor[-1]), points)
    curve = []
    for at in sorted({*map(float, steps), *map(float, spread)}):
        fmr, fnmr = comparisons.fmr(at).value, comparisons.fnmr(at).value
        if fmr is not None and fnmr is not None:
            curve.append((at, fmr, fnmr))
    return curve


def clopper_pearson(events: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a proportion (Clopper and Pearson, Biometrika 26, 1934).

    Raises `ValueError` unless 0 <= events <= trials, trials > 0 and 0 < confidence < 1.
    """
    if trials < 1 or not 0 <= events <= trials or not 0 < confidence < 1:
        raise ValueError(f"{events} of {trials} at {confidence} has no interval")
    tail = (1 - confidence) / 2
    low = 0.0 if events == 0 else _bisect(events, trials - events + 1, tail)
    # The mirror image, so that a small upper tail is not lost in 1 - tail.
    high = 1.0 if events == trials else 1 - _bisect(trials - events, events + 1, tail)
    return low, high


def _bisect(a: float, b: float, wanted: float) -> float:
    """The x at which I_x(a, b), which rises with x, is `wanted`."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if high - low <= 1e-14 * high or middle in (low, high):
            break
        if _beta(middle, a, b) < wanted:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function: P(at least a of a + b - 1) at probability x.

    Lentz's continued fraction (Press et al., Numerical Recipes, 3rd edition, 6.4).
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(1 - x, b, a)
    tiny = 1e-300
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(logarithm + a * math.log(x) + b * math.log1p(-x)) / a
    c, d = 1.0, 1 / ((1 - (a + b) * x / (a + 1)) or tiny)
    fraction = d
    for m in range(1, 200_000):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / ((1 + term * d) or tiny)
            c = (1 + term / c) or tiny
            fraction *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * fraction


def _best(comparisons: Comparisons) -> tuple[float, float] | None:
    """(accuracy, the middle of the gap between two scores that gives it)."""
    genuine, impostor = comparisons.genuine, comparisons.impostor
    if not genuine.size or not impostor.size:
        return None
    values = np.unique(np.concatenate([genuine, impostor])).astype(np.float64)
    right = (genuine.size - np.searchsorted(genuine, values)) + np.searchsorted(impostor, values)
    k = int(np.argmax(right))
    if impostor.size > right[k]:  # refusing everybody is better still
        return impostor.size / (genuine.size + impostor.size), float(np.nextafter(values[-1], 2))
    at = values[0] if k == 0 else (values[k - 1] + values[k]) / 2
    return int(right[k]) / (genuine.size + impostor.size), float(at)


def _check(embeddings: NDArray[np.float32]) -> None:
    if embeddings.ndim != 2:
        raise GalleryError(f"embeddings are (n, d), these are {embeddings.shape}")
    if not np.isfinite(embeddings).all():
        raise GalleryError("an embedding holds numbers that are not finite")


def _worst(pairs: list[Pair], *, genuine: bool) -> list[Pair]:
    return sorted(pairs, key=lambda pair: pair.score, reverse=not genuine)[:_WORST]


def _comparisons(sides: dict[bool, list[Vector]], worst: dict[bool, list[Pair]]) -> Comparisons:
    empty = np.empty(0, dtype=np.float32)
    genuine, impostor = (np.sort(np.concatenate([empty, *sides[kind]])) for kind in (True, False))
    return Comparisons(genuine, impostor, tuple(worst[True]), tuple(worst[False]))
