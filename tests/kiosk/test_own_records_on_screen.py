"""What the screen's page is told of one's own records, and of what a supervisor looks at.

The terminal is in Berlin, an hour ahead of UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from kiosk.counter import Office
from kiosk.panel import Intent
from kiosk.screen.requests import (
    Day,
    DayWanted,
    DisputeRaised,
    Month,
    MonthAgreed,
    MonthWanted,
    Oversight,
    OversightWanted,
    Refused,
)
from kiosk.stores import Stores, open_stores
from store.records import (
    Answer,
    Correction,
    DeclaredPunch,
    Dispute,
    FaceFailed,
    Instant,
    Punch,
    Repeat,
)
from tests.kiosk.ordered import NOW, at, ordered_terminal

ME, OTHER = "4711", "4712"
TODAY = date(2026, 11, 24)


class StoppedClock:
    def now(self) -> Instant:
        return NOW


class World:
    def __init__(self, office: Office, stores: Stores) -> None:
        self.office, self.stores = office, stores

    def punch(self, seconds: float, person: str = ME) -> str:
        body = Punch(person=person, method="badge", direction="in")
        return self.stores.ledger.append(body, at(seconds)).id

    def day(self, day: date | None = None) -> Day:
        shown = self.office.answer(DayWanted(day=day))
        assert isinstance(shown, Day)
        return shown


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings = ordered_terminal(tmp_path)
    with open_stores(settings) as stores:
        for number in (ME, OTHER):
            stores.register.upsert(number, f"Name of {number}", "en", "active", None, NOW)
        yield World(Office(settings, stores, StoppedClock(), None), stores)


def test_a_day_tells_what_counts_what_waits_and_what_counts_for_nothing(world: World) -> None:
    kept, gone = world.punch(-3600), world.punch(-1800)
    world.punch(-900, OTHER)
    ledger = world.stores.ledger
    ledger.append(Repeat(person=ME, method="badge", of=kept), at(-3590))
    ledger.append(DeclaredPunch(person=ME, direction="out"), at(-60))
    cancelled = Correction(
        person=ME, action="cancelled", corrects=gone, by="7", approved_by="8", why="twice"
    )
    ledger.append(cancelled, NOW)
    world.office.open(ME, Intent.RECORDS)
    assert [(p.time, p.standing) for p in world.day().punches] == [
        ("06:00", "counts"),
        ("06:00", "repeat"),
        ("06:30", "cancelled"),
        ("06:59", "waiting"),
    ]
    assert world.day().punches[2].why == "twice"


def test_without_a_session_and_about_anothers_record_nothing_is_told(world: World) -> None:
    theirs = world.punch(-900, OTHER)
    wanted = DisputeRaised(day=TODAY, about=theirs, claim="not_me", reason="r")
    for request in (DayWanted(), MonthWanted(), wanted, OversightWanted()):
        assert world.office.answer(request) == Refused(reason="closed")
    world.office.open(ME, Intent.RECORDS)
    assert world.day().punches == ()
    assert world.office.answer(wanted) == Refused(reason="stale")
    assert world.office.answer(OversightWanted()) == Refused(reason="not_allowed")
    world.office.close()
    assert world.office.answer(DayWanted()) == Refused(reason="closed")
    kinds = [record.kind for record in world.stores.ledger.records(0, 100)]
    assert "dispute" not in kinds


def test_a_dispute_with_a_local_time_becomes_a_record(world: World) -> None:
    about = world.punch(-3600)
    world.office.open(ME, Intent.RECORDS)
    raised = {"day": TODAY, "about": about, "claim": "wrong_time", "reason": "I was here at 5"}
    shown = world.office.answer(DisputeRaised.model_validate({**raised, "should_be": "05:00"}))
    assert isinstance(shown, Day)
    assert [(d.claim, d.outcome) for d in shown.disputes] == [("wrong_time", None)]
    body = world.stores.ledger.records(0, 100)[-1].content().known_body()
    assert isinstance(body, Dispute)
    assert (body.should_be, body.person) == (at(-7200).utc, ME)


def test_a_month_is_shown_from_the_first_whole_one_and_confirmed_when_over(world: World) -> None:
    world.punch(-30 * 86_400)
    world.office.open(ME, Intent.RECORDS)
    shown = world.office.answer(MonthWanted(month="2026-10"))
    assert isinstance(shown, Month)
    assert (shown.earliest, shown.latest, shown.punches, shown.over) == (
        "2026-09",
        "2026-11",
        1,
        True,
    )
    assert isinstance(world.office.answer(MonthWanted(month=shown.earliest)), Month)
    agreed = world.office.answer(MonthAgreed(month="2026-10", digest=shown.digest))
    assert isinstance(agreed, Month)
    assert agreed.confirmed
    other = world.office.answer(MonthAgreed(month="2026-10", digest="0" * 64))
    assert other == Refused(reason="stale")
    assert world.office.answer(MonthWanted(month="2026-08")) == Refused(reason="no_such_day")


def test_a_supervisor_sees_what_waits_however_long_ago_and_nothing_answered(
    world: World,
) -> None:
    ledger = world.stores.ledger
    waiting = DeclaredPunch(person=OTHER, direction="in")
    ledger.append(waiting, at(-60 * 86_400))
    answered = ledger.append(DeclaredPunch(person=ME), at(-100))
    refused = Answer(person=ME, answers=answered.id, outcome="refused", by="7", why="w")
    ledger.append(refused, at(-50))
    ledger.append(FaceFailed(attempts=3, reason="unknown"), at(-10))
    world.stores.register.set_roles(ME, ["supervisor"], NOW)
    world.office.open(ME, Intent.STAFF)
    shown = world.office.answer(OversightWanted())
    assert isinstance(shown, Oversight)
    assert [(one.what, one.number, one.at) for one in shown.lines] == [
        ("face_failed", None, "2026-11-24 06:59"),
        ("declared", OTHER, "2026-09-25 08:00"),
    ]
