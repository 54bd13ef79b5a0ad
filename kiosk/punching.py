"""What a punch says: in, out or a break, and whether it is one at all.

A pure function, `plan(last, chosen, now, rules)`; `last` is the person's newest punch that counts.

- Within `repeat_s` of the last punch there is no second one, whatever was chosen; who punched by
  mistake takes it back first.
- How long ago that was is told by the monotonic clock within one boot, else by the wall clocks,
  where both were right. Where neither can tell, it is not a repeat: no punch is ever lost to a
  clock, and a change of clocks or of time zone changes nothing.
- A direction chosen by hand stands above the schedule and above what alternates, not above a
  terminal that is fixed to one.
- Alternating looks at the person, not at the day: a night shift goes out in the morning. After
  `longest_s` somebody who is in has forgotten to go out, and comes in.
- Where a direction is `required` and nothing gives one, it is asked for; else the punch has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from kiosk.quiet import Span
from store.own_records import LastPunch
from store.records import Direction, Instant

Mode = Literal["none", "alternating", "schedule", "button", "fixed"]
Chooser = Literal["button", "schedule", "alternating", "fixed"]

# What follows what. A break is gone on with, overtime ends as overtime.
_NEXT: Mapping[Direction | None, Direction] = {
    None: "in",
    "in": "out",
    "out": "in",
    "break_start": "break_end",
    "break_end": "out",
    "overtime_in": "overtime_out",
    "overtime_out": "in",
}
_INSIDE = frozenset({"in", "break_start", "break_end", "overtime_in"})


@dataclass(frozen=True, slots=True)
class Window:
    """Local times, `start` included and `end` not, in which punches are of one direction.

    An `end` that is not after `start` lies on the next day. `days` are those on which it starts, 0
    is Monday.
    """

    start: time
    end: time
    direction: Direction
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True)
class PunchRules:
    """The operator's choice; `kiosk.settings` says the ranges."""

    mode: Mode = "alternating"
    fixed: Direction | None = None
    windows: tuple[Window, ...] = ()
    required: bool = False
    repeat_s: float = 60.0
    longest_s: float = 16 * 3600.0


@dataclass(frozen=True, slots=True)
class New:
    """A punch is written, of this direction, and why of this."""

    direction: Direction | None
    by: Chooser | None


@dataclass(frozen=True, slots=True)
class Again:
    """No punch: `of` was recorded a moment ago."""

    of: LastPunch


@dataclass(frozen=True, slots=True)
class Unknown:
    """The direction has to be asked for."""


Plan = New | Again | Unknown


def plan(last: LastPunch | None, chosen: Direction | None, now: Instant, rules: PunchRules) -> Plan:
    """What to write for somebody who is identified now."""
    since_s = None if last is None else elapsed_s(last.time, now)
    if last is not None and since_s is not None and 0 <= since_s < rules.repeat_s:
        return Again(last)
    if rules.mode == "fixed" and rules.fixed is not None:
        return New(rules.fixed, "fixed")
    if chosen is not None:
        return New(chosen, "button")
    if rules.mode == "alternating":
        return New(_alternate(last, since_s, rules), "alternating")
    if rules.mode == "schedule":
        local = now.utc.astimezone(ZoneInfo(now.zone))
        scheduled = next((w.direction for w in rules.windows if _covers(w, local)), None)
        if scheduled is not None:
            return New(scheduled, "schedule")
    return Unknown() if rules.required else New(None, None)


def elapsed_s(before: Instant, now: Instant) -> float | None:
    """Seconds from one instant to a later one; None where no clock can tell."""
    if before.boot == now.boot:
        return (now.monotonic_ns - before.monotonic_ns) / 1e9
    if before.synchronised and now.synchronised:
        return (now.utc - before.utc).total_seconds()
    return None


def _alternate(last: LastPunch | None, since_s: float | None, rules: PunchRules) -> Direction:
    if last is None:
        return "in"
    forgotten = since_s is not None and since_s > rules.longest_s
    return "in" if forgotten and last.direction in _INSIDE else _NEXT[last.direction]


def _covers(window: Window, local: datetime) -> bool:
    at = local.time()
    since_midnight = window.start >= window.end and at < window.start
    began = local - timedelta(days=1) if since_midnight else local
    return Span(window.start, window.end).holds(at) and began.weekday() in window.days
