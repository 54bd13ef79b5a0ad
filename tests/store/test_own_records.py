"""One person's records are found by their number alone, and nobody else's with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store.database import Database
from store.errors import InvalidValueError
from store.ledger import Head
from store.noted import newest_noted, noted
from store.own_records import LastPunch, OwnRecords
from store.records import (
    Correction,
    DeclaredPunch,
    FaceFailed,
    Punch,
    Repeat,
    TimeCorrection,
)
from tests.store.made import START, Shop, at, punch

PUNCHES = ("punch",)


def undone(record_id: str, person: str = "1001", **changes: Any) -> Correction:
    """The correction by which an employee takes a punch back."""
    said = {"action": "cancelled", "by": person, "approved_by": person, "why": "undone", **changes}
    return Correction(person=person, corrects=record_id, **said)


def plans(database: Database, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What SQLite says of how it finds the rows of each query from now on."""
    found: list[str] = []
    real = Database.rows
    real_one = Database.one

    def explained(self: Database, sql: str, parameters: tuple[Any, ...]) -> None:
        if "FROM records" in sql:
            plan = real(self, f"EXPLAIN QUERY PLAN {sql}", parameters, lambda *row: str(row[3]))
            found.append("; ".join(plan))

    def rows(self: Database, sql: str, parameters: tuple[Any, ...], make: Any) -> Any:
        explained(self, sql, parameters)
        return real(self, sql, parameters, make)

    def one(self: Database, sql: str, parameters: tuple[Any, ...], make: Any) -> Any:
        explained(self, sql, parameters)
        return real_one(self, sql, parameters, make)

    monkeypatch.setattr(Database, "rows", rows)
    monkeypatch.setattr(Database, "one", one)
    return found


def test_every_query_goes_by_the_index_and_sorts_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnRecords(shop.ledger_db)
    record = shop.ledger.append(punch(), at(0))
    found = plans(shop.ledger_db, monkeypatch)
    own.last_punch("1001")
    own.of_kinds("1001", ("punch", "correction"))
    own.between("1001", PUNCHES, START, START + timedelta(days=1))
    own.one("1001", record.id)
    assert len(found) == 4
    for plan in found:
        assert "SEARCH records USING INDEX records_by_person (<expr>=?" in plan
        assert "SCAN records" not in plan
        assert "TEMP B-TREE" not in plan
    found.clear()
    own.time_correction_of(record)
    assert "SEARCH records USING INDEX records_noted (kind=? AND" in found[0]
    assert "TEMP B-TREE" not in found[0]


def test_the_few_records_of_a_noted_kind_are_found_by_it(shop: Shop) -> None:
    shop.ledger.append(punch(), at(0))
    first = shop.ledger.append(FaceFailed(attempts=3, reason="unknown"), at(1))
    shop.ledger.append(DeclaredPunch(person="1001"), at(2))
    second = shop.ledger.append(FaceFailed(attempts=3, reason="unknown"), at(3))
    assert noted(shop.ledger_db, "face_failed") == [first, second]
    assert noted(shop.ledger_db, "face_failed", after=first.seq) == [second]
    assert noted(shop.ledger_db, "face_failed", limit=1) == [first]
    assert newest_noted(shop.ledger_db, "face_failed", 1) == [second]
    assert newest_noted(shop.ledger_db, "face_failed", 9) == [second, first]
    with pytest.raises(ValueError, match="punch"):
        noted(shop.ledger_db, "punch")


def test_a_persons_records_are_theirs_alone(shop: Shop) -> None:
    mine = shop.ledger.append(punch("1001"), at(0))
    theirs = shop.ledger.append(punch("1002"), at(1))
    own = OwnRecords(shop.ledger_db)
    assert own.of_kinds("1001", PUNCHES) == [mine]
    assert own.of_kinds("1003", PUNCHES) == []
    assert own.one("1001", mine.id) == mine
    assert own.one("1001", theirs.id) is None


def test_a_number_is_found_in_every_spelling_that_is_the_same(shop: Shop) -> None:
    shop.ledger.append(punch("Zo\u00eb"), at(0))
    own = OwnRecords(shop.ledger_db)
    assert own.last_punch(" Zoe\u0308 ") is not None
    assert own.last_punch("ZO\u00cb") is None
    with pytest.raises(InvalidValueError):
        own.last_punch("")


def test_the_last_punch_is_the_newest_one_that_was_not_taken_back(shop: Shop) -> None:
    own = OwnRecords(shop.ledger_db)
    assert own.last_punch("1001") is None
    first = shop.ledger.append(Punch(person="1001", method="badge", direction="in"), at(0))
    second = shop.ledger.append(Punch(person="1001", method="face", direction="out"), at(60))
    shop.ledger.append(Repeat(person="1001", method="face", of=second.id), at(70))
    shop.ledger.append(punch("1002"), at(80))
    assert own.last_punch("1001") == LastPunch(second.id, second.seq, at(60), "out")
    shop.ledger.append(undone(second.id), at(90))
    assert own.last_punch("1001") == LastPunch(first.id, first.seq, at(0), "in")
    shop.ledger.append(undone(first.id), at(91))
    assert own.last_punch("1001") is None


def test_of_several_corrections_the_newest_counts(shop: Shop) -> None:
    own = OwnRecords(shop.ledger_db)
    record = shop.ledger.append(Punch(person="1001", method="face", direction="in"), at(0))
    shop.ledger.append(undone(record.id), at(1))
    shop.ledger.append(undone(record.id, action="changed", direction="out"), at(2))
    shop.ledger.append(undone(record.id, action="changed", utc=START), at(3))
    assert own.last_punch("1001") == LastPunch(record.id, record.seq, at(0), "out")


def test_the_last_punch_is_found_behind_any_number_that_were_taken_back(shop: Shop) -> None:
    own = OwnRecords(shop.ledger_db)
    with shop.ledger_db.transaction():
        first = shop.ledger.append(punch(), at(0))
        for second in range(1, 61):  # beyond three pages
            record = shop.ledger.append(punch(), at(second))
            shop.ledger.append(undone(record.id), at(second))
    last = own.last_punch("1001")
    assert last is not None
    assert last.id == first.id


def test_what_was_pruned_is_gone(shop: Shop) -> None:
    own = OwnRecords(shop.ledger_db)
    old = shop.ledger.append(punch(), at(0))
    shop.ledger.append(punch("1002"), at(1))
    head = shop.ledger.head()
    shop.delivery.save_receipt(b"receipt", head.seq, head.hash)
    with pytest.MonkeyPatch.context() as patch:
        # The machine stops between the cut and the deleting: the rows are still in the file.
        patch.setattr(type(shop.ledger), "finish_pruning", lambda _: False)
        shop.ledger.prune(old.seq, Head(head.seq, head.hash), at(2))
    assert shop.ledger_db.one("SELECT count(*) FROM records WHERE seq = 1", (), int) == 1
    assert own.last_punch("1001") is None
    assert own.one("1001", old.id) is None
    shop.ledger.finish_pruning()
    assert own.of_kinds("1001", PUNCHES) == []


def test_between_two_instants_are_those_recorded_then_and_all_that_a_wrong_clock_wrote(
    shop: Shop,
) -> None:
    own = OwnRecords(shop.ledger_db)
    wrong = shop.ledger.append(punch(), at(-86_400 * 9_000, synchronised=False))
    shop.ledger.append(punch(), at(9.999999))
    first = shop.ledger.append(punch(), at(10))
    last = shop.ledger.append(punch(), at(19.999999))
    shop.ledger.append(punch(), at(20))
    start = START + timedelta(seconds=10)
    assert own.between("1001", PUNCHES, start, start + timedelta(seconds=10)) == [
        wrong,
        first,
        last,
    ]


def test_the_time_correction_of_a_record_is_the_next_of_its_boot(shop: Shop) -> None:
    own = OwnRecords(shop.ledger_db)
    early = at(0, synchronised=False).model_copy(update={"utc": datetime(1970, 1, 1, tzinfo=UTC)})
    record = shop.ledger.append(punch(), early)
    assert own.time_correction_of(record) is None
    step = TimeCorrection(reason="stepped", offset_ms=5)
    shop.ledger.append(step, at(5, synchronised=False))
    right = shop.ledger.append(TimeCorrection(reason="synchronised", offset_ms=7), at(10))
    assert own.time_correction_of(record) == right.content()
    later = shop.ledger.append(punch(), at(20, synchronised=False))
    other = at(30).model_copy(update={"boot": "another"})
    shop.ledger.append(TimeCorrection(reason="synchronised", offset_ms=7), other)
    assert own.time_correction_of(later) is None
