"""From the frames of one presentation to one decision.

Rules
- A frame counts when its quality was good: as an attack if PAD said so, else by its embedding. The
  last `max_frames` of them are read.
- Score fusion: of each person the mean, over the frames, of the cosine with their best template.
  A mean of normal impostor scores spreads less than one of them, so a threshold set for single
  frames errs towards fewer false accepts.
- ACCEPT needs all of: `min_frames` frames that PAD passed, and more of them than attack frames; the
  best person's fused score at `threshold` or over; `margin` over the best *other* person; and the
  same person best in `agreement` of the frames. Nothing accepts below the threshold.
- ATTACK, like UNKNOWN, comes only when `max_frames` frames have passed, and needs as many attack
  frames as passed ones: PAD is unsure of a face that is still far, and must not turn it down early.
- UNKNOWN and AMBIGUOUS (somebody, but a look-alike is too near or the frames disagree) come only
  when `max_frames` frames have passed; until then the decision is UNDECIDED, with a hint when most
  of the latest frames cannot be judged.
- `verify` is 1:1, for somebody whom a badge or a PIN names: the claimed person's fused score at the
  threshold that the caller gives, in `agreement` of the frames too, and the same count of frames.
  It needs no margin, since the claim tells two look-alikes apart. It never accepts anybody else.
- Pure: no clock. Evidence is of one track, oldest first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from recognizer.evidence import Evidence
from recognizer.faces import Vector
from recognizer.matcher import NO_SCORE, Matcher
from recognizer.quality_limits import Reason

_HINT_FRAMES = 5  # a third of a second: a hint does not flicker with single frames


class Verdict(Enum):
    """What became of a presentation; the value is a stable word."""

    ACCEPT = "accept"
    UNKNOWN = "unknown"
    ATTACK = "attack"
    AMBIGUOUS = "ambiguous"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict; `person` is named by ACCEPT alone.

    `score` is the best person's fused cosine and `margin` its distance to the best other person,
    also where the verdict names nobody; -1 and 0 where nobody was compared. `frames` counts the
    frames that were compared.
    """

    verdict: Verdict
    person: str | None
    score: float
    margin: float
    frames: int
    hint: Reason | None


@dataclass(frozen=True, slots=True)
class DecisionPolicy:
    """How sure to be. `threshold` and `margin` are cosines; see `recognizer.calibration`.

    `beyond` is how many times finer the threshold's FMR is than its calibration measured: over 1 it
    extrapolates.
    """

    threshold: float
    margin: float = 0.05
    min_frames: int = 3
    max_frames: int = 8
    agreement: float = 0.8
    beyond: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.min_frames <= self.max_frames or not 0 < self.agreement <= 1:
            raise ValueError(f"frames or agreement out of range: {self}")

    def decide(self, evidence: Sequence[Evidence], matcher: Matcher) -> Decision:
        """The decision on what has been seen so far of one person."""
        attacks, probes = self._counted(evidence)
        if (early := self._without_scores(evidence, attacks, probes)) is not None:
            return early
        scores = matcher.scores(np.stack(probes))
        fused = matcher.best(scores.mean(axis=0))
        known = fused.person is not None and fused.score >= self.threshold
        clear = fused.margin >= self.margin and _agreeing(scores) >= self.agreement
        enough = len(probes) >= self.min_frames and len(probes) > attacks
        margin = fused.margin if fused.person is not None else 0.0
        verdict = Verdict.UNDECIDED
        if known and clear and enough:
            verdict = Verdict.ACCEPT
        elif len(probes) >= self.max_frames:
            verdict = Verdict.AMBIGUOUS if known else Verdict.UNKNOWN
        return _decision(verdict, fused.person, fused.score, margin, len(probes), evidence)

    def verify(
        self, evidence: Sequence[Evidence], matcher: Matcher, person: str, threshold: float
    ) -> Decision:
        """Whether the face is the one of `person`, who was claimed; margin is 0, nobody competes.

        Somebody who has no template is UNKNOWN once there are enough frames.
        """
        attacks, probes = self._counted(evidence)
        if (early := self._without_scores(evidence, attacks, probes)) is not None:
            return early
        scores = matcher.scores_of(person, np.stack(probes))
        score = float(scores.mean()) if scores.size else NO_SCORE
        agree = scores.size > 0 and float((scores >= threshold).mean()) >= self.agreement
        enough = len(probes) >= self.min_frames and len(probes) > attacks
        verdict = Verdict.UNDECIDED
        if score >= threshold and agree and enough:
            verdict = Verdict.ACCEPT
        elif len(probes) >= self.max_frames:
            verdict = Verdict.UNKNOWN
        return _decision(verdict, person, score, 0.0, len(probes), evidence)

    def _counted(self, evidence: Sequence[Evidence]) -> tuple[int, list[Vector]]:
        """How many attack frames there are among the last that count, and the others' probes."""
        counted = [e for e in evidence if e.attack or e.embedding is not None][-self.max_frames :]
        probes = [e.embedding for e in counted if e.embedding is not None]
        return sum(e.attack for e in counted), probes

    def _without_scores(
        self, evidence: Sequence[Evidence], attacks: int, probes: Sequence[Vector]
    ) -> Decision | None:
        """The decision where there is an attack, or nothing to compare yet."""
        if attacks + len(probes) >= self.max_frames and attacks >= len(probes):
            return _decision(Verdict.ATTACK, None, NO_SCORE, 0.0, len(probes), evidence)
        if not probes:
            return _decision(Verdict.UNDECIDED, None, NO_SCORE, 0.0, 0, evidence)
        return None


def _decision(
    verdict: Verdict,
    best: str | None,
    score: float,
    margin: float,
    frames: int,
    evidence: Sequence[Evidence],
) -> Decision:
    """A person is named by ACCEPT alone, a hint is given while UNDECIDED."""
    person = best if verdict is Verdict.ACCEPT else None
    hint = _hint(evidence) if verdict is Verdict.UNDECIDED else None
    return Decision(verdict, person, score, margin, frames, hint)


def _agreeing(scores: NDArray[np.float32]) -> float:
    """The fraction of the frames in which the person who is best over all is best."""
    best = int(scores.mean(axis=0).argmax())
    return float((scores.argmax(axis=1) == best).mean())


def _hint(evidence: Sequence[Evidence]) -> Reason | None:
    latest = [e.quality.reason for e in evidence[-_HINT_FRAMES:]]
    reasons = Counter(reason for reason in latest if reason is not None)
    if not reasons or 2 * reasons.total() <= len(latest):
        return None
    return reasons.most_common(1)[0][0]
