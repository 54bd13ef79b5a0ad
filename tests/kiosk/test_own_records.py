"""What an employee sees of their own punches, disputes and months, and nobody else's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kiosk.errors import NotYoursError, OwnRecordsError
from kiosk.local_days import local_day, span_of_day, span_of_month
from kiosk.own_records import MAX_OPEN, Claim, MyRecords
from store.ledger import Record
from store.own_records import OwnRecords
from store.records import (
    Answer,
    Correction,
    DeclaredPunch,
    Direction,
    Dispute,
    Instant,
    MonthConfirmed,
    Punch,
    Repeat,
    TimeCorrection,
)
from tests.store.made import Shop, open_shop

ME, OTHER = "1001", "1002"
KEPT_DAYS = 90
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Pacific/Apia", "Asia/Shanghai")


def clock(local: str, zone: ZoneInfo = BERLIN, **changes: Any) -> Instant:
    """A synchronised instant at a local time; a second `fold` is written with a trailing `*`."""
    moment = datetime.fromisoformat(local.rstrip("*")).replace(
        tzinfo=zone, fold=local.endswith("*")
    )
    utc = moment.astimezone(UTC)
    return Instant(
        utc=utc,
        zone=str(zone),
        boot="b",
        monotonic_ns=int(utc.timestamp() * 1e9),
        synchronised=True,
        error_ms=1,
    ).model_copy(update=changes)


NOW = clock("2026-11-24T12:00")


class Desk:
    """A terminal's ledger and whoever stands before it."""

    def __init__(self, shop: Shop, kept_days: int = KEPT_DAYS) -> None:
        self.shop = shop
        self.mine = MyRecords(shop.ledger, OwnRecords(shop.ledger_db), "Europe/Berlin", kept_days)

    def punch(self, local: str, direction: Direction | None = "in", person: str = ME) -> Record:
        body = Punch(person=person, method="badge", direction=direction)
        return self.shop.ledger.append(body, clock(local))

    def correct(self, action: Literal["cancelled", "added", "changed"], **said: Any) -> Record:
        said = {"person": ME, "by": "7", "approved_by": "8", "why": "agreed", **said}
        return self.shop.ledger.append(Correction(action=action, **said), NOW)

    def shown(self, day: str, person: str = ME) -> list[tuple[str, str | None, bool]]:
        """(local time, direction, counts) of each punch of a day."""
        entries = self.mine.day(person, date.fromisoformat(day), NOW).entries
        return [
            (
                entry.stands.utc.astimezone(BERLIN).isoformat(timespec="minutes"),
                entry.stands.direction,
                entry.counts is not None,
            )
            for entry in entries
        ]

    def kinds(self) -> list[str]:
        return [record.kind for record in self.shop.ledger.records(0, 1000)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    shop = open_shop(tmp_path)
    yield Desk(shop)
    shop.close()


def refusal(error: pytest.ExceptionInfo[OwnRecordsError]) -> str:
    return error.value.reason


def test_a_day_shows_ones_own_punches_in_their_order(desk: Desk) -> None:
    desk.punch("2026-11-23T08:01")
    desk.punch("2026-11-23T08:02", person=OTHER)
    last = desk.punch("2026-11-23T16:30", "out")
    desk.shop.ledger.append(
        Repeat(person=ME, method="badge", of=last.id), clock("2026-11-23T16:31")
    )
    desk.punch("2026-11-24T07:58")
    assert desk.shown("2026-11-23") == [
        ("2026-11-23T08:01+01:00", "in", True),
        ("2026-11-23T16:30+01:00", "out", True),
    ]
    [again] = desk.mine.day(ME, date(2026, 11, 23), NOW).repeats
    assert isinstance(again.body, Repeat)
    assert again.body.of == last.id
    assert desk.mine.day(ME, date(2026, 11, 24), NOW).repeats == ()
    assert desk.shown("2026-11-22") == []
    assert len(desk.shown("2026-11-23", OTHER)) == 1


def test_corrections_say_what_counts_and_what_was(desk: Desk) -> None:
    late = desk.punch("2026-11-23T09:00")
    twice = desk.punch("2026-11-23T09:05")
    desk.correct("changed", corrects=late.id, utc=clock("2026-11-23T08:00").utc)
    desk.correct("cancelled", corrects=twice.id)
    desk.correct("added", utc=clock("2026-11-23T17:00").utc, direction="out")
    entries = desk.mine.day(ME, date(2026, 11, 23), NOW).entries
    assert desk.shown("2026-11-23") == [
        ("2026-11-23T08:00+01:00", "in", True),
        ("2026-11-23T09:05+01:00", "in", False),
        ("2026-11-23T17:00+01:00", "out", True),
    ]
    assert entries[0].was.utc == clock("2026-11-23T09:00").utc
    [by] = entries[0].corrections
    assert isinstance(by.body, Correction)
    assert (by.body.by, by.body.approved_by, by.body.why) == ("7", "8", "agreed")


def test_a_punch_moved_to_another_day_counts_there_and_is_seen_on_both(desk: Desk) -> None:
    wrong = desk.punch("2026-11-24T00:10", "out")
    desk.correct("changed", corrects=wrong.id, utc=clock("2026-11-23T23:50").utc)
    assert desk.shown("2026-11-23") == [("2026-11-23T23:50+01:00", "out", True)]
    assert desk.shown("2026-11-24") == desk.shown("2026-11-23")


def test_a_punch_before_the_clock_was_right_stands_where_it_happened(desk: Desk) -> None:
    up = clock("1970-01-01T00:01", synchronised=False, monotonic_ns=60 * 10**9, error_ms=None)
    desk.shop.ledger.append(Punch(person=ME, method="face"), up)
    [alone] = desk.mine.day(ME, date(1970, 1, 1), up).entries
    assert desk.mine.day(ME, date(1970, 1, 1), up).unsure == {alone.id}
    right = clock("2026-11-23T08:10", monotonic_ns=(60 + 600) * 10**9)
    desk.shop.ledger.append(TimeCorrection(reason="synchronised", offset_ms=1), right)
    assert desk.shown("2026-11-23") == [("2026-11-23T08:00+01:00", None, True)]
    assert desk.mine.day(ME, date(2026, 11, 23), NOW).unsure == frozenset()
    assert desk.mine.day(ME, date(1970, 1, 1), up).entries == ()


def test_a_night_shift_over_the_end_of_summer_time_is_two_days_in_order(desk: Desk) -> None:
    for local, direction in (
        ("2026-10-24T22:00", "in"),
        ("2026-10-25T02:30", "break_start"),
        ("2026-10-25T02:30*", "break_end"),  # an hour later by the sun, the same on the wall
        ("2026-10-25T06:00", "out"),
    ):
        desk.punch(local, direction)  # type: ignore[arg-type]  # one of the directions
    assert desk.shown("2026-10-24") == [("2026-10-24T22:00+02:00", "in", True)]
    assert desk.shown("2026-10-25") == [
        ("2026-10-25T02:30+02:00", "break_start", True),
        ("2026-10-25T02:30+01:00", "break_end", True),
        ("2026-10-25T06:00+01:00", "out", True),
    ]
    assert len(desk.mine.month(ME, "2026-10", NOW).counted) == 4


def test_days_of_23_and_25_hours_are_whole() -> None:
    hours = [
        (span.end - span.start) / timedelta(hours=1)
        for day in ("2026-03-28", "2026-03-29", "2026-10-25", "2026-10-26")
        for span in [span_of_day(date.fromisoformat(day), BERLIN)]
    ]
    assert hours == [24, 23, 25, 24]
    october = span_of_month("2026-10", BERLIN)
    assert (october.end - october.start) / timedelta(hours=1) == 31 * 24 + 1


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(ZONES),
)
@example(datetime(2018, 11, 4, 3, 0, tzinfo=UTC), "America/Sao_Paulo")  # midnight did not exist
@example(datetime(2026, 11, 1, 4, 30, tzinfo=UTC), "America/Havana")  # midnight came twice
@example(datetime(2011, 12, 30, 10, 0, tzinfo=UTC), "Pacific/Apia")  # a day was left out
def test_every_instant_is_within_its_local_day_and_no_other(moment: datetime, name: str) -> None:
    zone = ZoneInfo(name)
    day = local_day(moment, zone)
    spans = [span_of_day(day + timedelta(days=n), zone) for n in (-1, 0, 1)]
    assert [span.holds(moment) for span in spans] == [False, True, False]
    assert spans[0].end == spans[1].start
    assert spans[1].end == spans[2].start


def test_days_before_the_retention_period_are_refused_though_the_records_are_there(
    desk: Desk,
) -> None:
    desk.punch("2026-08-25T08:00")
    desk.punch("2026-08-26T08:00")
    assert desk.mine.oldest_day(NOW) == date(2026, 8, 26)
    assert len(desk.shown("2026-08-26")) == 1
    assert desk.mine.oldest_month(NOW) == "2026-09"
    assert desk.mine.oldest_month(clock("2026-11-30T12:00")) == "2026-09"
    assert desk.mine.oldest_month(clock("2026-12-01T12:00")) == "2026-10"
    for ask in (
        lambda: desk.mine.day(ME, date(2026, 8, 25), NOW),
        lambda: desk.mine.month(ME, "2026-08", NOW),
        lambda: desk.mine.dispute(ME, date(2026, 8, 25), "missing", "r", NOW),
        lambda: desk.mine.confirm_month(ME, "2026-08", "", NOW),
    ):
        with pytest.raises(OwnRecordsError) as error:
            ask()
        assert refusal(error) == "not_kept"


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "x", "", "9999-12", "2026-00"])
def test_what_is_no_month_is_refused(desk: Desk, month: str) -> None:
    with pytest.raises(OwnRecordsError) as error:
        desk.mine.month(ME, month, NOW)
    assert refusal(error) == "no_day"


def test_a_dispute_is_a_record_and_its_answer_comes_back_to_it(desk: Desk) -> None:
    nine = desk.punch("2026-11-23T09:00")
    eight = clock("2026-11-23T08:00").utc
    day = date(2026, 11, 23)
    record = desk.mine.dispute(
        ME, day, "wrong_time", " I was here at 8 ", NOW, about=nine.id, should_be=eight
    )
    body = record.content().known_body()
    assert body == Dispute(
        person=ME,
        about=nine.id,
        day="2026-11-23",
        claim="wrong_time",
        should_be=eight,
        reason="I was here at 8",
    )
    [asked] = desk.mine.day(ME, day, NOW).asked
    assert (asked.id, asked.state) == (record.id, "open")
    answer = Answer(person=ME, answers=record.id, outcome="approved", by="7", why="seen")
    desk.shop.ledger.append(answer, NOW)
    [asked] = desk.mine.asked(ME)
    assert (asked.state, asked.answer) == ("approved", answer)
    assert desk.mine.asked(OTHER) == []


@pytest.mark.parametrize("claim", get_args(Claim))
def test_a_dispute_about_anothers_record_is_refused_as_if_there_were_none(
    desk: Desk, claim: Claim
) -> None:
    theirs = desk.punch("2026-11-23T09:00", person=OTHER)
    before, messages = desk.kinds(), set()
    for about in (theirs.id, "no-such-record"):
        with pytest.raises(OwnRecordsError) as error:
            desk.mine.dispute(ME, date(2026, 11, 23), claim, "r", NOW, about=about)
        assert refusal(error) == ("no_claim" if claim == "missing" else "not_yours")
        assert claim == "missing" or isinstance(error.value, NotYoursError)
        messages.add(str(error.value))
    assert len(messages) == 1
    assert desk.kinds() == before


def test_a_correction_that_names_somebody_elses_punch_counts_for_nobody(desk: Desk) -> None:
    theirs = desk.punch("2026-11-23T09:00", person=OTHER)
    desk.correct("cancelled", corrects=theirs.id)
    desk.correct("changed", corrects=theirs.id, utc=clock("2026-11-23T08:00").utc)
    assert desk.shown("2026-11-23") == []
    assert desk.shown("2026-11-23", OTHER) == [("2026-11-23T09:00+01:00", "in", True)]


def test_words_that_do_not_fit_and_the_same_dispute_again_are_refused(desk: Desk) -> None:
    nine, day = desk.punch("2026-11-23T09:00"), date(2026, 11, 23)
    for claim, reason, about in (
        ("not_me", "  ", nine.id),
        ("not_me", "r" * 1001, nine.id),
        ("not_me", "r", None),
        ("missing", "r", nine.id),
    ):
        with pytest.raises(OwnRecordsError) as error:
            desk.mine.dispute(ME, day, claim, reason, NOW, about=about)  # type: ignore[arg-type]
        assert refusal(error) == "no_claim"
    first = desk.mine.dispute(ME, day, "not_me", "r", NOW, about=nine.id)
    with pytest.raises(OwnRecordsError) as error:
        desk.mine.dispute(ME, day, "not_me", "another reason", NOW, about=nine.id)
    assert refusal(error) == "disputed_already"
    answer = Answer(person=ME, answers=first.id, outcome="refused", by="7", why="w")
    desk.shop.ledger.append(answer, NOW)
    desk.mine.dispute(ME, day, "not_me", "still not me", NOW, about=nine.id)


def test_a_finger_on_the_button_fills_no_ledger(desk: Desk) -> None:
    day = date(2026, 11, 23)
    with desk.shop.ledger_db.transaction():
        for _ in range(MAX_OPEN):  # by anybody who types this number
            desk.shop.ledger.append(DeclaredPunch(person=ME), NOW)
        for minute in range(MAX_OPEN):
            when = clock("2026-11-23T08:00").utc + timedelta(minutes=minute)
            desk.mine.dispute(ME, day, "missing", "r", NOW, should_be=when)
    with pytest.raises(OwnRecordsError) as error:
        desk.mine.dispute(ME, day, "missing", "r", NOW)
    assert refusal(error) == "too_many"


def test_a_month_is_confirmed_by_the_digest_of_what_counts(desk: Desk) -> None:
    desk.punch("2026-09-30T23:59")
    first = desk.punch("2026-10-01T00:00")
    gone = desk.punch("2026-10-02T08:00")
    last = desk.punch("2026-10-31T23:59", "out")
    desk.correct("cancelled", corrects=gone.id)
    added = desk.correct("added", utc=clock("2026-10-03T08:00").utc, direction="in")
    month = desk.mine.month(ME, "2026-10", NOW)
    ids = [first.id, added.id, last.id]
    assert [entry.id for entry in month.counted] == ids
    assert [entry.id for entry in month.cancelled] == [gone.id]
    assert month.digest == hashlib.sha256("\n".join(ids).encode()).hexdigest()
    assert (month.confirmed, month.holds) == (None, False)
    record = desk.mine.confirm_month(ME, "2026-10", month.digest, NOW)
    assert record is not None
    assert record.content().known_body() == MonthConfirmed(
        person=ME, month="2026-10", punches=3, digest=month.digest
    )
    assert desk.mine.confirm_month(ME, "2026-10", month.digest, NOW) is None
    month = desk.mine.month(ME, "2026-10", NOW)
    assert (month.confirmed, month.holds) == (NOW.utc, True)
    desk.correct("cancelled", corrects=first.id)
    assert not desk.mine.month(ME, "2026-10", NOW).holds


def test_a_month_that_changed_goes_on_or_is_disputed_is_not_confirmed(desk: Desk) -> None:
    desk.punch("2026-10-01T08:00")
    seen = desk.mine.month(ME, "2026-10", NOW).digest
    wrong = desk.punch("2026-10-02T08:00")
    november = desk.mine.month(ME, "2026-11", NOW).digest
    for month, digest, reason in (
        ("2026-10", seen, "month_changed"),
        ("2026-11", november, "month_goes_on"),
    ):
        with pytest.raises(OwnRecordsError) as error:
            desk.mine.confirm_month(ME, month, digest, NOW)
        assert refusal(error) == reason
    desk.mine.dispute(ME, date(2026, 10, 2), "not_me", "r", NOW, about=wrong.id)
    now_seen = desk.mine.month(ME, "2026-10", NOW).digest
    with pytest.raises(OwnRecordsError) as error:
        desk.mine.confirm_month(ME, "2026-10", now_seen, NOW)
    assert refusal(error) == "disputes_open"
    assert "month_confirmed" not in desk.kinds()


def test_a_declared_punch_waits_and_counts_for_nothing(desk: Desk) -> None:
    declared = DeclaredPunch(person=ME, direction="in")
    record = desk.shop.ledger.append(declared, clock("2026-11-23T08:00"))
    day = desk.mine.day(ME, date(2026, 11, 23), NOW)
    assert day.entries == ()
    assert [(one.id, one.state) for one in day.asked] == [(record.id, "open")]
    assert desk.mine.day(ME, date(2026, 11, 24), NOW).asked == ()
