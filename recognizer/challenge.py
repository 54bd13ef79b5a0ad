"""Active challenge: turn your head to the side that was asked for, while the camera looks on.

Rules
- Sides are the person's own. The camera's picture is not mirrored, so whoever faces it has their
  left hand on the picture's right: turning LEFT moves the nose to the picture's right, which is
  positive yaw in `recognizer.pose`.
- PASSED needs, in this order and within `time_s`: a nearly frontal face, angles in between, and
  `turned` degrees or more to the asked side, with the nose's parallax to that side. A tilted print
  has the angles of its tilt but no parallax.
- FAILED, for good: the other side, the time is over, a jump between two looks, or nobody to see for
  `gap_s`: each is how one picture is changed for another.
- A film of the right turn passes; the random side halves that chance, and PAD sees the film too.
- Pure: no clock, no dice. The side and the times come in.

    state = begin(Side.LEFT, at_s)
    state = watch(state, at_s, read_turn(landmarks), ChallengeLimits())
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from recognizer.motion import flat_nose
from recognizer.pose import estimate_pose


class Side(Enum):
    """The person's own side; the value is a stable word."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def sign(self) -> int:
        """Of the yaw that a turn to this side has in the unmirrored picture."""
        return 1 if self is Side.LEFT else -1


class Outcome(Enum):
    """How a challenge stands."""

    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ChallengeLimits:
    """Angles in degrees of `recognizer.pose`, good to about 10; times in seconds."""

    time_s: float = 6.0
    """People need about 1 s to notice a signal and 1 s to turn; the rest is for the hesitant."""
    frontal: float = 15.0
    """The coarse estimate's own error and half as much again."""
    turned: float = 25.0
    """Well outside of `frontal`, well inside of the 40 that the quality gate lets pass."""
    jump: float = 15.0
    """Between two looks. A brisk turn is 100 degrees a second: 10 at ten looks a second."""
    between: int = 1
    """Looks at an angle between `frontal` and `turned`, at least."""
    parallax: float = 0.08
    """Nose wander to the asked side in eye distances: `recognizer.pose`'s head turned by 25 degrees
    has 0.19, and a flat nose half of that; noise of one look is 0.03."""
    gap_s: float = 0.5
    """The tracker forgets a face after 0.8 s; somebody turning is seen all the while."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One look at a face: its yaw in degrees, and its nose's x in the plane of the face."""

    yaw: float
    nose: float


@dataclass(frozen=True, slots=True)
class Challenge:
    """A challenge under way; `begin` makes one and `watch` moves it on."""

    side: Side
    since_s: float
    seen_s: float
    outcome: Outcome = Outcome.WAITING
    last: Turn | None = None
    start: Turn | None = None
    between: int = 0


def read_turn(landmarks: NDArray[np.floating]) -> Turn | None:
    """What (5, 2) landmarks say; None where they are no face. Needs no embedding and no quality."""
    if not np.isfinite(landmarks).all():
        return None
    yaw, nose = estimate_pose(landmarks).yaw, float(flat_nose(landmarks)[0])
    return Turn(yaw, nose) if np.isfinite([yaw, nose]).all() and abs(nose) < 2 else None


def begin(side: Side, at_s: float) -> Challenge:
    """Nothing has been seen yet; the time runs."""
    return Challenge(side, at_s, at_s)


def watch(
    challenge: Challenge, at_s: float, turn: Turn | None, limits: ChallengeLimits
) -> Challenge:
    """The challenge after a frame; `turn` None is a frame that does not show the face.

    What has failed stays failed. What has passed can still fail, by the time, a gap or a jump,
    until its caller has made an end of it.
    """
    if _broken(challenge, at_s, turn, limits):
        return replace(challenge, outcome=Outcome.FAILED)
    if turn is None:
        return challenge
    now = replace(challenge, seen_s=at_s, last=turn)
    if now.outcome is Outcome.PASSED:
        return now
    if abs(turn.yaw) <= limits.frontal:
        return replace(now, start=turn, between=0)
    angle = turn.yaw * now.side.sign
    if now.start is not None and 0 < angle < limits.turned:
        return replace(now, between=now.between + 1)
    return replace(now, outcome=Outcome.PASSED) if _turned(now, turn, limits) else now


def _broken(challenge: Challenge, at_s: float, turn: Turn | None, limits: ChallengeLimits) -> bool:
    if challenge.outcome is Outcome.FAILED or at_s - challenge.since_s > limits.time_s:
        return True
    if at_s - challenge.seen_s > limits.gap_s:
        return True
    if turn is None:
        return False
    wrong = turn.yaw * challenge.side.sign <= -limits.turned
    jumped = challenge.last is not None and abs(turn.yaw - challenge.last.yaw) > limits.jump
    return wrong or jumped


def _turned(challenge: Challenge, turn: Turn, limits: ChallengeLimits) -> bool:
    """Whether this look, after those before it, is the turn that was asked for."""
    start, sign = challenge.start, challenge.side.sign
    return (
        start is not None
        and challenge.between >= limits.between
        and turn.yaw * sign >= limits.turned
        and (turn.nose - start.nose) * sign >= limits.parallax
    )
