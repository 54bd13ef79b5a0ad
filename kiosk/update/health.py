"""Is the new program healthy? A pure judge: it is told what is seen, and when, and says.

Healthy is who, from becoming ready to the end of the watch,
- keeps beating (`kiosk.update.pulse`), under the environment that was switched to,
- starts again at most once (headquarters may have ordered that), which begins the watch anew,
- has at the end no fault standing that did not stand before the switch, and
- has a sync process, and a receipt of headquarters for a record of its own, where the program
  before had them. Without a line before none is asked for now.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from kiosk.update.pulse import Pulse
from kiosk.update.state import Before

STALE_S = 15.0  # the daemon beats every 2 s; a commit may wait 10 s for another (`store.database`)
_STARTS = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """`over` with a reason is unhealthy, without one healthy."""

    over: bool
    reason: str = ""


_GOES_ON = Verdict(over=False)


@dataclass(slots=True)
class Watch:
    """One watch; times are seconds of a monotonic clock, from `began_s`."""

    program: str
    before: Before
    ready_s: float
    watch_s: float
    began_s: float
    _pids: set[int] = field(default_factory=set)
    _ready_at_s: float | None = None
    _beaten_at_s: float | None = None

    def see(self, at_s: float, pulse: Pulse | None, age_s: float, *, sync_runs: bool) -> Verdict:
        """What is so now: the newest pulse of the daemon, its age, and whether sync runs."""
        if pulse is None or pulse.program != self.program or age_s > STALE_S:
            pulse = None
        else:
            self._beaten_at_s = at_s - max(age_s, 0)
            if pulse.pid not in self._pids:
                self._pids.add(pulse.pid)
                self._ready_at_s = at_s
        if self._ready_at_s is None or self._beaten_at_s is None:
            late = at_s - self.began_s > self.ready_s
            return Verdict(True, "it did not become ready") if late else _GOES_ON
        if len(self._pids) > _STARTS:
            return Verdict(True, "it starts again and again")
        silent_s = at_s - self._beaten_at_s
        if silent_s > max(STALE_S, self.ready_s):  # it may be starting again
            return Verdict(True, "it stopped making progress")
        if at_s - self._ready_at_s < self.watch_s or pulse is None:
            return _GOES_ON
        return Verdict(True, self._missing(pulse, sync_runs))

    def _missing(self, pulse: Pulse, sync_runs: bool) -> str:
        """What it lacks at the end of the watch."""
        new = sorted(set(pulse.faults) - set(self.before.faults))
        if new:
            return f"new faults: {', '.join(new)[:200]}"
        if self.before.sync_ran and not sync_runs:
            return "kiosk-sync does not run"
        if self.before.delivered and pulse.receipt < pulse.began:
            return "headquarters has confirmed nothing of it, as it did before"
        return ""
