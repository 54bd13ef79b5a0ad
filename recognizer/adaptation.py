"""Whether a presentation may give its person another template.

- Only far above the threshold: the presentation's score by `FAR`, so that a look-alike who was
  let in by mistake is not taken up.
- Only with PAD passed: a frame without a PAD score never becomes a template.
- Never drifting: the frame must match an *enrolled* template at the threshold too, so that a chain
  of adaptive templates cannot walk from one face to another.
- Only something new: a near-duplicate of a template adds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recognizer.coverage import NEAR
from recognizer.decision import Decision, Verdict
from recognizer.evidence import Evidence

FAR = 0.15
"""Of a cosine above the threshold: three times the margin that a punch needs. Chosen, not measured:
the switch is off unless the operator turns it on."""


def frame_to_keep(
    decision: Decision,
    evidence: Sequence[Evidence],
    threshold: float,
    enrolled: NDArray[np.float32],
    adaptive: NDArray[np.float32],
) -> Evidence | None:
    """The frame to make a template of, the one of best quality; None when none may.

    `enrolled` (n, d) and `adaptive` (m, d) are the templates of the accepted person, in the form in
    which the evidence is.
    """
    if decision.verdict is not Verdict.ACCEPT or decision.score < threshold + FAR:
        return None
    if not len(enrolled):
        return None
    good = [e for e in evidence if e.embedding is not None and e.live is not None and not e.attack]
    for frame in sorted(good, key=lambda e: e.quality.score, reverse=True):
        probe = frame.embedding
        if probe is None or float((enrolled @ probe).max()) < threshold:
            continue
        known = [float((part @ probe).max()) for part in (enrolled, adaptive) if len(part)]
        if max(known) < NEAR:
            return frame
    return None
