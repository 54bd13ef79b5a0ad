"""The words of a presentation: what can happen at the door, what is remembered, what follows.

Values only; `kiosk.presentation` has the rules that connect them. Times are seconds of the camera's
clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from kiosk.indicators import Signal
from recognizer.challenge import Challenge, ChallengeLimits, Side, Turn
from recognizer.decision import Decision
from recognizer.quality import Reason

Method = Literal["face", "badge", "pin"]


class Phase(Enum):
    """What the terminal is doing."""

    IDLE = "nobody is there"
    LOOKING = "gathering frames of one face"
    CHALLENGED = "asked to turn the head"
    COMMITTING = "a punch is being written"
    ANSWERED = "the answer is shown, or everyone present has had theirs"


class When(Enum):
    """When an accepted face is challenged; the value is the setting's word."""

    NEVER = "never"
    ALWAYS = "always"
    LOW_SCORES = "low_scores"


@dataclass(frozen=True, slots=True)
class Rules:
    """The operator's times and challenge policy; `kiosk.settings` says the ranges.

    LOW_SCORES challenges a face whose `live` or fused cosine is below its bound, or that has no
    `live` because PAD is off.
    """

    patience_s: float = 6.0
    gone_s: float = 0.8
    show_s: float = 1.2
    retry_s: float = 3.0
    repeat_s: float = 60.0
    challenge: When = When.NEVER
    low_live: float = 0.8
    low_score: float = 0.6
    limits: ChallengeLimits = field(default_factory=ChallengeLimits)
    ask_badge: bool = False  # whether there is a badge or PIN reader to point to


@dataclass(frozen=True, slots=True)
class Served:
    """A face that has had its answer and is still about; `final` ones are not tried again."""

    track: int
    answered_s: float
    seen_s: float
    final: bool


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the machine remembers."""

    phase: Phase = Phase.IDLE
    track: int | None = None
    since_s: float = 0.0
    seen_s: float = 0.0
    hint: Reason | None = None
    pending: str | None = None
    challenge: Challenge | None = None
    asked: bool = False
    claim: str | None = None
    method: Method = "face"
    served: tuple[Served, ...] = ()
    accepted: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame with somebody in it: the subject's track, what its frames say, and who is visible.

    `claim` is the number that the decision verified, 1:1; None where it identified. `turn` is what
    the face's landmarks say of its pose, `live` PAD's last word on it. `side` is drawn anew for
    each frame: the machine throws no dice.
    """

    at_s: float
    track: int
    decision: Decision
    visible: frozenset[int]
    claim: str | None = None
    turn: Turn | None = None
    live: float | None = None
    side: Side = Side.LEFT


@dataclass(frozen=True, slots=True)
class Claimed:
    """A badge or a PIN says that this person stands here."""

    at_s: float
    person: str
    method: Literal["badge", "pin"]


@dataclass(frozen=True, slots=True)
class Nobody:
    """A frame without a face."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Committed:
    """The punch that `Punch` asked for is on disk."""

    at_s: float


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """The punch could not be written; nothing is recorded."""

    at_s: float


Event = Seen | Nobody | Claimed | Committed | NotCommitted


@dataclass(frozen=True, slots=True)
class Show:
    """Show a signal; `hint` says what the person can do."""

    signal: Signal
    hint: Reason | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Gather frames of this track from now on, forgetting what was gathered before."""

    track: int


@dataclass(frozen=True, slots=True)
class Punch:
    """Write a punch for the person of this decision, then answer `Committed` or `NotCommitted`."""

    decision: Decision
    method: Method = "face"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Somebody who was recorded a moment ago came again; nothing is written."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class Reject:
    """Write that somebody was turned down, without saying who: reason is a stable word."""

    reason: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody left before there was an answer; `hint` is the last that they were told."""

    hint: Reason | None


Effect = Show | Begin | Punch | Repeat | Reject | Left
