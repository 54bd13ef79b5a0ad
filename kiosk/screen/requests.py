"""What the page asks of the databases, and the answers.

No request names whose records are meant: they are those of whoever has the door's session open, so
that no page can ask for anybody else's. Only the door's thread answers (`kiosk.screen.desk`).
"""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

from store.records import Direction, HexDigest, Method, Number, Text, Word

Standing = Literal["counts", "repeat", "waiting", "cancelled", "added", "changed"]
Claim = Literal["wrong_time", "wrong_direction", "not_me", "missing", "other"]
MonthText = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PunchLine(_Value):
    """One punch as its person sees it: local time `HH:MM`, and whether it counts.

    `id` is the record's, `was` the time before it was changed. `by` and `why` are of the correction
    that added, changed or cancelled it.
    """

    id: str
    time: str
    direction: Direction | None = None
    method: Method | None = None
    standing: Standing = "counts"
    was: str | None = None
    by: str | None = None
    why: str | None = None


class DisputeLine(_Value):
    """A dispute that was raised, and what headquarters said to it; None: nothing yet."""

    claim: Claim
    reason: str
    outcome: Literal["approved", "refused"] | None = None
    answer: str | None = None


class DayWanted(_Value):
    """My punches of a day; None is today."""

    kind: Literal["day"] = "day"
    day: date | None = None


class MonthWanted(_Value):
    """My punches of a month, `YYYY-MM`; None is this one."""

    kind: Literal["month"] = "month"
    month: MonthText | None = None


class MonthAgreed(_Value):
    """My punches of that month are right; `digest` says which ones were shown."""

    kind: Literal["month_agreed"] = "month_agreed"
    month: MonthText
    digest: HexDigest


class DisputeRaised(_Value):
    """The record `about` of that day is wrong, or one is missing; `should_be` is local."""

    kind: Literal["dispute"] = "dispute"
    day: date
    about: Word | None = None
    claim: Claim
    should_be: time | None = None
    reason: Annotated[Text, Field(min_length=1)]


class EnrolmentWanted(_Value):
    """Enrol that person, who has agreed on the screen to the notice of that version and language.

    `name` None: somebody who is on this terminal already.
    """

    kind: Literal["enrol"] = "enrol"
    number: Number
    name: Annotated[str, Field(max_length=200)] | None = None
    language: Annotated[str, Field(max_length=16)]
    identity_check: Literal["document", "badge", "known"]
    version: Word


class EnrolmentStopped(_Value):
    """End the enrolment that is under way, or its result; nothing more is stored."""

    kind: Literal["enrol_stop"] = "enrol_stop"


class PosePassedOver(_Value):
    """The person who is being enrolled cannot take the pose that is asked for."""

    kind: Literal["enrol_pass"] = "enrol_pass"


class OversightWanted(_Value):
    """What a supervisor has to look at: failed faces, declared punches, open disputes."""

    kind: Literal["oversight"] = "oversight"


class ConditionWanted(_Value):
    """How the terminal is."""

    kind: Literal["condition"] = "condition"


Request = (
    DayWanted
    | MonthWanted
    | MonthAgreed
    | DisputeRaised
    | EnrolmentWanted
    | EnrolmentStopped
    | PosePassedOver
    | OversightWanted
    | ConditionWanted
)


class Day(_Value):
    """A day of the session's person; `earliest` to `latest` are the days that can be asked for."""

    kind: Literal["day"] = "day"
    day: date
    earliest: date
    latest: date
    punches: tuple[PunchLine, ...] = ()
    disputes: tuple[DisputeLine, ...] = ()


class MonthDay(_Value):
    """A day of a month that has punches."""

    day: date
    punches: tuple[PunchLine, ...]


class Month(_Value):
    """A month of the session's person; `digest` covers the punches that are shown.

    `over`: the month is past, and only then can it be agreed to; `confirmed`: it was.
    """

    kind: Literal["month"] = "month"
    month: MonthText
    earliest: MonthText
    latest: MonthText
    days: tuple[MonthDay, ...] = ()
    punches: int = 0
    digest: HexDigest
    over: bool
    confirmed: bool = False


class OversightLine(_Value):
    """One thing to look at: when (local, with the day), what, and whose number, where it is known.

    `detail` is the stable word of the record: a reason, a claim, a direction.
    """

    at: str
    what: Literal["face_failed", "declared", "dispute"]
    number: str | None = None
    detail: str | None = None


class Oversight(_Value):
    """What a supervisor has to look at, newest first."""

    kind: Literal["oversight"] = "oversight"
    lines: tuple[OversightLine, ...] = ()


class Condition(_Value):
    """How the terminal is: `faults` are the codes that stand (docs/monitoring.md)."""

    kind: Literal["condition"] = "condition"
    site: str
    terminal: str
    version: str
    faults: tuple[str, ...] = ()
    records: int = 0
    waiting: int = 0
    people: int = 0
    clock_right: bool = False


class Done(_Value):
    """It is done; what follows is in the view."""

    kind: Literal["done"] = "done"


class Refused(_Value):
    """It was not done. `reason` is a code of `kiosk.screen.texts.REFUSALS`."""

    kind: Literal["refused"] = "refused"
    reason: str


Answer = Day | Month | Oversight | Condition | Done | Refused


class Counter(Protocol):
    """Who answers: the door, with the databases and the session that it has open."""

    def answer(self, request: Request) -> Answer:
        """What is asked, or `Refused` where the session does not allow it."""
