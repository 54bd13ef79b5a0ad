"""A door without a camera: it answers the page's requests for one made-up person.

It keeps the rules of the real one: without a session there is nothing, no day outside the retention
period, no month before it is over, and only what was shown can be confirmed. `history` has the
requests in their order.
"""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from typing import Literal

from kiosk.screen.requests import (
    Answer,
    Claim,
    Condition,
    ConditionWanted,
    Day,
    DayWanted,
    DisputeLine,
    DisputeRaised,
    Done,
    Month,
    MonthAgreed,
    MonthDay,
    MonthWanted,
    Oversight,
    OversightLine,
    OversightWanted,
    PunchLine,
    Refused,
    Request,
)


class StandInCounter:
    """Answers as the door does; `opened` says whether somebody has a session."""

    def __init__(self, today: date, retention: timedelta, *, opened: bool = True) -> None:
        self.today, self.earliest, self.opened = today, today - retention, opened
        self.history: list[Request] = []
        self.days: dict[date, list[PunchLine]] = {}
        self.disputes: dict[date, list[DisputeLine]] = {}
        self.oversight: list[OversightLine] = []
        self.confirmed: set[str] = set()

    def raise_dispute(
        self,
        day: date,
        claim: Claim,
        reason: str,
        outcome: Literal["approved", "refused"] | None = None,
    ) -> None:
        """Somebody disputed something on that day, and headquarters said that, or nothing yet."""
        line = DisputeLine(claim=claim, reason=reason, outcome=outcome)
        self.disputes.setdefault(day, []).append(line)

    def answer(self, request: Request) -> Answer:
        """What is asked, or why not."""
        self.history.append(request)
        if not self.opened:
            return Refused(reason="closed")
        return self._answer(request)

    def _answer(self, request: Request) -> Answer:
        match request:
            case DayWanted(day=day):
                return self._day(day or self.today)
            case MonthWanted(month=month):
                return self._month(month or self.today.isoformat()[:7])
            case MonthAgreed(month=month, digest=digest):
                return self._confirm(month, digest)
            case DisputeRaised(day=day, claim=claim, reason=reason):
                self.raise_dispute(day, claim, reason)
                return self._day(day)
            case _:
                return self._staff(request)

    def _staff(self, request: Request) -> Answer:
        match request:
            case OversightWanted():
                return Oversight(lines=tuple(self.oversight))
            case ConditionWanted():
                return Condition(site="plant-1", terminal="gate-a", version="0.1.0")
            case _:
                return Done()

    def _day(self, day: date) -> Answer:
        if not self.earliest <= day <= self.today:
            return Refused(reason="no_such_day")
        return Day(
            day=day,
            earliest=self.earliest,
            latest=self.today,
            punches=tuple(self.days.get(day, ())),
            disputes=tuple(self.disputes.get(day, ())),
        )

    def _confirm(self, month: str, digest: str) -> Answer:
        shown = self._month(month)
        if not shown.over:
            return Refused(reason="not_over")
        if shown.digest != digest:
            return Refused(reason="stale")
        self.confirmed.add(month)
        return self._month(month)

    def _month(self, month: str) -> Month:
        own = sorted(day for day in self.days if day.isoformat().startswith(month))
        days = tuple(MonthDay(day=day, punches=tuple(self.days[day])) for day in own)
        ids = [punch.id for day in days for punch in day.punches]
        return Month(
            month=month,
            earliest=self.earliest.isoformat()[:7],
            latest=self.today.isoformat()[:7],
            days=days,
            punches=len(ids),
            digest=hashlib.sha256(" ".join(ids).encode()).hexdigest(),
            over=month < self.today.isoformat()[:7],
            confirmed=month in self.confirmed,
        )
