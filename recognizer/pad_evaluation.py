"""How often PAD is wrong, in the words of ISO/IEC 30107-3.

Rules
- APCER is of one PAI species: the part of its attack presentations taken for bona fide. Species are
  never averaged: a system is as good as its worst, so the highest is given with its name.
- BPCER is the part of bona fide presentations taken for attacks.
- Both are of the presentations that got a response. APNRR and BPNRR are the parts without one: no
  face, or none of good enough quality, in all of the frames.
- A presentation is classified by the terminal's own rule, `DecisionPolicy`, as the worst case for
  APCER: whoever is presented is taken to be enrolled and to match. Presentations shorter than
  `max_frames` are held there: their frames come again.
- Real and synthetic presentations are never put into one rate.
- Pure: evidence in, counts out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from recognizer.decision import DecisionPolicy, Verdict
from recognizer.evaluation import Rate
from recognizer.evidence import Evidence
from recognizer.matcher import Matcher
from recognizer.motion import Opinion

_SAME = np.ones(1, dtype=np.float32)  # the identity that everybody is taken to have
_MATCHER = Matcher(["anybody"], _SAME[None])


class Check(Enum):
    """Which part of PAD decides; the value is a stable word."""

    NETWORK = "network"
    MOTION = "motion"
    FUSED = "fused"


class Response(Enum):
    """What PAD said of a presentation."""

    BONA_FIDE = "bona_fide"
    ATTACK = "attack"
    NONE = "none"


@dataclass(frozen=True, slots=True, eq=False)
class Presented:
    """One presentation; `species` None is bona fide. `evidence` is of its frames in order."""

    name: str
    species: str | None
    synthetic: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One species, or the bona fide ones: `error` is APCER or BPCER, `silent` APNRR or BPNRR."""

    species: str | None
    synthetic: bool
    presentations: int
    error: Rate
    silent: Rate


@dataclass(frozen=True, slots=True)
class PadRates:
    """What one check does; `attacks` has a row a species, `bona_fide` one a kind, real first."""

    check: Check
    attacks: tuple[Row, ...]
    bona_fide: tuple[Row, ...]

    @property
    def worst(self) -> Row | None:
        """The species with the highest APCER; None where none got a response."""
        known = [row for row in self.attacks if row.error.value is not None]
        return max(known, key=lambda row: row.error.value or 0.0, default=None)


def evaluate_pad(
    presented: Sequence[Presented], check: Check, threshold: float, policy: DecisionPolicy
) -> PadRates:
    """The rates of one check over all presentations; `threshold` is the networks' own."""
    kinds = sorted({(p.species or "", p.synthetic) for p in presented})
    rows = []
    for species, synthetic in kinds:
        same = [p for p in presented if (p.species or "", p.synthetic) == (species, synthetic)]
        responses = [classify(p.evidence, check, threshold, policy) for p in same]
        wrong = Response.BONA_FIDE if species else Response.ATTACK
        silent = responses.count(Response.NONE)
        rows.append(
            Row(
                species=species or None,
                synthetic=synthetic,
                presentations=len(same),
                error=Rate(responses.count(wrong), len(same) - silent),
                silent=Rate(silent, len(same)),
            )
        )
    return PadRates(
        check,
        tuple(row for row in rows if row.species is not None),
        tuple(row for row in rows if row.species is None),
    )


def classify(
    evidence: Sequence[Evidence], check: Check, threshold: float, policy: DecisionPolicy
) -> Response:
    """What the terminal's rule says of the frames, if this check alone were its PAD."""
    if not evidence:
        return Response.NONE
    times = math.ceil(policy.max_frames / len(evidence))
    held = [_as_if(e, check, threshold) for e in evidence] * times
    sure = replace(policy, threshold=-1.0, margin=0.0)
    for last in range(1, len(held) + 1):
        verdict = sure.decide(held[:last], _MATCHER).verdict
        if verdict is Verdict.ACCEPT:
            return Response.BONA_FIDE
        if verdict is Verdict.ATTACK:
            return Response.ATTACK
    return Response.NONE


def _as_if(evidence: Evidence, check: Check, threshold: float) -> Evidence:
    """The frame with the check's vote in place of the terminal's, and anybody's face on it."""
    if evidence.quality.reason is not None:
        return replace(evidence, attack=False, embedding=None)
    network = evidence.live is not None and evidence.live < threshold
    flat = evidence.motion is not None and evidence.motion.opinion is Opinion.FLAT
    attack = {
        Check.NETWORK: network,
        Check.MOTION: flat,
        Check.FUSED: network or flat,
    }[check]
    return replace(evidence, attack=attack, embedding=None if attack else _SAME)
