"""Part `drain`: a terminal that was a month offline delivers what it kept, and goes on meanwhile.

100,000 punches lie in the real ledger when the real `kiosk-sync` and one `kiosk-hq` worker start.
After a tenth of them one more punch is made. The course's time is the bound. It fails when

- not everything is confirmed within that time, or headquarters counts anything else than the
  ledger's records, hash by hash;
- a record came to headquarters before an earlier one, or an alarm is raised;
- the new punch is not told of by a status while there still is a backlog, or the backlog that the
  statuses tell grows by more than that punch;
- the resident memory of `kiosk-sync` grows between the first tenth and the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from random import Random

from sqlalchemy import select

from crowd.cpu import peak_kb, resident_kb
from hq.database import Database
from hq.reports import Reader, terminal_lines
from hq.tables import EVENTS
from soaking.course import Course, Outcome
from soaking.line import watch
from soaking.site import Site

A_MONTH = 100_000  # punches of a busy door: 1,000 people, four a day, 25 days
_ROOM_KB = 8 * 1024  # what resident memory may differ by without saying that it grows
_LOOK_EVERY_S = 0.05  # a status comes once a second


def soak(course: Course) -> Outcome:
    """Drain a month."""
    return drain(course, A_MONTH)


def drain(course: Course, count: int, slow: float | None = None) -> Outcome:
    """Drain `count` records within the course's time.

    `slow`, for a short backlog: bytes a second until the new punch was told of, so that there still
    is a backlog then.
    """
    outcome = Outcome()
    with Site(course.folder, course.weights, Random(1), watch(outcome)) as site:
        site.store_up(count)
        site.lines["terminal"].bytes_per_s = slow
        begun_s = time.monotonic()
        for name in ("two", "sync"):
            site.start(name)
        seen = _Seen(site)
        deadline_s = begun_s + course.seconds
        held = seen.until(lambda: seen.confirmed >= count // 10, deadline_s)
        if held:
            site.punch(1)
            held = seen.until(lambda: seen.head > count, deadline_s)
            outcome.require(seen.backlog > 1, "the new punch was told of after the backlog only")
            site.lines["terminal"].heal()
            held = held and seen.until(lambda: seen.confirmed > count, deadline_s)
        outcome.require(held, f"{seen.confirmed} of {count + 1} confirmed in {course.seconds:.0f} s")
        _tell(outcome, seen, site, time.monotonic() - begun_s)
        outcome.failures += site.ended() + site.stop()
        _compare(outcome, site)
    return outcome
