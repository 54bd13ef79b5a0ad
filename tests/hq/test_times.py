"""Right times from wrong clocks, against terminals whose truth the test knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from hq.times import FIRST, Right, Stamp, Times

MONDAY = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
S = 10**9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Whole microseconds of wall clock from any monotonic distance: 400 ppm is 1/2500
PPM = 400


@dataclass(frozen=True)
class Happened:
    """A record, and when it really was made."""

    stamp: Stamp
    truth: datetime


def us(count: float) -> timedelta:
    return timedelta(microseconds=round(count))


def right_times(stamps: Sequence[Stamp], order: Sequence[Stamp] | None = None) -> list[Right]:
    times = Times()
    for stamp in order or stamps:
        times.note(stamp)
    return [times.right(stamp) for stamp in stamps]


@st.composite
def terminals(draw: st.DrawFn) -> list[Happened]:
    """Up to four boots of a terminal whose monotonic clock drifts and whose wall clock is anyhow.

    A synchronised clock is off by less than its error. What comes after power was lost comes later.
    """
    happened: list[Happened] = []
    truth = MONDAY
    for number in range(draw(st.integers(1, 4))):
        began = truth = truth + us(draw(st.integers(1_000, 3 * 86_400_000_000)))
        drift = draw(st.integers(-PPM, PPM))
        shown = draw(st.datetimes(datetime(1970, 1, 1), datetime(2040, 1, 1))).replace(tzinfo=UTC)
        for _ in range(draw(st.integers(1, 6))):
            truth += us(draw(st.integers(1_000, 2 * 86_400_000_000)))
            since = (truth - began) / us(1)
            synchronised = draw(st.booleans())
            error_ms = draw(st.integers(1, 200)) if synchronised else None
            utc = shown + us(since)
            if error_ms is not None:
                utc = truth + us(draw(st.integers(-error_ms * 1000, error_ms * 1000)))
            stamp = Stamp(
                seq=len(happened) + 1,
                utc=utc,
                boot=f"boot-{number}",
                monotonic_ns=round(since * (1 + drift / 1e6)) * 1000,
                synchronised=synchronised,
                error_ms=error_ms,
                received=truth + us(draw(st.integers(0, 40 * 86_400_000_000))),
            )
            happened.append(Happened(stamp, truth))
    return happened


@given(terminals())
@settings(max_examples=60)
def test_what_really_happened_lies_within_the_bounds_and_within_the_error(
    happened: list[Happened],
) -> None:
    for one, right in zip(happened, right_times([h.stamp for h in happened]), strict=True):
        assert right.earliest is not None
        assert right.latest is not None
        # A microsecond: the resolution of the test's own clocks
        assert right.earliest - us(1) <= one.truth <= right.latest + us(1)
        if right.utc is None:
            assert right.sure == "bounded"
            continue
        assert right.error_ms is not None
        assert abs(one.truth - right.utc) <= timedelta(milliseconds=right.error_ms) + us(1)


@given(terminals(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_of_arrival_changes_nothing(happened: list[Happened], random: Random) -> None:
    stamps = [one.stamp for one in happened]
    shuffled = random.sample(stamps, len(stamps))
    assert right_times(stamps, shuffled) == right_times(stamps)


@given(terminals())
@settings(max_examples=30)
def test_a_boots_own_numbers_say_nothing(happened: list[Happened]) -> None:
    stamps = [one.stamp for one in happened]
    whole = {boot: [s.seq for s in stamps if s.boot == boot] for boot in {s.boot for s in stamps}}
    renumbered = [replace(s, seq=min(whole[s.boot]) + max(whole[s.boot]) - s.seq) for s in stamps]
    assert right_times(renumbered) == right_times(stamps)


@given(terminals())
@settings(max_examples=30)
def test_corrected_times_of_a_boot_stand_in_the_order_of_its_monotonic_clock(
    happened: list[Happened],
) -> None:
    # References are in order themselves; what a synchronised clock stamped stands as it is.
    exact = [replace(h.stamp, utc=h.truth) if h.stamp.synchronised else h.stamp for h in happened]
    before: tuple[str, datetime] | None = None
    for stamp, right in zip(exact, right_times(exact), strict=True):
        if right.sure != "corrected":
            continue
        assert right.utc is not None
        if before is not None and before[0] == stamp.boot:
            assert before[1] <= right.utc
        before = stamp.boot, right.utc


@given(terminals())
@settings(max_examples=30)
def test_what_is_settled_is_not_changed_by_later_records(happened: list[Happened]) -> None:
    stamps = [one.stamp for one in happened]
    times, settled = Times(), dict[int, Right]()
    for number, stamp in enumerate(stamps, start=1):
        times.note(stamp)
        for earlier in stamps[:number]:
            right = times.right(earlier)
            if earlier.seq in settled and right.sure != "bounded":
                assert right == settled[earlier.seq]
            if right.settled:
                settled[earlier.seq] = right


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)),
    st.integers(-(2**80), 2**80),
    st.integers(-(2**80), 2**80),
    st.booleans(),
)
@settings(max_examples=30)
def test_no_clock_however_broken_makes_it_fall_over(
    utc: datetime, first: int, second: int, synchronised: bool
) -> None:
    stamp = Stamp(1, utc.replace(tzinfo=UTC), "b", first, False, None, MONDAY)
    other = replace(stamp, seq=2, monotonic_ns=second, synchronised=synchronised)
    assert [right.sure for right in right_times([stamp, other])][1] != "corrected"


def stamp(seq: int, at_s: float, utc: datetime, **more: object) -> Stamp:
    made = Stamp(seq, utc, "b", round(at_s * S), False, None, MONDAY + timedelta(days=1))
    return replace(made, **more)  # type: ignore[arg-type]


def sure(seq: int, at_s: float, utc: datetime, **more: object) -> Stamp:
    return stamp(seq, at_s, utc, synchronised=True, error_ms=3, **more)


def test_a_time_of_1970_is_counted_back_from_the_first_sure_record_of_the_boot() -> None:
    early = stamp(1, 20, EPOCH + timedelta(seconds=20))
    [right, _] = right_times([early, sure(2, 80.5, MONDAY)])
    assert right.utc == MONDAY - timedelta(seconds=60.5)
    # 3 ms of the reference and 500 ppm of 60.5 s, which is 30.25 ms
    assert (right.error_ms, right.sure, right.settled) == (34, "corrected", True)


def test_after_the_last_sure_record_it_is_counted_on_until_the_next_one_says_more() -> None:
    lost = stamp(2, 3_600, MONDAY)
    times = Times()
    for one in (sure(1, 0, MONDAY), lost):
        times.note(one)
    right = times.right(lost)
    assert (right.utc, right.error_ms) == (MONDAY + timedelta(hours=1), 1_803)
    assert not right.settled
    # The next one shows that the clock loses 100 ppm: 0.36 s of the hour
    times.note(sure(3, 7_200, MONDAY + timedelta(hours=2, seconds=0.72)))
    right = times.right(lost)
    assert (right.utc, right.settled) == (MONDAY + timedelta(hours=1, seconds=0.36), True)


def test_a_clock_that_steps_while_running_moves_no_corrected_time() -> None:
    before = stamp(1, 10, MONDAY + timedelta(hours=5))
    after = stamp(2, 20, MONDAY - timedelta(hours=5))  # somebody set it back by ten hours
    [first, second, _] = right_times([before, after, sure(3, 30, MONDAY)])
    assert first.utc == MONDAY - timedelta(seconds=20)
    assert second.utc == MONDAY - timedelta(seconds=10)


def test_where_sure_records_disagree_the_nearer_one_holds() -> None:
    hour = timedelta(hours=1)
    stamps = [sure(1, 0, MONDAY), stamp(2, 10, EPOCH), stamp(3, 700, EPOCH)]
    [_, near, far, last] = right_times([*stamps, sure(4, 710, MONDAY + hour)])
    assert near.utc == MONDAY + timedelta(seconds=10)
    assert far.utc == MONDAY + hour - timedelta(seconds=10)
    assert (last.utc, last.sure) == (MONDAY + hour, "synchronised")


def test_a_boot_without_any_sure_record_lies_between_its_neighbours() -> None:
    day = timedelta(days=1)
    late = MONDAY + 9 * day
    stamps = [
        sure(1, 100, MONDAY, boot="a", received=late),
        stamp(2, 60, EPOCH, boot="b", received=late),
        stamp(3, 90, EPOCH, boot="b", received=late),
        sure(4, 40, MONDAY + day, boot="c", received=late),
    ]
    [_, right, _, _] = right_times(stamps)
    assert (right.utc, right.sure, right.settled) == (None, "bounded", True)
    # It began after Monday's record, and ended before the next one began, 30 s after this record
    assert right.earliest == MONDAY + timedelta(seconds=60) - timedelta(milliseconds=33)
    assert right.latest == MONDAY + day - timedelta(seconds=70) + timedelta(milliseconds=98)


def test_a_first_boot_without_any_sure_record_was_before_headquarters_had_it() -> None:
    received = MONDAY + timedelta(seconds=2)
    plausible = stamp(1, 60, MONDAY, received=received)
    wrong = stamp(2, 60, EPOCH, received=received)
    [first, second] = right_times([plausible, wrong])
    assert (first.utc, first.latest) == (MONDAY, received)
    assert (second.utc, second.earliest, second.latest) == (None, FIRST, received)
    assert not first.settled
