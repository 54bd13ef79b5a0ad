"""Who waits for whom: nothing holds the write lock for longer than its own work.

Other writers are given no time to wait at all (`BUSY_S`), so that a lock that is held shows as an
error. They come in where the code under test pauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from store.database import Database, open_database
from store.erasure import Erasure
from store.errors import DatabaseBusyError
from store.ledger import Head, Ledger
from store.register import Register
from tests.store.made import (
    GALLERY_KEY,
    LEDGER_KEY,
    PUBLIC,
    SIGNER,
    TERMINAL,
    Shop,
    at,
    open_shop,
    punch,
    vector,
)
from tests.store.pages import traces
from tests.store.test_register import enrol

Pauses = Callable[[Callable[[], object]], list[float]]


@pytest.fixture
def other(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The same ledger, as another process has it open; it gives up on a lock at once."""
    with monkeypatch.context() as patch:
        patch.setattr("store.database.BUSY_S", 0.001)
        database = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    yield Ledger(database, TERMINAL, SIGNER)
    database.close()


@pytest.fixture
def at_pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    """Do something in place of every pause; gives the list of them."""

    def arrange(do: Callable[[], object]) -> list[float]:
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            do()

        monkeypatch.setattr("store.database.time.sleep", pause)
        return pauses

    return arrange


def reading(database: Database, meanwhile: Callable[[], object]) -> None:
    """Do something once while a read transaction of `database` is open."""
    rows = iter([meanwhile])
    database.rows("SELECT 1 FROM sqlite_master", (), lambda _: next(rows, lambda: None)())


def test_appending_waits_for_no_reader(shop: Shop, other: Ledger) -> None:
    for _ in range(3):
        other.append(punch(), at())

    reading(shop.ledger_db, lambda: other.append(punch(), at()))
    reading(shop.gallery_db, lambda: other.append(punch(), at()))
    assert shop.ledger.verify(PUBLIC).seq == 5


def test_a_log_that_a_reader_keeps_from_being_cut_stops_no_append(
    shop: Shop, other: Ledger, at_pauses: Pauses
) -> None:
    waits_ms: list[int | None] = []

    def append_and_ask() -> None:
        other.append(punch(), at())
        waits_ms.append(shop.ledger_db.one("PRAGMA busy_timeout", (), int))

    pauses = at_pauses(append_and_ask)
    shop.ledger.append(punch(), at())
    third = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    cut: list[bool] = []
    reading(third, lambda: cut.append(shop.ledger_db.checkpoint()))
    assert cut == [False]
    assert len(pauses) > 1
    assert set(waits_ms) == {0}, "SQLite would wait for the reader with the write lock in its hand"
    assert shop.ledger.verify(PUBLIC).seq == 1 + len(pauses)
    assert shop.ledger_db.checkpoint(), "it is cut once the reader is done"
    third.close()


def test_who_cuts_the_log_waits_for_writers_as_before(shop: Shop) -> None:
    before = shop.ledger_db.one("PRAGMA busy_timeout", (), int)
    assert before
    shop.ledger_db.checkpoint()
    assert shop.ledger_db.one("PRAGMA busy_timeout", (), int) == before


def test_a_log_is_not_cut_while_somebody_writes(shop: Shop, other: Ledger) -> None:
    other.append(punch(), at())
    with shop.ledger_db.transaction():
        shop.ledger.append(punch(), at())
        assert not other._database.checkpoint(patient=False)
        with pytest.raises(DatabaseBusyError):
            other.append(punch(), at())
    assert other._database.checkpoint(patient=False)


def test_pruning_lets_others_write_between_its_parts(
    shop: Shop, other: Ledger, at_pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.ledger._PAGE", 10)
    for _ in range(35):
        shop.ledger.append(punch(), at())
    head = shop.ledger.head()
    shop.delivery.save_receipt(b"receipt", head.seq, head.hash)
    pauses = at_pauses(lambda: other.append(punch(), at()))
    shop.ledger.prune(30, Head(head.seq, head.hash), at())
    assert len(pauses) == 3
    assert shop.ledger.verify(PUBLIC).seq == 35 + 1 + len(pauses)


def test_the_door_does_not_pause_for_a_reader_of_the_gallery(
    shop: Shop, at_pauses: Pauses, tmp_path: Path
) -> None:
    """What it does between frames is tried once; a command that deletes has the patience."""
    register = Register(shop.gallery_db, shop.ledger)
    enrol(register, "1001", 1)
    second = open_shop(tmp_path)
    pauses = at_pauses(lambda: None)
    found: list[tuple[bool, int]] = []

    def remove_and_settle() -> None:
        register.remove("1001", at())
        patient = len(pauses)
        register.settle()
        found.append((shop.gallery.erasure_pending(), len(pauses) - patient))
        assert patient > 1

    reading(second.gallery_db, remove_and_settle)
    assert found == [(True, 0)]
    register.settle()
    assert not shop.gallery.erasure_pending()
    second.close()


def test_a_deletion_right_after_another_ones_log_was_cut_is_erased_too(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have the same mark; the first may not take it away under the second."""
    register = Register(shop.gallery_db, shop.ledger)
    enrol(register, "1001", 1)
    enrol(register, "1002", 2)
    second = open_shop(tmp_path)
    real = Database.checkpoint
    left = ["1002"]

    def cut_and_delete(database: Database, patient: bool = True) -> bool:
        done = real(database, patient)
        if done and left and database is shop.gallery_db:
            left.pop()
            with second.gallery_db.transaction():  # it has yet to cut the log itself
                second.gallery_db.execute("DELETE FROM templates WHERE person = '1002'")
                Erasure(second.gallery_db).mark()
        return done

    monkeypatch.setattr(Database, "checkpoint", cut_and_delete)
    shop.gallery.withdraw("1001", at())
    assert left == []
    Erasure(second.gallery_db).finish()
    for seed in (1, 2):
        assert not traces(shop.folder / "gallery.db", GALLERY_KEY, vector(seed).tobytes())
    assert not shop.gallery.erasure_pending()
    second.close()
