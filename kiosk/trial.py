"""The trial identification that ends an enrolment: would the door know this person now?

Rules
- The terminal's own policy decides, against everybody's templates, with its threshold higher by its
  margin: who barely passes today is turned down on a worse day.
- At the camera, frames from after the templates were chosen are tried (`kiosk.guided`). Of photos,
  each one is tried against the templates of the others, and all of them count as one presentation.
- Photos are enough when there are as many as the policy wants frames; of fewer no trial is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from kiosk.errors import EnrolmentRefusedError
from recognizer.coverage import Sample, choose
from recognizer.decision import DecisionPolicy
from recognizer.matcher import Matcher


def with_margin(policy: DecisionPolicy) -> DecisionPolicy:
    """The policy of a trial: the door's, its threshold higher by its margin."""
    return replace(policy, threshold=policy.threshold + policy.margin)


def leave_one_out(
    person: str,
    samples: Sequence[Sample],
    old: Sequence[Sample],
    matcher: Matcher,
    policy: DecisionPolicy,
) -> float | None:
    """The fused score of a trial by photos; None where there are too few.

    `old` are templates of the person that stay, `matcher` has everybody's. Raises
    `EnrolmentRefusedError` when the photos would not identify the person.
    """
    if len(samples) < policy.min_frames:
        return None
    rows = []
    for i, probe in enumerate(samples):
        rest = [*samples[:i], *samples[i + 1 :], *old]
        own = np.stack([rest[j].embedding for j in choose(rest)])
        without = matcher.replacing({person}, [person] * len(own), own)
        rows.append(without.scores(probe.embedding[None])[0])
    scores, trial = np.stack(rows), with_margin(policy)
    match = without.best(scores.mean(axis=0))
    best = int(scores.mean(axis=0).argmax())
    agreeing = float((scores.argmax(axis=1) == best).mean())
    sure = match.score >= trial.threshold and match.margin >= trial.margin
    if match.person != person or not sure or agreeing < trial.agreement:
        raise EnrolmentRefusedError(
            "trial_failed",
            "the photos do not identify the person surely enough among all who are enrolled; take "
            "better ones, or enrol at the camera; nothing is kept",
        )
    return match.score
