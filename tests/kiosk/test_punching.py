"""In, out or a break, and what is no second punch: with clocks as they are at a factory door."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.punching import Again, New, Plan, PunchRules, Unknown, Window, plan
from store.own_records import LastPunch
from store.records import Direction, Instant

BERLIN = ZoneInfo("Europe/Berlin")
ALTERNATING = PunchRules()


def instant(
    utc: datetime, *, boot: str = "b", up_s: float | None = None, synchronised: bool = True
) -> Instant:
    """An instant of a boot that began at the year's start, unless `up_s` says otherwise."""
    since = (utc - datetime(2026, 1, 1, tzinfo=UTC)).total_seconds() if up_s is None else up_s
    return Instant(
        utc=utc,
        zone="Europe/Berlin",
        boot=boot,
        monotonic_ns=round(since * 1e9),
        synchronised=synchronised,
        error_ms=5 if synchronised else None,
    )


def local(text: str) -> Instant:
    """A local time in Berlin, as "2026-03-28 22:00"."""
    return instant(datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC))


def punched(direction: Direction | None, at: Instant) -> LastPunch:
    return LastPunch("id", 7, at, direction)


def direction(plan: Plan) -> Direction | None:
    assert isinstance(plan, New)
    return plan.direction


def test_a_day_alternates_and_a_break_is_gone_on_with() -> None:
    assert plan(None, None, local("2026-03-02 08:00"), ALTERNATING) == New("in", "alternating")
    for before, after in (
        ("in", "out"),
        ("out", "in"),
        ("break_start", "break_end"),
        ("break_end", "out"),
        ("overtime_in", "overtime_out"),
        ("overtime_out", "in"),
        (None, "in"),
    ):
        last = punched(before, local("2026-03-02 08:00"))  # type: ignore[arg-type]  # from a table
        assert direction(plan(last, None, local("2026-03-02 12:00"), ALTERNATING)) == after


def test_a_night_shift_goes_out_in_the_morning_also_when_the_clocks_change() -> None:
    for came, left in (
        ("2026-03-02 22:00", "2026-03-03 06:00"),
        ("2026-03-28 22:00", "2026-03-29 06:00"),  # seven hours
        ("2026-10-24 22:00", "2026-10-25 06:00"),  # nine hours
    ):
        last = punched("in", local(came))
        assert direction(plan(last, None, local(left), ALTERNATING)) == "out"


def test_who_forgot_to_go_out_comes_in_the_next_day() -> None:
    last = punched("in", local("2026-03-02 08:00"))
    assert direction(plan(last, None, local("2026-03-03 08:00"), ALTERNATING)) == "in"
    gone = punched("out", local("2026-03-02 08:00"))
    assert direction(plan(gone, None, local("2026-03-09 08:00"), ALTERNATING)) == "in"


def test_within_the_window_nothing_is_a_second_punch_whatever_was_chosen() -> None:
    last = punched("in", local("2026-03-02 08:00:00"))
    for mode in ("none", "alternating", "button", "schedule", "fixed"):
        rules = PunchRules(mode=mode, fixed="out", required=True)
        for chosen in (None, *get_args(Direction)):
            assert plan(last, chosen, local("2026-03-02 08:00:59"), rules) == Again(last)
            assert plan(last, chosen, local("2026-03-02 08:01:00"), rules) != Again(last)


def test_a_wall_clock_that_jumps_within_a_boot_makes_no_repeat_and_hides_none() -> None:
    at = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    last = punched("in", instant(at, up_s=1000))
    jumped = instant(at + timedelta(days=20000), up_s=1030)
    assert plan(last, None, jumped, ALTERNATING) == Again(last)
    back = instant(at - timedelta(hours=5), up_s=1000 + 5 * 3600)
    assert direction(plan(last, None, back, ALTERNATING)) == "out"


def test_across_a_restart_the_window_holds_by_the_wall_clock_where_that_is_right() -> None:
    at = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
    last = punched("in", instant(at, boot="a", up_s=9000))
    soon = instant(at + timedelta(seconds=40), boot="b", up_s=20)
    assert plan(last, None, soon, ALTERNATING) == Again(last)
    in_1970 = instant(datetime(1970, 1, 1, tzinfo=UTC), boot="b", up_s=20, synchronised=False)
    assert plan(last, None, in_1970, ALTERNATING) == New("out", "alternating")


EARLY = Window(time(5), time(10), "in", frozenset({0, 1, 2, 3, 4}))
NIGHT = Window(time(21), time(2), "in", frozenset({4}))
SCHEDULED = PunchRules(mode="schedule", windows=(EARLY, NIGHT))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-02 05:00", "in"),
        ("2026-03-02 09:59:59", "in"),
        ("2026-03-02 10:00", None),
        ("2026-03-07 08:00", None),  # a Saturday
        ("2026-03-06 23:30", "in"),  # a Friday night
        ("2026-03-07 01:59", "in"),  # which is still Friday's
        ("2026-03-07 02:00", None),
        ("2026-03-08 01:00", None),
    ],
)
def test_a_schedule_is_by_local_time_and_by_the_day_that_a_window_begins(
    at: str, expected: Direction | None
) -> None:
    found = plan(None, None, local(at), SCHEDULED)
    assert found == (New(expected, "schedule") if expected else New(None, None))


def test_by_schedule_winter_and_summer_have_the_same_local_hours() -> None:
    for day in ("2026-03-27", "2026-03-30", "2026-10-23", "2026-10-26"):
        assert direction(plan(None, None, local(f"{day} 05:00"), SCHEDULED)) == "in"
        assert direction(plan(None, None, local(f"{day} 04:59"), SCHEDULED)) is None


def test_a_button_stands_above_what_the_terminal_would_choose_but_not_above_a_fixed_one() -> None:
    at = local("2026-03-02 08:00")
    for rules in (ALTERNATING, SCHEDULED, PunchRules(mode="button"), PunchRules(mode="none")):
        assert plan(None, "overtime_in", at, rules) == New("overtime_in", "button")
    fixed = PunchRules(mode="fixed", fixed="out")
    assert plan(None, "overtime_in", at, fixed) == New("out", "fixed")


def test_what_is_required_and_not_known_is_asked_for() -> None:
    at = local("2026-03-02 12:00")
    for mode in ("button", "schedule", "none"):
        asked = PunchRules(mode=mode, required=True)
        assert plan(None, None, at, asked) == Unknown()
        assert plan(None, None, at, PunchRules(mode=mode)) == New(None, None)


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(
    moments,
    moments,
    st.sampled_from(["b", "c"]),
    st.booleans(),
    st.sampled_from([None, *get_args(Direction)]),
)
def test_no_clock_makes_anything_but_a_punch_a_repeat_or_a_question(
    then: datetime, at: datetime, boot: str, synchronised: bool, last: Direction | None
) -> None:
    before = punched(last, instant(then))
    found = plan(before, None, instant(at, boot=boot, synchronised=synchronised), ALTERNATING)
    assert isinstance(found, New | Again)
    if isinstance(found, Again):
        assert 0 <= (at - then).total_seconds() < ALTERNATING.repeat_s
