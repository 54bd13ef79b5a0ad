"""What counts is a function of the records in their order, and no record is changed by it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from store.counting import Moment, Told, what_counts
from store.records import Body, Correction, DeclaredPunch, Direction, Punch, Repeat
from tests.store.made import START

PEOPLE = ("1001", "1002")
directions = st.sampled_from([None, *get_args(Direction)])
minutes = st.integers(0, 600).map(lambda n: START + timedelta(minutes=n))


def told(seq: int, body: Body, minute: int = 0, id: str | None = None) -> Told:
    return Told(id or f"r{seq}", seq, START + timedelta(minutes=minute), body)


def correction(
    action: Literal["cancelled", "added", "changed"], corrects: str | None = None, **said: Any
) -> Correction:
    person = said.pop("person", "1001")
    return Correction(
        person=person,
        action=action,
        corrects=corrects,
        by="7",
        approved_by="8",
        why="w",
        **said,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Told]:
    """Records of two people: punches, corrections of anything, and what counts for nothing."""
    made: list[Told] = []
    for seq in range(1, draw(st.integers(0, 12)) + 1):
        person = draw(st.sampled_from(PEOPLE))
        ids = [record.id for record in made] + ["gone"]
        body: Body = draw(
            st.one_of(
                st.builds(
                    Punch, person=st.just(person), method=st.just("face"), direction=directions
                ),
                st.builds(
                    Correction,
                    person=st.just(person),
                    action=st.sampled_from(["cancelled", "added", "changed"]),
                    corrects=st.sampled_from(ids),
                    utc=st.none() | minutes,
                    direction=directions,
                    by=st.just("7"),
                    approved_by=st.just("8"),
                    why=st.just("w"),
                ),
                st.just(Repeat(person=person, method="badge", of="r1")),
                st.just(DeclaredPunch(person=person)),
            )
        )
        made.append(told(seq, body, draw(st.integers(0, 600))))
    return made


@settings(max_examples=25)
@given(histories())
def test_no_record_is_changed_and_the_same_records_count_the_same(records: list[Told]) -> None:
    before = [(r.id, r.seq, r.utc, r.body.model_dump()) for r in records]
    first = what_counts(records)
    assert [(r.id, r.seq, r.utc, r.body.model_dump()) for r in records] == before
    assert what_counts(iter(records)) == first


@settings(max_examples=25)
@given(histories())
def test_each_punch_is_there_once_with_what_was_recorded(records: list[Told]) -> None:
    entries = {entry.id: entry for entry in what_counts(records)}
    for record in records:
        if isinstance(record.body, Punch):
            assert entries[record.id].was == Moment(record.utc, record.body.direction)
    added = {r.id for r in records if isinstance(r.body, Correction) and r.body.action == "added"}
    punches = {r.id for r in records if isinstance(r.body, Punch)}
    assert entries.keys() <= punches | added


@settings(max_examples=25)
@given(histories())
def test_one_persons_records_do_not_touch_anothers(records: list[Told]) -> None:
    for person in PEOPLE:
        alone = what_counts(r for r in records if getattr(r.body, "person", None) == person)
        assert alone == [entry for entry in what_counts(records) if entry.person == person]


@settings(max_examples=25)
@given(histories())
def test_a_correction_more_changes_only_what_it_corrects(records: list[Told]) -> None:
    before = {entry.id: entry for entry in what_counts(records[:-1])}
    after = {entry.id: entry for entry in what_counts(records)}
    corrects = getattr(records[-1].body, "corrects", None) if records else None
    for id, entry in before.items():
        assert after[id] == entry or id == corrects


@settings(max_examples=25)
@given(histories())
def test_a_record_that_comes_again_under_another_number_counts_once(records: list[Told]) -> None:
    again = [Told(r.id, r.seq + 10_000, r.utc, r.body) for r in records]
    assert what_counts([*records, *again]) == what_counts(records)


def test_what_counts_is_what_the_newest_correction_says() -> None:
    made = [
        told(1, Punch(person="1001", method="face", direction="in"), 60),
        told(2, correction("changed", "r1", utc=START)),
        told(3, correction("cancelled", "r1")),
        told(4, correction("changed", "r1", direction="out")),
    ]
    [punch] = what_counts(made)
    assert punch.counts == Moment(START, "out")
    assert punch.was == Moment(START + timedelta(minutes=60), "in")
    assert [record.id for record in punch.corrections] == ["r2", "r3", "r4"]
    [punch] = what_counts(made[:3])
    assert (punch.counts, punch.stands) == (None, Moment(START, "in"))


def test_an_added_punch_counts_and_can_be_taken_away() -> None:
    made = [told(1, correction("added", utc=START, direction="in"))]
    [punch] = what_counts(made)
    assert (punch.id, punch.added, punch.method) == ("r1", True, None)
    assert punch.counts == Moment(START, "in")
    [punch] = what_counts([*made, told(2, correction("cancelled", "r1"))])
    assert punch.counts is None


def test_an_added_punch_without_a_time_and_a_repeat_count_for_nothing() -> None:
    made = [
        told(1, correction("added")),
        told(2, Repeat(person="1001", method="face", of="r0")),
        told(3, DeclaredPunch(person="1001", direction="in")),
    ]
    assert what_counts(made) == []
