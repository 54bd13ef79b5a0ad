"""Local days and months as spans of time: a day of 23 or 25 hours is one day.

A span begins with its first instant and ends before its last. Where midnight does not exist, the
day begins when clocks are put forward; where it comes twice, with the first one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to before `end`, both in UTC."""

    start: datetime
    end: datetime

    def holds(self, instant: datetime) -> bool:
        """Whether it happened within."""
        return self.start <= instant < self.end


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """The day that the calendar on the wall showed."""
    return instant.astimezone(zone).date()


def span_of_day(day: date, zone: ZoneInfo) -> Span:
    """The instants whose local day it is."""
    return Span(_midnight(day, zone), _midnight(day + timedelta(days=1), zone))


def span_of_month(month: str, zone: ZoneInfo) -> Span:
    """The instants of a month, YYYY-MM. Raises ValueError."""
    first, after = days_of_month(month)
    return Span(_midnight(first, zone), _midnight(after, zone))


def days_of_month(month: str) -> tuple[date, date]:
    """The first day of the month and of the one after it. Raises ValueError."""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", month) is None:
        raise ValueError("a month is written YYYY-MM")
    first = date.fromisoformat(f"{month}-01")
    return first, (first + timedelta(days=31)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)
