"""Which way a head is turned during an enrolment, and what to say until it is turned as asked.

Rules
- Sides are the person's own; a turn to their left is positive yaw (`recognizer.challenge`).
- Left, right and up are told from the person's own front: the estimate of a face that looks ahead
  was 10 to 27 degrees off in pitch on five people, but steady for each of them.
- One frame is not believed: the median of the last `RECENT` frames counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import median

RECENT = 3  # frames: a fifth of a second; their median is free of single bad landmarks


class Pose(Enum):
    """What is asked for; the value is a stable word."""

    FRONT = "front"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"


class Hint(Enum):
    """What the person can do. The value is a stable word, `hint` the English text (a msgid)."""

    NOBODY = "nobody"
    ALONE = "alone"
    OTHER_FACE = "other_face"
    LOOK_AHEAD = "look_ahead"
    TURN_LEFT = "turn_left"
    TURN_RIGHT = "turn_right"
    LOOK_UP = "look_up"
    MORE = "more"
    LESS = "less"
    HOLD_STILL = "hold_still"

    @property
    def hint(self) -> str:
        """The text for the person."""
        return _TEXTS[self]


_TEXTS = {
    Hint.NOBODY: "step in front of the camera",
    Hint.ALONE: "one person only, please",
    Hint.OTHER_FACE: "this is not the person who began",
    Hint.LOOK_AHEAD: "look straight at the camera",
    Hint.TURN_LEFT: "turn your head a little to the left",
    Hint.TURN_RIGHT: "turn your head a little to the right",
    Hint.LOOK_UP: "look ahead and lift your chin a little",
    Hint.MORE: "a little more",
    Hint.LESS: "a little less",
    Hint.HOLD_STILL: "hold still",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """Degrees as in `recognizer.pose`: yaw to the picture's right, pitch downwards."""

    yaw: float
    pitch: float


@dataclass(frozen=True, slots=True)
class TurnLimits:
    """Angles in degrees."""

    frontal: float = 15.0
    """Yaw of a face that looks ahead, as for the challenge (`recognizer.challenge`)."""
    turned: float = 12.0
    """Yaw away from the own front. Faces that stood still had a standard deviation of 3 at most;
    heads rendered at 25 degrees were estimated at 13 to 36 from their front."""
    lifted: float = 5.0
    """Pitch away from the own front. Faces that stood still had a standard deviation of about 1;
    heads rendered at 25 degrees were estimated at 2 to 12 from their front: the landmarks of a
    rendered chin hardly rise, so this is low."""
    still: float = 8.0
    """Between the most and the least yaw of the recent frames: a brisk turn has more in a fifth of
    a second, noise has less."""


def recent_heading(recent: Sequence[Heading]) -> Heading:
    """The median of the recent headings, of which there must be one at least."""
    return Heading(median(h.yaw for h in recent), median(h.pitch for h in recent))


def front_of(headings: Sequence[Heading]) -> Heading:
    """The person's own front: the mean of what was taken of it."""
    n = len(headings)
    return Heading(sum(h.yaw for h in headings) / n, sum(h.pitch for h in headings) / n)


def opening(pose: Pose) -> Hint:
    """What a pose is asked for with."""
    return _ASKED[pose]


def correction(
    pose: Pose, recent: Sequence[Heading], front: Heading | None, limits: TurnLimits
) -> Hint | None:
    """What to say to a head that is not turned as `pose` asks; None for one that is, and is still.

    `front` is the person's own, None while it is not known, which is only while FRONT is asked for.
    """
    now = recent_heading(recent)
    aside = now.yaw if front is None else now.yaw - front.yaw
    ahead = abs(aside) <= (limits.frontal if front is None else limits.turned)
    lifted = 0.0 if front is None else front.pitch - now.pitch
    match pose:
        case Pose.LEFT:
            asked = _short(aside, limits.turned, Hint.TURN_LEFT)
        case Pose.RIGHT:
            asked = _short(-aside, limits.turned, Hint.TURN_RIGHT)
        case Pose.UP if ahead:
            asked = _short(lifted, limits.lifted, Hint.LOOK_UP)
        case _:  # ahead; and up with the head turned aside is not up
            asked = None if ahead else _ASKED[pose]
    if asked is not None:
        return asked
    yaws = [heading.yaw for heading in recent]
    moving = len(recent) < RECENT or max(yaws) - min(yaws) > limits.still
    return Hint.HOLD_STILL if moving else None


_ASKED = {
    Pose.FRONT: Hint.LOOK_AHEAD,
    Pose.LEFT: Hint.TURN_LEFT,
    Pose.RIGHT: Hint.TURN_RIGHT,
    Pose.UP: Hint.LOOK_UP,
}


def _short(angle: float, wanted: float, words: Hint) -> Hint | None:
    """Whether an angle falls short of what is wanted: the words at first, then "a little more"."""
    if angle >= wanted:
        return None
    return Hint.MORE if angle >= wanted / 2 else words
