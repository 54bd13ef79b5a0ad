"""Quiet hours by the clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.quiet import Span, is_quiet, span
from store.records import Instant

ZONE = "Europe/Berlin"


def at(utc: datetime, zone: str = ZONE) -> Instant:
    return Instant(utc=utc, zone=zone, boot="b", monotonic_ns=1, synchronised=True, error_ms=None)


def wall(hour: int, minute: int, day: int = 2, month: int = 3, fold: int = 0) -> Instant:
    local = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(ZONE), fold=fold)
    return at(local.astimezone(UTC))


def test_a_night_begins_before_midnight_and_ends_after_it() -> None:
    night = (span("22:00-06:00"),)
    quiet = {(h, m): is_quiet(night, wall(h, m)) for h in range(24) for m in (0, 59)}
    assert {h for (h, _), is_so in quiet.items() if is_so} == {22, 23, 0, 1, 2, 3, 4, 5}
    assert quiet[22, 0]
    assert not quiet[6, 0], "the end is outside"


def test_a_lunch_break_is_inside_a_day_and_several_spans_count_together() -> None:
    spans = (span("12:00-12:30"), span("22:00-06:00"))
    assert is_quiet(spans, wall(12, 29))
    assert not is_quiet(spans, wall(12, 30))
    assert is_quiet(spans, wall(23, 0))
    assert not is_quiet((), wall(23, 0))


def test_the_terminals_zone_counts_not_utc() -> None:
    utc = datetime(2026, 7, 1, 20, 30, tzinfo=UTC)  # 22:30 in Berlin, 16:30 in New York
    assert is_quiet((span("22:00-06:00"),), at(utc))
    assert not is_quiet((span("22:00-06:00"),), at(utc, "America/New_York"))


def test_when_the_clocks_go_back_the_hour_that_comes_twice_is_quiet_twice() -> None:
    spans = (span("02:00-03:00"),)
    first, second = wall(2, 30, 25, 10, fold=0), wall(2, 30, 25, 10, fold=1)
    assert second.utc - first.utc == timedelta(hours=1)
    assert is_quiet(spans, first)
    assert is_quiet(spans, second)


def test_when_the_clocks_go_forward_the_night_ends_by_the_wall_and_the_left_out_hour_is_none() -> (
    None
):
    before = datetime(2026, 3, 29, 0, 59, tzinfo=UTC)  # 01:59; a minute later it is 03:00
    minutes = [before + timedelta(minutes=m) for m in range(122)]
    assert not any(is_quiet((span("02:00-03:00"),), at(minute)) for minute in minutes)
    quiet = [is_quiet((span("22:00-03:30"),), at(minute)) for minute in minutes]
    assert quiet.count(True) == 31, "01:59, and 03:00 to 03:29"


@given(st.times(), st.times(), st.times())
def test_a_span_and_the_one_the_other_way_round_share_the_day(a: time, b: time, now: time) -> None:
    if a != b:
        assert Span(a, b).holds(now) != Span(b, a).holds(now)


@pytest.mark.parametrize(
    "text",
    ["22:00", "24:00-06:00", "22:60-06:00", "22:00 - 06:00", "9:00-10:00", "٢٢:00-06:00", ""],
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no span"):
        span(text)


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ValueError, match="is empty"):
        span("22:00-22:00")
