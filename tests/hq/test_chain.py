"""Joining records: any order, any repetition, one outcome; a fork never gets in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hq.chain import EARLY_LIMIT, Link, join
from store.records import Record
from sync.contract.events import build_batch, parse_batch
from sync.contract.verify import START, CheckedEvent, Head, check_event
from tests.sync.made import GATE_A, GATE_A_KEY, chain, head_of

RECORDS = chain(30)


def checked(records: list[Record]) -> list[CheckedEvent]:
    raw = build_batch(records, max_records=1000)[0]
    return [check_event(GATE_A, GATE_A_KEY.public_key(), event) for event in parse_batch(raw)]


EVENTS = checked(RECORDS)


class Shelf:
    """Applies outcomes as the database would."""

    def __init__(self) -> None:
        self.head = START
        self.rows: dict[int, CheckedEvent] = {}

    def deliver(self, events: list[CheckedEvent]) -> tuple[int, bytes] | None:
        stored = {e.seq: self.rows[e.seq].hash for e in events if e.seq in self.rows}
        early = {
            seq: Link(row.previous, row.hash)
            for seq, row in self.rows.items()
            if seq > self.head.seq
        }
        outcome = join(self.head, events, stored, early)
        for seq in outcome.discarded:
            del self.rows[seq]
        self.rows.update({event.seq: event for event in outcome.fresh})
        self.head = outcome.head
        assert outcome.gap == any(seq > self.head.seq for seq in self.rows)
        return outcome.fork


@given(
    st.permutations(range(30)),
    st.lists(st.integers(0, 29), max_size=60),
    st.lists(st.integers(1, 8), max_size=90),
)
def test_any_order_and_repetition_gives_the_same_chain(
    order: list[int], repeats: list[int], sizes: list[int]
) -> None:
    shelf = Shelf()
    deliveries = [*order, *repeats]
    sizes = [*sizes, len(deliveries)]
    while deliveries:
        size = sizes.pop(0) if sizes else len(deliveries)
        part, deliveries = deliveries[:size], deliveries[size:]
        assert shelf.deliver([EVENTS[index] for index in part]) is None
    assert shelf.head == head_of(RECORDS)
    assert shelf.rows == {event.seq: event for event in EVENTS}


@given(st.lists(st.lists(st.integers(0, 29), min_size=1, max_size=10), max_size=12))
def test_the_head_is_the_longest_run_from_one(deliveries: list[list[int]]) -> None:
    shelf = Shelf()
    for delivery in deliveries:
        shelf.deliver([EVENTS[index] for index in delivery])
    have = {index + 1 for delivery in deliveries for index in delivery}
    longest = next(seq for seq in range(32) if seq + 1 not in have)
    assert shelf.head.seq == longest


@given(st.integers(0, 29), st.integers(1, 30), st.integers(1, 30))
def test_a_fork_never_replaces_anything(at: int, count: int, had: int) -> None:
    shelf = Shelf()
    shelf.deliver(EVENTS[:had])
    before = dict(shelf.rows)
    other = checked(chain(count, head_of(RECORDS[:at])))
    fork = shelf.deliver(other)
    if at < had:
        assert fork is not None
        assert fork == (at + 1, other[0].hash)
        assert shelf.rows == before
    else:
        assert fork is None


def test_an_early_record_of_another_history_is_discarded_when_the_gap_closes() -> None:
    shelf = Shelf()
    other = checked(chain(3, head_of(RECORDS[:4])))
    shelf.deliver(other[1:])  # 6 and 7 of the other history
    fork = shelf.deliver(EVENTS[:5])
    assert fork == (6, other[1].hash)
    assert shelf.head.seq == 5
    assert 6 not in shelf.rows
    for _ in range(2):  # 7 of the other history is still in the way of the first delivery
        shelf.deliver(EVENTS[5:8])
    assert shelf.head == head_of(RECORDS[:8])


def test_what_is_too_far_ahead_is_not_kept() -> None:
    far = checked(chain(1, Head(EARLY_LIMIT + 5, bytes(32))))
    outcome = join(START, far, {}, {})
    assert (outcome.fresh, outcome.gap) == ((), True)
