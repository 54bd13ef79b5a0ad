"""Quiet hours: when the buzzer keeps to its quiet volume.

A span is "HH:MM-HH:MM" of the clock on the wall in the terminal's zone; its end is outside, and it
may cross midnight. It follows the wall through a change of clocks: an hour that comes twice is
quiet twice, one that is left out is not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from store.records import Instant

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` up to and without `end`, over midnight when `end` is the earlier one."""

    start: time
    end: time

    def holds(self, wall: time) -> bool:
        """Whether this time of day is inside."""
        if self.start < self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end


def span(text: str) -> Span:
    """Read "22:00-06:00"; raises `ValueError` that says what is wrong."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is no span such as "22:00-06:00"')
    hour, minute, end_hour, end_minute = map(int, found.groups())
    start, end = time(hour, minute), time(end_hour, end_minute)
    if start == end:
        raise ValueError(f'"{text}" is empty; a volume of 0 is quiet all day')
    return Span(start, end)


def is_quiet(spans: Sequence[Span], now: Instant) -> bool:
    """Whether `now` is inside one of them, by the wall clock of the instant's own zone."""
    wall = now.utc.astimezone(ZoneInfo(now.zone)).time()
    return any(each.holds(wall) for each in spans)
