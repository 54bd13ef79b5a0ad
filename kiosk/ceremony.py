"""The words of a guided enrolment: what can happen, what is remembered, what follows.

Values only; `kiosk.guided` has the rules that connect them. Embeddings are in the protected form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from kiosk.enrolment import IdentityCheck
from kiosk.poses import Heading, Hint, Pose, TurnLimits
from recognizer.coverage import Sample
from recognizer.decision import DecisionPolicy
from recognizer.evidence import Evidence
from recognizer.matcher import Matcher
from recognizer.quality import Reason


class Step(Enum):
    """How far the enrolment is; the value is a stable word."""

    CONSENT = "consent"
    IDENTITY = "identity"
    POSES = "poses"
    CHECK = "check"
    TRIAL = "trial"
    STORE = "store"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


ENDED = frozenset({Step.DONE, Step.REFUSED, Step.CANCELLED})


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked for. `one_person` is a cosine, times are seconds.

    `live`: PAD runs, and a frame that it did not judge is not taken.
    """

    person: str
    text_version: str
    text_digest: str
    one_person: float
    live: bool = True
    time_s: float = 30.0
    poses: tuple[Pose, ...] = (Pose.FRONT, Pose.LEFT, Pose.RIGHT, Pose.UP)
    each: int = 2
    """Frames of a pose: with four poses as many as a person may have templates."""
    least: int = 5
    apart_s: float = 0.3
    """Between two frames that are taken, so that they differ: four or five frames of a camera."""
    up_s: float = 8.0
    """For a lifted chin: of three rendered heads that lifted it within 1.5 s, one did not show."""
    turns: TurnLimits = field(default_factory=TurnLimits)

    def __post_init__(self) -> None:
        if not self.poses or self.poses[0] is not Pose.FRONT:
            raise ValueError("the front comes first: the other poses are told from it")


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A frame that was taken: for which pose, and when."""

    pose: Pose
    at_s: float
    sample: Sample


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Everybody's templates with the new ones, the trial's policy, and the frames since then."""

    matcher: Matcher
    policy: DecisionPolicy
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing was kept: a stable word, and a line with the mend."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Everything that the machine remembers. `poses` are those still asked for, the present first,
    since `asked_s`.

    `attacks` counts the frames that PAD refused, `passed` those that could have been taken.
    """

    step: Step = Step.CONSENT
    consent: str | None = None
    identity: IdentityCheck | None = None
    poses: tuple[Pose, ...] = ()
    began_s: float | None = None
    at_s: float = 0.0
    asked_s: float = 0.0
    taken: tuple[Taken, ...] = ()
    recent: tuple[Heading, ...] = ()
    attacks: int = 0
    passed: int = 0
    hint: Hint | Reason | None = None
    trial: Trial | None = None
    score: float | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Consented:
    """The person agreed to the text of that version and SHA-256; `how` says by what act."""

    version: str
    digest: str
    how: str


@dataclass(frozen=True, slots=True)
class Identified:
    """The enroller made sure who the person is; of a document nothing but that is noted."""

    check: IdentityCheck


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A frame: how many faces large enough to be meant, and the evidence on the foremost one."""

    at_s: float
    faces: int
    subject: Evidence | None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """The enroller passes the present pose over: the person cannot take it."""


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """Nobody else has this face. `matcher` has the new templates in it, `policy` is the trial's."""

    matcher: Matcher
    policy: DecisionPolicy


@dataclass(frozen=True, slots=True)
class Failed:
    """What `Check` or `Store` asked for was refused or could not be done; nothing is stored."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Stored:
    """What `Store` asked for is on disk."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The person or the enroller ends it."""


Event = Consented | Identified | Looked | PassedOver | Checked | Failed | Stored | Cancelled


@dataclass(frozen=True, slots=True)
class Check:
    """See that nobody else has this face and choose templates; then `Checked` or `Failed`."""

    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """Store the templates, consent and all, and tell; then answer `Stored` or `Failed`."""

    score: float


@dataclass(frozen=True, slots=True)
class Forget:
    """Let go of everything that was gathered."""


Effect = Check | Store | Forget
