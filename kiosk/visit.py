"""The words of a presentation: what can happen at the door, what is remembered, what follows.

Values only; `kiosk.presentation` has the rules that connect them. Times are seconds of the camera's
clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from kiosk.indicators import Signal
from kiosk.panel import Agreed, Chose, Closed, Declined, Intent, UndoAsked, Wanted
from recognizer.challenge import Challenge, ChallengeLimits, Side, Turn
from recognizer.decision import Decision
from recognizer.quality import Reason
from store.records import Direction, Method


class Phase(Enum):
    """What the terminal is doing."""

    IDLE = "nobody is there"
    LOOKING = "gathering frames of one face"
    CHALLENGED = "asked to turn the head"
    COMMITTING = "a record is being written"
    ASKING = "a question is open before anything is written"
    ANSWERED = "the answer is shown, or everyone present has had theirs"
    OPEN = "somebody sees their own records, or works in a role"


class When(Enum):
    """When an accepted face is challenged; the value is the setting's word."""

    NEVER = "never"
    ALWAYS = "always"
    LOW_SCORES = "low_scores"


class Question(Enum):
    """What has to be known before a punch can be written."""

    DIRECTION = "in, out or break"
    NOTICE = "the current notice, which has to be accepted before a punch by face"


class Refusal(Enum):
    """Why somebody who did something is told no; the value is a stable word."""

    UNKNOWN_BADGE = "unknown_badge"
    WRONG_PIN = "wrong_pin"
    WAIT = "wait"
    BLOCKED = "blocked"
    PIN_NEEDED = "pin_needed"
    TOO_LATE = "too_late"
    NOT_CHOSEN = "not_chosen"
    NOTICE_NOT_ACCEPTED = "notice_not_accepted"
    UNKNOWN_NUMBER = "unknown_number"


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
    choose_s: float = 10.0
    undo_s: float = 10.0
    notice_s: float = 90.0  # how long the notice may be read; short where nobody can accept it
    session_s: float = 60.0
    # A badge's face is compared this long, then the badge alone counts: long enough for the eight
    # frames of a decision at 5 frames/s, short enough not to be a punishment.
    verify_s: float = 2.0
    # Three in a row, as the issue of every employee who was ever stuck asks; a minute apart they
    # are another person's.
    failures: int = 3
    failures_s: float = 60.0
    challenge: When = When.NEVER
    low_live: float = 0.8
    low_score: float = 0.6
    limits: ChallengeLimits = field(default_factory=ChallengeLimits)
    ask_badge: bool = False  # whether somebody can identify here without a face
    idle: Signal = Signal.IDLE  # what is shown while nobody is there


@dataclass(frozen=True, slots=True)
class Served:
    """A face that has had its answer and is still about; `final` ones are not tried again."""

    track: int
    answered_s: float
    seen_s: float
    final: bool


@dataclass(frozen=True, slots=True)
class Pending:
    """Who is identified and by what, while the record is asked about or written.

    `decision` is what the frames said, None without a face. `face_matched` as in the record.
    """

    person: str
    method: Method
    decision: Decision | None = None
    face_matched: bool | None = None
    what: Literal["punch", "undo", "declared"] = "punch"


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the machine remembers.

    `front` is the face that stood foremost in the newest frame with one. `last` is who punched
    last, and when; only that punch can be taken back.
    """

    phase: Phase = Phase.IDLE
    track: int | None = None
    since_s: float = 0.0
    seen_s: float = 0.0
    hint: Reason | None = None
    front: tuple[int, float] | None = None
    challenge: Challenge | None = None
    suspect: str | None = None  # the person whom the challenge has to name again
    asked: bool = False
    claim: str | None = None
    method: Method = "face"
    pending: Pending | None = None
    question: Question | None = None
    agreed: bool = False
    intent: Intent = Intent.PUNCH
    intent_s: float = 0.0
    choice: Direction | None = None
    choice_s: float = 0.0
    last: tuple[str, float] | None = None
    failures: int = 0
    failed_s: float = 0.0
    served: tuple[Served, ...] = ()


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
class Nobody:
    """A frame without a face, or no frame at all: time passes."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Claimed:
    """A badge, or a number with its PIN, that holds; `verify`: there is a face to compare with."""

    at_s: float
    person: str
    method: Literal["badge", "pin"]
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Denied:
    """A badge, PIN or number that does not hold; `wait_s` until another PIN is looked at."""

    at_s: float
    refusal: Refusal
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Declares:
    """Somebody who forgot badge and PIN says to be this person, who exists."""

    at_s: float
    person: str


@dataclass(frozen=True, slots=True)
class Did:
    """Something was done at buttons or screen."""

    at_s: float
    action: Chose | UndoAsked | Wanted | Agreed | Declined | Closed


@dataclass(frozen=True, slots=True)
class Touched:
    """Whoever has the records open is still at it."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Committed:
    """What was asked to be written is on disk."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Repeated:
    """The person has a punch within the repeat window: a repeat is on disk, no punch."""

    at_s: float


@dataclass(frozen=True, slots=True)
class NotCommitted:
    """It could not be written; nothing is recorded."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Nothing is written yet: this has to be known first."""

    at_s: float
    question: Question


Written = Committed | Repeated | NotCommitted | Asked
Event = Seen | Nobody | Claimed | Denied | Declares | Did | Touched | Written


@dataclass(frozen=True, slots=True)
class Show:
    """Show a signal; `hint` says what the person can do, or why it was refused.

    `wait_s` is how long trying again is no use.
    """

    signal: Signal
    hint: Reason | Refusal | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Begin:
    """Gather frames of this track from now on, forgetting what was gathered before."""

    track: int


@dataclass(frozen=True, slots=True)
class Punch:
    """Write a punch for the person, then answer with one of `Written`.

    `direction` is what was chosen by hand, `agreed` that the current notice was accepted just now.
    """

    who: Pending
    direction: Direction | None = None
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Write that the person's last punch does not count; answer `Committed` or `NotCommitted`."""

    person: str


@dataclass(frozen=True, slots=True)
class Declare:
    """Write a declared punch; answer `Committed` or `NotCommitted`."""

    person: str
    direction: Direction | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """The person may see their own records, and do what their roles allow, until `Close`."""

    person: str
    intent: Intent


@dataclass(frozen=True, slots=True)
class Close:
    """Whatever was open is closed."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Write that somebody was turned down, without saying who: reason is a stable word."""

    reason: str
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """Write that so many presentations in a row failed; badge and PIN are offered."""

    attempts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody left before there was an answer; `hint` is the last that they were told."""

    hint: Reason | None


Effect = Show | Begin | Punch | TakeBack | Declare | Open | Close | Reject | Offer | Left
