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
from itertools import pairwise
from random import Random

from crowd.cpu import peak_kb, resident_kb
from soaking.course import Course, Outcome, mistakes_of
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
    with Site(course.folder, course.weights, Random(1), mistakes_of(outcome)) as site:
        site.store_up(count)
        site.lines["terminal"].bytes_per_s = slow
        began = time.monotonic()
        for name in ("two", "sync"):
            site.start(name)
        seen = _Statuses(site, began + course.seconds)
        held = seen.until(lambda: seen.confirmed >= count // 10)
        site.punch(1)
        held = held and seen.until(lambda: seen.head > count)
        outcome.require(seen.backlog > 1, "the new punch was told of after the backlog only")
        site.lines["terminal"].heal()
        held = held and seen.until(lambda: seen.confirmed > count)
        seconds = time.monotonic() - began
        outcome.require(held, f"{seen.confirmed} of {count + 1} were confirmed within the time")
        outcome.numbers |= {
            "records": count + 1,
            "seconds": round(seconds, 1),
            "records a second": round(seen.confirmed / seconds),
            "backlogs told": f"{len(seen.backlogs)}: {seen.backlogs[:3]} to {seen.backlogs[-3:]}",
        }
        _memory(outcome, seen, site)
        outcome.failures += site.ended()
        outcome.failures += site.stop()
        _order(outcome, seen, site)
    return outcome


class _Statuses:
    """What the terminal's statuses say, as headquarters hears them."""

    def __init__(self, site: Site, deadline: float) -> None:
        self._site = site
        self._deadline = deadline
        self.backlogs: list[int] = []
        self.resident: list[int] = []  # KiB of kiosk-sync, at each of them
        self.confirmed = self.head = 0

    @property
    def backlog(self) -> int:
        """The last one told."""
        return self.backlogs[-1] if self.backlogs else 0

    def until(self, holds: Callable[[], bool]) -> bool:
        """Look until it holds; False when the time is over or a daemon ended before."""
        while not holds():
            if time.monotonic() > self._deadline or self._site.ended():
                return False
            self._look()
            self._site.obey()
            time.sleep(_LOOK_EVERY_S)
        return True

    def _look(self) -> None:
        status = self._site.status()
        if not status:
            return
        self.confirmed, self.head = status["confirmed"], status["head"]
        if self.backlogs[-1:] != [status["backlog"]]:
            self.backlogs.append(status["backlog"])
            self.resident.append(resident_kb(self._site.daemons["sync"].process.pid))


def _memory(outcome: Outcome, seen: _Statuses, site: Site) -> None:
    if not seen.resident or site.ended():
        return
    early, late = seen.resident[len(seen.resident) // 10], seen.resident[-1]
    outcome.require(late < early + _ROOM_KB, f"kiosk-sync grew from {early} to {late} KiB")
    outcome.numbers |= {
        "kiosk-sync resident, KiB": f"{early} early, {late} late",
        "kiosk-sync at most, KiB": peak_kb(site.daemons["sync"].process.pid),
        "kiosk-hq at most, KiB": peak_kb(site.daemons["two"].process.pid),
    }


def _order(outcome: Outcome, seen: _Statuses, site: Site) -> None:
    recorded, counted, early = site.order()
    outcome.require(counted == recorded, f"headquarters counts {len(counted)} other records")
    outcome.require(early == 0, f"{early} records came before an earlier one")
    rising = sum(later > earlier for earlier, later in pairwise(seen.backlogs))
    outcome.require(rising <= 1, "the backlog grew by more than the new punch")
    outcome.require(not site.alarms(), f"alarms: {site.alarms()}")
    outcome.numbers["order"] = "held" if counted == recorded and not early else "did not hold"
