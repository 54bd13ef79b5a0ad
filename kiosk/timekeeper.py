"""What has to be written of the wall clock: when it became right, and when it jumped.

- While the clock is not synchronised, records carry the time that it shows and say so. With the
  first instant that is synchronised a `time_correction` follows, before any other record of the
  daemon: headquarters then counts back along the monotonic clock of the same boot.
- Whether one is owed is read from the newest record, not remembered, so a crash changes nothing.
- Wall and monotonic clock drifting apart by more than `STEP_MS` between two looks is a jump, in
  either direction, and has its own `time_correction`.
- Records of an earlier boot that was never synchronised cannot be put right by anyone; headquarters
  bounds them by what lies before and after.
"""

from __future__ import annotations

from datetime import timedelta

from store.ledger import Ledger
from store.records import Instant, TimeCorrection

# Slewing moves both clocks alike, so only a step shows (clock_gettime(2): CLOCK_MONOTONIC follows
# frequency adjustments, not jumps). ntpd steps from 128 ms on (its manual, option -x); less than a
# second matters to nobody's pay.
STEP_MS = 1000
_PAGE = 200


class Timekeeper:
    """Follows one terminal's clocks; appends to the ledger of its own thread."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._last: Instant | None = None
        self._settled = False
        self.ever_synchronised = False

    def look(self, now: Instant) -> TimeCorrection | None:
        """Take note of the clocks, and append what is owed; None when nothing was.

        Raises `store.errors.StoreError`; what was owed is owed still at the next look.
        """
        correction = self._owed(now)
        if correction is not None:
            self._ledger.append(correction, now)
        self._last = now
        self._settled = now.synchronised
        self.ever_synchronised |= now.synchronised
        return correction

    def _owed(self, now: Instant) -> TimeCorrection | None:
        jump_ms = 0 if self._last is None else jump(self._last, now)
        if now.synchronised and not self._settled:
            run = self._unsynchronised(now.boot)
            if run is not None:
                last = self._stamp(run[1])
                return TimeCorrection(
                    reason="synchronised",
                    offset_ms=jump(last, now),
                    from_seq=run[0],
                    to_seq=run[1],
                )
        if abs(jump_ms) > STEP_MS:
            return TimeCorrection(reason="stepped", offset_ms=jump_ms)
        return None

    def _unsynchronised(self, boot: str) -> tuple[int, int] | None:
        """The newest records, if they are of this boot and none of them was synchronised."""
        to_seq = first = self._ledger.head().seq
        found = False
        while first > 0:
            page = self._ledger.records(max(0, first - _PAGE), min(_PAGE, first))
            for record in reversed(page):
                time = record.content().time
                if time.boot != boot or time.synchronised:
                    return (record.seq + 1, to_seq) if found else None
                found = True
            first = page[0].seq - 1 if page else 0
        return (self._ledger.pruned() + 1, to_seq) if found else None

    def _stamp(self, seq: int) -> Instant:
        return self._ledger.records(seq - 1, 1)[0].content().time


def jump(before: Instant, after: Instant) -> int:
    """By how many ms the wall clock moved against the monotonic one; 0 across two boots."""
    if before.boot != after.boot:
        return 0
    wall_ms = (after.utc - before.utc) / timedelta(milliseconds=1)
    return round(wall_ms - (after.monotonic_ns - before.monotonic_ns) / 1e6)
