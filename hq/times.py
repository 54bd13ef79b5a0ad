"""When records of one terminal really happened, told by its clocks and by its other records.

- What was stamped by a synchronised clock happened then: `synchronised`.
- Any other record of a boot that was synchronised at some time is counted from the nearest such
  records (references) along the monotonic clock of the boot: `corrected`. Between two references
  that agree the correction is interpolated, so corrected times stand in the order of the monotonic
  clock; where they disagree (a clock stepped while it called itself synchronised) the nearer holds.
- A boot that never was synchronised (power lost before) began after the sure times of the boots
  before it, ended before the next sure one began, and its records were there when headquarters
  received them: `bounded`. The recorded time is taken when it lies within, else there is none.
- The monotonic clock runs wrong by at most `DRIFT_PPM`; every error and bound has it in it.
- Numbers order boots only. Within a boot `boot` and `monotonic_ns` alone count, since a resumption
  renumbers. The same stamps give the same answers in whatever order they were noted.

No database and no clock in here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

Sure = Literal["synchronised", "corrected", "bounded"]

# The kernel corrects a clock's rate by 500 ppm at most (MAXFREQ, linux/timex.h; RFC 5905, appendix
# A.1.1): a crystal that is further off cannot be synchronised at all.
DRIFT_PPM = 500
# A clock whose error is not told: above 16 s the kernel no longer calls it synchronised
# (NTP_PHASE_LIMIT, linux/timex.h).
UNTOLD_ERROR_MS = 16_000
# Of each so long piece of a boot only the first and the last reference are kept, 8,640 a month
# whatever the crowd. The nearest that is kept may be 10 min (0.3 s of error) further away.
_PIECE_NS = 600 * 10**9

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Version 0.1 is of 2026: no terminal recorded anything before.
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
_MS = 10**6


@dataclass(frozen=True, slots=True)
class Stamp:
    """A record's number and time as signed, and when headquarters got it."""

    seq: int
    utc: datetime
    boot: str
    monotonic_ns: int
    synchronised: bool
    error_ms: int | None
    received: datetime


@dataclass(frozen=True, slots=True)
class Right:
    """When it happened: between `earliest` and `latest`; `utc` is None when only that is known.

    A bound is None outside the years 1 to 9999. `error_ms` is the greater distance of `utc` to the
    two, rounded up. `settled`: later records will not change it (`bounded`: but narrow it).
    """

    utc: datetime | None
    earliest: datetime | None
    latest: datetime | None
    error_ms: int | None
    sure: Sure
    settled: bool


class _Reference(NamedTuple):
    """A sure moment: nanoseconds since boot, since 1970, and its error in nanoseconds."""

    monotonic: int
    utc: int
    error: int

    def counted_to(self, monotonic: int) -> tuple[int, int, int]:
        """When `monotonic` was, and the first and last moment at which it can have been."""
        distance = monotonic - self.monotonic
        utc, error = self.utc + distance, self.error + _drift(distance)
        return utc, utc - error, utc + error

    def span(self, monotonic: int) -> tuple[int, int]:
        """The first and last moment at which `monotonic` can have been."""
        return self.counted_to(monotonic)[1:]


@dataclass(slots=True)
class _Boot:
    first_seq: int
    last_seq: int
    last_monotonic: int
    start_by: int  # the last moment at which it can have begun, by what headquarters received
    pieces: dict[int, tuple[_Reference, _Reference]] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)  # the pieces' numbers, sorted

    def refer(self, one: _Reference) -> None:
        """Keep it if it is the first or the last of its piece."""
        piece = one.monotonic // _PIECE_NS
        if piece not in self.pieces:
            insort(self.order, piece)
        first, last = self.pieces.get(piece, (one, one))
        self.pieces[piece] = min(first, one), max(last, one)

    def around(self, monotonic: int) -> tuple[_Reference | None, _Reference | None, bool]:
        """The references up to and after `monotonic`; whether later records leave them so.

        They do when a piece begins after it: the piece that it lies in is then full.
        """
        place = bisect_left(self.order, monotonic // _PIECE_NS)
        near = [self.pieces[piece] for piece in self.order[max(0, place - 1) : place + 2]]
        kept = [one for pair in near for one in pair]
        left = max((one for one in kept if one.monotonic <= monotonic), default=None)
        right = min((one for one in kept if one.monotonic > monotonic), default=None)
        return left, right, any(first.monotonic > monotonic for first, _ in near)

    def begins_by(self) -> int | None:
        """The last moment at which it can have begun, by its first reference."""
        return self.pieces[self.order[0]][0].span(0)[1] if self.order else None

    def runs_at_least_until(self) -> int | None:
        """The first moment at which its last record can have been, by its last reference."""
        return self.pieces[self.order[-1]][1].span(self.last_monotonic)[0] if self.order else None


class Times:
    """What is known of one terminal's clocks."""

    def __init__(self) -> None:
        self._boots: dict[str, _Boot] = {}
        self._limits: dict[str, tuple[int | None, int | None]] = {}

    def note(self, stamp: Stamp) -> None:
        """Learn from a record; to be called with each one, of every kind."""
        at = stamp.monotonic_ns
        start_by = _ns(stamp.received) - at + _drift(at)
        boot = self._boots.get(stamp.boot)
        if boot is None:
            boot = self._boots[stamp.boot] = _Boot(stamp.seq, stamp.seq, at, start_by)
        boot.first_seq = min(boot.first_seq, stamp.seq)
        boot.last_seq = max(boot.last_seq, stamp.seq)
        boot.last_monotonic = max(boot.last_monotonic, at)
        boot.start_by = min(boot.start_by, start_by)
        if stamp.synchronised:
            boot.refer(_reference(stamp))
        self._limits.clear()

    def right(self, stamp: Stamp) -> Right:
        """When the record happened, by all that was noted; it must have been noted itself."""
        if stamp.synchronised:
            low, high = _reference(stamp).span(stamp.monotonic_ns)
            settled = True
            return Right(stamp.utc, _at(low), _up(high), stamp.error_ms, "synchronised", settled)
        left, right, final = self._boots[stamp.boot].around(stamp.monotonic_ns)
        near = _nearer(left, right, stamp.monotonic_ns)
        if near is None:
            return self._bounded(stamp)
        utc, low, high = near.counted_to(stamp.monotonic_ns)
        if left is not None and right is not None:
            utc, low, high = _between(left, right, stamp.monotonic_ns) or (utc, low, high)
        settled = final or self._around(stamp.boot)[1] is not None
        return _right(utc, low, high, "corrected", settled)

    def _bounded(self, stamp: Stamp) -> Right:
        boot, at = self._boots[stamp.boot], stamp.monotonic_ns
        after, before = self._around(stamp.boot)
        begins_by = boot.start_by
        if before is not None:
            begins_by = min(begins_by, before - boot.last_monotonic + _drift(boot.last_monotonic))
        low = _ns(FIRST) if after is None else after + at - _drift(at)
        high = min(begins_by + at + _drift(at), _ns(stamp.received))
        return _right(_ns(stamp.utc), low, high, "bounded", before is not None)

    def _around(self, name: str) -> tuple[int | None, int | None]:
        """The moments after which and before which this boot ran, by other boots that are sure."""
        if name not in self._limits:
            this, others = self._boots[name], self._boots.values()
            ends = [b.runs_at_least_until() for b in others if b.last_seq < this.first_seq]
            starts = [b.begins_by() for b in others if b.first_seq > this.last_seq]
            self._limits[name] = (
                max((end for end in ends if end is not None), default=None),
                min((start for start in starts if start is not None), default=None),
            )
        return self._limits[name]


def _nearer(left: _Reference | None, right: _Reference | None, at: int) -> _Reference | None:
    both = [one for one in (left, right) if one is not None]
    return min(both, key=lambda one: abs(at - one.monotonic), default=None)


def _between(left: _Reference, right: _Reference, at: int) -> tuple[int, int, int] | None:
    """Interpolated, with the first and last moment that both allow; None when they disagree."""
    spans = left.span(at), right.span(at)
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    if low > high:
        return None
    passed, whole = at - left.monotonic, right.monotonic - left.monotonic
    utc = left.utc + passed + (right.utc - left.utc - whole) * passed // whole
    return utc, min(low, utc), max(high, utc)


def _right(utc: int, low: int, high: int, sure: Sure, settled: bool) -> Right:
    """`utc`, to the microsecond, if it lies within the bounds."""
    moment, earliest, latest = _at(utc), _at(low), _up(high)
    if moment is None or not low <= utc <= high:
        return Right(None, earliest, latest, None, sure, settled)
    error = -(-max(utc - low, high - utc // 1000 * 1000) // _MS)
    return Right(moment, earliest, latest, error, sure, settled)


def _reference(stamp: Stamp) -> _Reference:
    error_ms = UNTOLD_ERROR_MS if stamp.error_ms is None else stamp.error_ms
    return _Reference(stamp.monotonic_ns, _ns(stamp.utc), error_ms * _MS)


def _drift(distance_ns: int) -> int:
    return -(-abs(distance_ns) * DRIFT_PPM // 10**6)


def _ns(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _at(ns: int) -> datetime | None:
    """None outside the years 1 to 9999: what a broken clock says is no reason to fall over."""
    try:
        return _EPOCH + timedelta(microseconds=ns // 1000)
    except OverflowError:
        return None


def _up(ns: int) -> datetime | None:
    """Like `_at`, but the microsecond after it."""
    return _at(ns + 999)
