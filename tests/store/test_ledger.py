"""The chain on disk: appended in order, and every kind of tampering is found and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from store.chain import GENESIS, record_hash, sign_record
from store.database import Database, Value
from store.errors import (
    BrokenChainError,
    ForeignLedgerError,
    InvalidValueError,
    NoSignerError,
    NotCanonicalError,
)
from store.ledger import Head, Ledger, Record
from store.records import Fault
from tests.store.made import PUBLIC, SIGNER, STRANGER, TERMINAL, Shop, at, open_shop, punch

LENGTH = 8
COLUMNS = ("id", "kind", "payload", "previous", "hash", "signature")


def fill(shop: Shop, length: int = LENGTH) -> list[Record]:
    return [shop.ledger.append(punch(str(n)), at(n)) for n in range(length)]


# Appending and reading


def test_an_empty_ledger(shop: Shop) -> None:
    assert shop.ledger.head() == Head(0, GENESIS)
    assert shop.ledger.records(0, 10) == []
    assert shop.ledger.verify(PUBLIC) == Head(0, GENESIS)


def test_records_are_numbered_and_linked(shop: Shop) -> None:
    records = fill(shop)
    assert [record.seq for record in records] == list(range(1, LENGTH + 1))
    assert [r.previous for r in records] == [GENESIS, *(r.hash for r in records[:-1])]
    assert shop.ledger.records(0, 100) == records
    assert shop.ledger.head() == Head(LENGTH, records[-1].hash)
    assert shop.ledger.verify(PUBLIC) == shop.ledger.head()


def test_reading_in_pages(shop: Shop) -> None:
    records = fill(shop)
    assert shop.ledger.records(3, 2) == records[3:5]
    assert shop.ledger.records(LENGTH, 2) == []


def test_ids_are_uuids_of_version_7(shop: Shop) -> None:
    ids = [record.id for record in fill(shop)]
    assert len(set(ids)) == LENGTH
    assert all(text[14] == "7" and len(text) == 36 for text in ids)


def test_what_was_appended_is_there_after_opening_again(tmp_path: Path) -> None:
    first = open_shop(tmp_path)
    records = fill(first)
    first.close()
    second = open_shop(tmp_path)
    assert second.ledger.records(0, 100) == records
    assert second.ledger.append(punch(), at()).seq == LENGTH + 1
    second.close()


def test_without_the_signing_key_nothing_is_appended(shop: Shop) -> None:
    with pytest.raises(NoSignerError):
        Ledger(shop.ledger_db, TERMINAL, None).append(punch(), at())
    assert shop.ledger.head().seq == 0


def test_another_terminal_or_key_does_not_go_on_with_this_ledger(shop: Shop) -> None:
    fill(shop)
    other = TERMINAL.model_copy(update={"name": "gate-b"})
    with pytest.raises(ForeignLedgerError, match="plant-1/gate-a, not of plant-1/gate-b"):
        Ledger(shop.ledger_db, other, SIGNER).append(punch(), at())
    with pytest.raises(ForeignLedgerError, match="another key"):
        Ledger(shop.ledger_db, TERMINAL, STRANGER).append(punch(), at())
    assert shop.ledger.head().seq == LENGTH


def test_a_record_that_cannot_be_written_leaves_no_gap(shop: Shop) -> None:
    with pytest.raises(NotCanonicalError):
        shop.ledger.append(Fault.model_construct(code="\ud800"), at())
    with pytest.raises(InvalidValueError):
        shop.ledger.append(Fault.model_validate({"code": "x", "more": 1}), at())
    assert shop.ledger.append(punch(), at()).seq == 1


def test_a_clock_that_runs_backwards_changes_no_order(shop: Shop) -> None:
    times = [100.0, 50.0, -2e9, 3e9, 0.0]
    for seconds in times:
        shop.ledger.append(punch(), at(seconds))
    read = shop.ledger.records(0, 10)
    assert [r.content().time.utc for r in read] == [at(s).utc for s in times]
    assert shop.ledger.verify(PUBLIC).seq == len(times)


def test_progress_goes_to_the_whole(shop: Shop) -> None:
    fill(shop)
    seen: list[tuple[int, int]] = []
    shop.ledger.verify(PUBLIC, lambda done, total: seen.append((done, total)))
    assert seen[-1] == (LENGTH, LENGTH)


# Tampering. Each change is made inside a transaction that is rolled back afterwards.


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    made = open_shop(tmp_path_factory.mktemp("chain"))
    fill(made)
    yield made
    made.close()


class _Undo(Exception):  # noqa: N818 (a signal, not an error)
    """Rolls a tampering back."""


@contextmanager
def tampering(database: Database) -> Iterator[None]:
    """The rights of somebody who has the database key, for the time of the block."""
    with suppress(_Undo), database.transaction():
        for trigger in database.rows(
            "SELECT name FROM sqlite_master WHERE type='trigger'", (), str
        ):
            database.execute(f"DROP TRIGGER {trigger}")
        yield
        raise _Undo


def put(database: Database, record: Record) -> None:
    database.execute(
        "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            record.seq,
            record.id,
            record.kind,
            record.payload,
            record.previous,
            record.hash,
            record.signature,
        ),
    )


def first_bad(shop: Shop, known: Head | None = None) -> tuple[int, str]:
    with pytest.raises(BrokenChainError) as caught:
        shop.ledger.verify(PUBLIC, known=known)
    return caught.value.seq, caught.value.what


def forged(key: Ed25519PrivateKey, seq: int, previous: bytes, payload: bytes) -> Record:
    hash_ = record_hash(previous, payload)
    return Record(seq, f"id-{seq}", "punch", payload, previous, hash_, sign_record(key, hash_))


@given(data=st.data(), seq=st.integers(1, LENGTH), column=st.sampled_from(COLUMNS))
def test_any_flipped_bit_is_found(chain: Shop, data: st.DataObject, seq: int, column: str) -> None:
    record = chain.ledger.records(seq - 1, 1)[0]
    value = getattr(record, column)
    raw = value if isinstance(value, bytes) else value.encode()
    bit = data.draw(st.integers(0, len(raw) * 8 - 1))
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    stored: Value = bytes(changed)
    if isinstance(value, str):
        stored = bytes(changed).decode("latin-1")
    with tampering(chain.ledger_db):
        sql = f"UPDATE records SET {column} = ? WHERE seq = ?"  # noqa: S608
        chain.ledger_db.execute(sql, (stored, seq))
        assert first_bad(chain)[0] == seq
    assert chain.ledger.verify(PUBLIC).seq == LENGTH


@given(pair=st.permutations(range(1, LENGTH + 1)).map(lambda order: sorted(order[:2])))
def test_swapped_records_are_found(chain: Shop, pair: list[int]) -> None:
    low, high = pair
    with tampering(chain.ledger_db):
        for old, new in ((low, 1000), (high, low), (1000, high)):
            chain.ledger_db.execute("UPDATE records SET seq = ? WHERE seq = ?", (new, old))
        assert first_bad(chain)[0] == low


@given(first=st.integers(1, LENGTH), count=st.integers(1, LENGTH), close_up=st.booleans())
def test_dropped_records_are_found(chain: Shop, first: int, count: int, close_up: bool) -> None:
    """Also the newest ones, when headquarters' receipt is at hand."""
    known = chain.ledger.head()
    with tampering(chain.ledger_db):
        chain.ledger_db.execute(
            "DELETE FROM records WHERE seq BETWEEN ? AND ?", (first, first + count - 1)
        )
        if close_up:
            chain.ledger_db.execute(
                "UPDATE records SET seq = seq - ? WHERE seq >= ?", (count, first + count)
            )
        assert first_bad(chain, known)[0] == first


@given(seq=st.integers(1, LENGTH + 1), copied=st.integers(1, LENGTH))
def test_inserted_records_are_found(chain: Shop, seq: int, copied: int) -> None:
    copy = chain.ledger.records(copied - 1, 1)[0]
    with tampering(chain.ledger_db):
        # Downwards, so that no two rows ever have one number.
        for old in range(LENGTH, seq - 1, -1):
            chain.ledger_db.execute("UPDATE records SET seq = ? WHERE seq = ?", (old + 1, old))
        put(
            chain.ledger_db,
            Record(seq, copy.id, copy.kind, copy.payload, copy.previous, copy.hash, copy.signature),
        )
        assert first_bad(chain)[0] in (seq, seq + 1)


@given(seq=st.integers(1, LENGTH))
def test_a_chain_signed_again_by_somebody_else_is_found(chain: Shop, seq: int) -> None:
    records = chain.ledger.records(0, 100)
    with tampering(chain.ledger_db):
        chain.ledger_db.execute("DELETE FROM records WHERE seq >= ?", (seq,))
        previous = chain.ledger.head().hash
        for record in records[seq - 1 :]:
            payload = record.payload.replace(b'"person":"', b'"person":"9')
            again = forged(STRANGER, record.seq, previous, payload)
            put(chain.ledger_db, again)
            previous = again.hash
        assert first_bad(chain) == (seq, "its hash or signature does not hold")


def test_a_record_of_another_terminal_with_the_same_key_is_found(chain: Shop) -> None:
    head = chain.ledger.head()
    payload = chain.ledger.records(0, 1)[0].payload
    moved = payload.replace(b'"gate-a"', b'"gate-b"').replace(b'"seq":1', b'"seq":9')
    with tampering(chain.ledger_db):
        record = forged(SIGNER, 9, head.hash, moved)
        put(chain.ledger_db, Record(9, record.content().id, *_rest(record)))
        assert first_bad(chain) == (9, "belongs to another terminal")


def test_signed_bytes_that_are_no_record_are_found(chain: Shop) -> None:
    head = chain.ledger.head()
    for payload in (b"", b"{}", b"[" * 10_000, b"\xff"):
        with tampering(chain.ledger_db):
            put(chain.ledger_db, forged(SIGNER, 9, head.hash, payload))
            assert first_bad(chain) == (9, "its payload is no record")


def test_a_ledger_that_split_from_what_headquarters_has_is_found(chain: Shop) -> None:
    assert first_bad(chain, Head(3, bytes(32))) == (
        3,
        "is not the record that is known elsewhere",
    )
    assert chain.ledger.verify(PUBLIC, known=chain.ledger.head()).seq == LENGTH


def _rest(record: Record) -> tuple[str, bytes, bytes, bytes, bytes]:
    return record.kind, record.payload, record.previous, record.hash, record.signature
