"""Who answers the screen's page: the door, for whoever has its session open.

- No request names whose records are meant. Without an open session there is no answer but
  "closed"; what a session may do is what its person's roles may (`kiosk.roles`).
- Belongs to the daemon's thread. Every answer counts as a touch: the session goes on.
- Ending a session ends the enrolment that is under way; nothing of it is kept.
"""

from __future__ import annotations

from datetime import date, datetime
from importlib import metadata
from zoneinfo import ZoneInfo

from kiosk.clock import Clock
from kiosk.confirmed import confirmed_head
from kiosk.enrolling import Enrolling
from kiosk.errors import OwnRecordsError
from kiosk.local_days import local_day
from kiosk.oversight import oversight
from kiosk.own_records import Asked, Month, my_records
from kiosk.own_records import Day as OwnDay
from kiosk.panel import Intent
from kiosk.roles import Right, rights_of
from kiosk.screen.requests import (
    Answer,
    Condition,
    ConditionWanted,
    Day,
    DayWanted,
    DisputeLine,
    DisputeRaised,
    Done,
    EnrolmentStopped,
    EnrolmentWanted,
    MonthAgreed,
    MonthDay,
    MonthWanted,
    OversightWanted,
    PosePassedOver,
    PunchLine,
    Refused,
    Request,
)
from kiosk.screen.requests import Month as MonthShown
from kiosk.screen.view import Session
from kiosk.settings import Settings
from kiosk.stores import Stores
from store.counting import Entry
from store.errors import InvalidValueError
from store.records import Correction, DeclaredPunch, Dispute
from store.standing import Standing

# What the page calls a right of staff; the others need no menu.
_STAFF = {Right.ENROL: "enrol", Right.PUNCHES: "oversee", Right.RUN: "inspect"}
_NEEDS = {
    EnrolmentWanted: Right.ENROL,
    EnrolmentStopped: Right.ENROL,
    PosePassedOver: Right.ENROL,
    OversightWanted: Right.PUNCHES,
    ConditionWanted: Right.RUN,
}
# The page's word where it differs from the error's.
_REASONS = {
    "not_kept": "no_such_day",
    "no_day": "no_such_day",
    "month_goes_on": "not_over",
    "month_changed": "stale",
    "no_claim": "invalid",
    "not_yours": "stale",
}


class Office:
    """Answers for one door. `enrolling` is None where faces are not recognised."""

    def __init__(
        self, settings: Settings, stores: Stores, clock: Clock, enrolling: Enrolling | None
    ) -> None:
        self._settings, self._stores, self._clock = settings, stores, clock
        self._mine = my_records(stores, settings)
        self._zone = ZoneInfo(settings.terminal.zone)
        self._person: str | None = None
        self.session: Session | None = None
        self._rights: frozenset[Right] = frozenset()
        self.enrolling = enrolling
        self._touched = False
        self._standing = Standing(stores.ledger_db)

    def open(self, person: str, intent: Intent) -> None:
        """Somebody has identified."""
        known = self._stores.gallery.person(person)
        if known is None:
            return
        self._person, self._rights = known.number, rights_of(known.roles)
        staff = frozenset(_STAFF[right] for right in self._rights if right in _STAFF)
        kind = "staff" if intent is Intent.STAFF else "records"
        self.session = Session.model_validate({"kind": kind, "name": known.name, "rights": staff})

    def close(self) -> None:
        """Whoever it was has gone."""
        self._person, self.session, self._rights = None, None, frozenset()
        if self.enrolling is not None:
            self.enrolling.stop()

    def touched(self) -> bool:
        """Whether something was asked since the last call."""
        touched, self._touched = self._touched, False
        return touched

    def answer(self, request: Request) -> Answer:
        """What is asked, or why not; raises what the stores raise."""
        self._touched = True
        if self._person is None:
            return Refused(reason="closed")
        needed = _NEEDS.get(type(request), Right.OWN_RECORDS)
        if needed not in self._rights:
            return Refused(reason="not_allowed")
        try:
            return self._answer(request, self._person)
        except OwnRecordsError as error:
            return Refused(reason=_REASONS.get(error.reason, error.reason))
        except InvalidValueError:
            return Refused(reason="invalid")

    def today(self, person: str) -> tuple[PunchLine, ...]:
        """The person's punches of today."""
        return self._day(person, None).punches

    def _answer(  # noqa: PLR0911 (one a request)
        self, request: Request, person: str
    ) -> Answer:
        match request:
            case DayWanted(day=day):
                return self._day(person, day)
            case MonthWanted(month=month):
                return self._month(person, month)
            case MonthAgreed(month=month, digest=digest):
                self._mine.confirm_month(person, month, digest, self._clock.now())
                return self._month(person, month)
            case DisputeRaised():
                return self._dispute(request, person)
            case OversightWanted():
                return oversight(self._stores, self._mine, self._zone)
            case ConditionWanted():
                return self._condition()
            case EnrolmentWanted():
                return (
                    Refused(reason="busy")
                    if self.enrolling is None
                    else self.enrolling.start(request, person)
                )
            case EnrolmentStopped():
                if self.enrolling is not None:
                    self.enrolling.stop()
                return Done()
            case PosePassedOver():
                if self.enrolling is not None:
                    self.enrolling.pass_over()
                return Done()

    def _day(self, person: str, day: date | None) -> Day:
        now = self._clock.now()
        today = local_day(now.utc, self._zone)
        shown = self._mine.day(person, day or today, now)
        disputes = [one for one in shown.asked if isinstance(one.body, Dispute)]
        return Day(
            day=day or today,
            earliest=self._mine.oldest_day(now),
            latest=today,
            punches=self._lines(shown),
            disputes=tuple(_dispute_line(one) for one in disputes),
        )

    def _lines(self, shown: OwnDay) -> tuple[PunchLine, ...]:
        """What counts, what waits for headquarters, and what counts for nothing, by the time."""
        lines = [(entry.stands.utc, self._line(entry)) for entry in shown.entries]
        for again in shown.repeats:
            line = PunchLine(id=again.id, time=self._time(again.utc), standing="repeat")
            lines.append((again.utc, line))
        for asked in shown.asked:
            if isinstance(asked.body, DeclaredPunch) and asked.state == "open":
                line = PunchLine(
                    id=asked.id,
                    time=self._time(asked.utc),
                    direction=asked.body.direction,
                    standing="waiting",
                )
                lines.append((asked.utc, line))
        return tuple(line for _, line in sorted(lines, key=lambda pair: pair[0]))

    def _line(self, entry: Entry) -> PunchLine:
        newest = entry.corrections[-1].body if entry.corrections else None
        said = newest if isinstance(newest, Correction) else None
        standing = "counts"
        if entry.cancelled:
            standing = "cancelled"
        elif entry.added:
            standing = "added"
        elif entry.was != entry.stands:
            standing = "changed"
        return PunchLine.model_validate(
            {
                "id": entry.id,
                "time": self._time(entry.stands.utc),
                "direction": entry.stands.direction,
                "method": entry.method,
                "standing": standing,
                "was": self._time(entry.was.utc) if entry.was != entry.stands else None,
                "by": said.by if said else None,
                "why": said.why if said else None,
            }
        )

    def _time(self, utc: datetime) -> str:
        return f"{utc.astimezone(self._zone):%H:%M}"

    def _month(self, person: str, month: str | None) -> MonthShown:
        now = self._clock.now()
        this = local_day(now.utc, self._zone).isoformat()[:7]
        month = month or this
        shown: Month = self._mine.month(person, month, now)
        days: dict[date, list[PunchLine]] = {}
        for entry in sorted((*shown.counted, *shown.cancelled), key=lambda one: one.stands.utc):
            on = local_day(entry.stands.utc, self._zone)
            days.setdefault(on, []).append(self._line(entry))
        return MonthShown(
            month=month,
            earliest=self._mine.oldest_month(now),
            latest=this,
            days=tuple(MonthDay(day=day, punches=tuple(of)) for day, of in sorted(days.items())),
            punches=len(shown.counted),
            digest=shown.digest,
            over=month < this,
            confirmed=shown.holds,
        )

    def _dispute(self, request: DisputeRaised, person: str) -> Answer:
        should_be = None
        if request.should_be is not None and request.claim in ("wrong_time", "missing"):
            local = datetime.combine(request.day, request.should_be, self._zone)
            should_be = local.astimezone(ZoneInfo("UTC"))
        self._mine.dispute(
            person,
            request.day,
            request.claim,
            request.reason,
            self._clock.now(),
            about=request.about,
            should_be=should_be,
        )
        return self._day(person, request.day)

    def _condition(self) -> Condition:
        self._standing.refresh()
        head, now = self._stores.ledger.head().seq, self._clock.now()
        terminal = self._settings.terminal
        confirmed = confirmed_head(self._stores, terminal)
        return Condition(
            site=terminal.site,
            terminal=terminal.name,
            version=metadata.version("kiosk"),
            faults=tuple(sorted(self._standing.faults)),
            records=head,
            waiting=head - (confirmed.seq if confirmed else 0),
            people=len(self._stores.gallery.people()),
            clock_right=now.synchronised,
        )


def _dispute_line(one: Asked) -> DisputeLine:
    if not isinstance(one.body, Dispute):
        raise TypeError("not a dispute")
    answer = one.answer
    return DisputeLine(
        claim=one.body.claim,
        reason=one.body.reason,
        outcome=answer.outcome if answer else None,
        answer=answer.why if answer else None,
    )
