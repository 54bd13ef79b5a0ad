"""Cutting off old records: only what headquarters has, and the rest of the chain stays whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.database import open_database
from store.errors import BrokenChainError, ConstraintError, NotReceivedError
from store.ledger import Head, Ledger
from store.records import Checkpoint
from tests.store.made import LEDGER_KEY, PUBLIC, SIGNER, TERMINAL, Shop, at, open_shop, punch
from tests.store.pages import traces
from tests.store.test_ledger import first_bad, tampering


def filled(shop: Shop, length: int = 20) -> None:
    for n in range(length):
        shop.ledger.append(punch(f"worker-{n:04}"), at(n))


def receive(shop: Shop, seq: int) -> Head:
    """Headquarters confirms the records up to this one."""
    hash_ = shop.ledger.records(seq - 1, 1)[0].hash
    shop.delivery.save_receipt(b"receipt", seq, hash_)
    return Head(seq, hash_)


def test_what_headquarters_has_is_cut_off_and_the_rest_verifies(shop: Shop) -> None:
    filled(shop)
    confirmed = receive(shop, 15)
    checkpoint = shop.ledger.prune(10, confirmed, at(99))
    assert checkpoint is not None
    assert checkpoint.seq == 21
    assert [r.seq for r in shop.ledger.records(0, 100)] == list(range(11, 22))
    assert shop.ledger.pruned() == 10
    assert shop.ledger.verify(PUBLIC, known=confirmed).seq == 21
    assert shop.ledger.append(punch(), at()).seq == 22


def test_pruning_again_goes_on_and_needs_only_its_own_checkpoint(shop: Shop) -> None:
    filled(shop)
    shop.ledger.prune(5, receive(shop, 20), at())
    filled(shop)
    shop.ledger.prune(30, receive(shop, 35), at())  # the first checkpoint, 21, goes as well
    assert shop.ledger.records(0, 1)[0].seq == 31
    assert shop.ledger.verify(PUBLIC).seq == 42


def test_what_is_pruned_already_needs_nothing(shop: Shop) -> None:
    filled(shop)
    confirmed = receive(shop, 15)
    shop.ledger.prune(10, confirmed, at())
    assert shop.ledger.prune(10, confirmed, at()) is None
    assert shop.ledger.prune(3, confirmed, at()) is None
    assert shop.ledger.head().seq == 21


@pytest.mark.parametrize("up_to", [16, 19, 20, 21, 10**9])
def test_nothing_above_the_receipt_is_pruned(shop: Shop, up_to: int) -> None:
    filled(shop)
    with pytest.raises(NotReceivedError):
        shop.ledger.prune(up_to, receive(shop, 15), at())
    assert shop.ledger.head().seq == 20
    assert shop.ledger.pruned() == 0


def test_the_newest_record_stays(shop: Shop) -> None:
    filled(shop)
    with pytest.raises(NotReceivedError):
        shop.ledger.prune(20, receive(shop, 20), at())


def test_a_receipt_for_another_chain_prunes_nothing(shop: Shop) -> None:
    filled(shop)
    receive(shop, 15)
    with pytest.raises(NotReceivedError, match="split"):
        shop.ledger.prune(10, Head(15, bytes(32)), at())
    assert shop.ledger.head().seq == 20


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO pruned SELECT 1, seq, hash FROM records WHERE seq = 16",
        "INSERT INTO pruned VALUES (1, 3, zeroblob(32))",
        "DELETE FROM records WHERE seq = 1",
    ],
)
def test_the_schema_itself_keeps_what_headquarters_has_not(shop: Shop, sql: str) -> None:
    filled(shop)
    receive(shop, 15)
    with pytest.raises(ConstraintError):
        shop.ledger_db.execute(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM pruned",
        "UPDATE pruned SET seq = 16, hash = (SELECT hash FROM records WHERE seq = 16)",
        "UPDATE pruned SET hash = zeroblob(32)",
        "DELETE FROM records WHERE seq = 11",
    ],
)
def test_the_schema_itself_keeps_the_cut_where_it_was(shop: Shop, sql: str) -> None:
    filled(shop)
    shop.ledger.prune(10, receive(shop, 15), at())
    with pytest.raises(ConstraintError):
        shop.ledger_db.execute(sql)


def test_records_dropped_beyond_the_checkpoint_are_found(shop: Shop) -> None:
    filled(shop)
    shop.ledger.prune(10, receive(shop, 15), at())
    with tampering(shop.ledger_db):
        shop.ledger_db.execute("DELETE FROM records WHERE seq <= 13")
        assert first_bad(shop)[0] == 11
    with tampering(shop.ledger_db):
        shop.ledger_db.execute("UPDATE pruned SET seq = 13")
        assert first_bad(shop)[0] == 11


def test_a_beginning_that_only_a_forger_cut_off_is_found(shop: Shop) -> None:
    filled(shop)
    with tampering(shop.ledger_db):
        shop.ledger_db.execute("DELETE FROM records WHERE seq <= 5")
        assert first_bad(shop)[0] == 1


def test_a_checkpoint_with_another_hash_confirms_nothing(shop: Shop) -> None:
    filled(shop)
    shop.ledger.append(Checkpoint(seq=5, hash="00" * 32), at())
    with tampering(shop.ledger_db):
        shop.ledger_db.execute("DELETE FROM records WHERE seq <= 5")
        assert first_bad(shop)[0] == 5


def test_a_crash_in_the_middle_is_finished_later(tmp_path: Path) -> None:
    """After the checkpoint is committed the pruned records are hidden, deleted or not."""
    shop = open_shop(tmp_path)
    filled(shop)
    confirmed = receive(shop, 15)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Ledger, "finish_pruning", lambda self: False)
        shop.ledger.prune(10, confirmed, at())
    shop.close()
    shop = open_shop(tmp_path)
    assert shop.ledger_db.one("SELECT count(*) FROM records", (), int) == 21
    assert shop.ledger.records(0, 1)[0].seq == 11
    assert shop.ledger.verify(PUBLIC).seq == 21
    assert shop.ledger.finish_pruning()
    assert shop.ledger_db.one("SELECT count(*) FROM records", (), int) == 11
    assert shop.ledger.verify(PUBLIC).seq == 21
    shop.close()


def test_a_long_ledger_is_deleted_in_parts(shop: Shop) -> None:
    with shop.ledger_db.transaction():
        filled(shop, 3500)
    shop.ledger.prune(3000, receive(shop, 3200), at())
    assert shop.ledger_db.one("SELECT min(seq) FROM records", (), int) == 3001
    assert shop.ledger.verify(PUBLIC).seq == 3501


def test_nothing_of_the_pruned_is_left_in_the_file(shop: Shop) -> None:
    filled(shop, 300)
    path = shop.folder / "ledger.db"
    assert traces(path, LEDGER_KEY, b"worker-0007")
    shop.ledger.prune(200, receive(shop, 250), at())
    for n in range(200):
        assert not traces(path, LEDGER_KEY, f"worker-{n:04}".encode())
    assert traces(path, LEDGER_KEY, b"worker-0250")


def test_somebody_who_verifies_while_records_are_pruned_sees_a_whole_chain(shop: Shop) -> None:
    with shop.ledger_db.transaction():
        filled(shop, 2500)
    confirmed = receive(shop, 2400)
    other = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    reader = Ledger(other, TERMINAL, None)
    calls: list[int] = []

    def prune_once(done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == 1:
            shop.ledger.prune(2300, confirmed, at())

    assert reader.verify(PUBLIC, prune_once).seq == 2501
    other.close()


def test_pruning_needs_the_signing_key(shop: Shop) -> None:
    filled(shop)
    confirmed = receive(shop, 15)
    with pytest.raises(RuntimeError):
        Ledger(shop.ledger_db, TERMINAL, None).prune(10, confirmed, at())
    assert Ledger(shop.ledger_db, TERMINAL, SIGNER).pruned() == 0


def test_an_unpruned_chain_that_begins_late_names_its_first_missing_record(shop: Shop) -> None:
    filled(shop)
    with tampering(shop.ledger_db):
        shop.ledger_db.execute("DELETE FROM records WHERE seq < 20")
        with pytest.raises(BrokenChainError, match="record 1: is missing; the first one is 20"):
            shop.ledger.verify(PUBLIC)
