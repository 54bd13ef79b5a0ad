"""Opening, refusing, migrating and failing: real SQLCipher files."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from store.database import Database, open_database
from store.errors import (
    ConstraintError,
    DamagedDatabaseError,
    DatabaseBusyError,
    DatabaseError,
    DiskFullError,
    ForeignDatabaseError,
    MissingDatabaseError,
    NewerSchemaError,
    StorageError,
    StoreError,
    WrongKeyError,
)
from store.ledger import Ledger, Record
from store.schema import GALLERY, LEDGER
from tests.store.made import GALLERY_KEY, LEDGER_KEY, PUBLIC, SIGNER, TERMINAL, Shop, at, punch


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def made(folder: Path, records: int = 3) -> Path:
    path = folder / "ledger.db"
    database = open_database(path, LEDGER_KEY, create=True)
    ledger = Ledger(database, TERMINAL, SIGNER)
    for _ in range(records):
        ledger.append(punch(), at())
    database.close()
    return path


# Opening


def test_a_missing_database_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(MissingDatabaseError):
        open_database(tmp_path / "ledger.db", LEDGER_KEY, create=False)
    with pytest.raises(MissingDatabaseError, match="no such directory"):
        open_database(tmp_path / "none" / "ledger.db", LEDGER_KEY, create=True)
    assert files(tmp_path) == {}


def test_an_empty_file_is_a_database_that_was_never_made(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.touch()
    with pytest.raises(MissingDatabaseError):
        open_database(path, LEDGER_KEY, create=False)
    open_database(path, LEDGER_KEY, create=True).close()
    open_database(path, LEDGER_KEY, create=False).close()


def test_another_key_is_refused_and_changes_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = made(tmp_path)
    before = files(tmp_path)
    with pytest.raises(WrongKeyError, match=r"ledger\.db: this key does not open it"):
        open_database(path, GALLERY_KEY, create=True)
    assert files(tmp_path) == before
    assert capfd.readouterr() == ("", "")


def test_a_plain_sqlite_file_is_refused_and_said_to_be_one(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as plain:
        plain.execute("CREATE TABLE t (a)")
    plain.close()
    before = files(tmp_path)
    with pytest.raises(WrongKeyError, match="plain SQLite file"):
        open_database(path, LEDGER_KEY, create=True)
    assert files(tmp_path) == before
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [2, 511, 4096, 50_000])
def test_any_other_file_is_refused_and_kept(
    tmp_path: Path, size: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(random.Random(size).randbytes(size))
    before = files(tmp_path)
    with pytest.raises(WrongKeyError):
        open_database(path, LEDGER_KEY, create=True)
    assert files(tmp_path) == before
    assert capfd.readouterr() == ("", "")


def test_a_directory_in_its_place_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").mkdir()
    with pytest.raises(StorageError):
        open_database(tmp_path / "ledger.db", LEDGER_KEY, create=True)


@pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
def test_a_key_of_another_size_is_a_mistake_of_the_caller(tmp_path: Path, key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        open_database(tmp_path / "ledger.db", key, create=True)


def test_a_gallery_is_no_ledger(tmp_path: Path) -> None:
    made(tmp_path)
    (tmp_path / "ledger.db").rename(tmp_path / "gallery.db")
    with pytest.raises(ForeignDatabaseError, match="not a gallery"):
        open_database(tmp_path / "gallery.db", LEDGER_KEY, create=False)
    open_database(tmp_path / "gallery.db", LEDGER_KEY, create=False, schema=LEDGER).close()


def test_a_file_of_another_name_needs_its_schema(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="name the schema"):
        open_database(tmp_path / "x.db", LEDGER_KEY, create=True)
    open_database(tmp_path / "x.db", LEDGER_KEY, create=True, schema=GALLERY).close()


def test_the_file_is_open_to_the_group_and_nobody_else(shop: Shop) -> None:
    shop.ledger.append(punch(), at())
    modes = {stat.S_IMODE(path.stat().st_mode) for path in shop.folder.glob("*.db*")}
    assert modes == {0o660}


def test_many_openers_of_a_new_file_get_along(tmp_path: Path) -> None:
    heads: list[int] = []

    def open_and_append() -> None:
        database = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=True)
        heads.append(Ledger(database, TERMINAL, SIGNER).append(punch(), at()).seq)
        database.close()

    openers = [threading.Thread(target=open_and_append) for _ in range(8)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert sorted(heads) == list(range(1, 9))


# Newer and older schemas


def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    """Also its write-ahead log, which a writer left behind by being killed."""
    path = made(tmp_path)
    newer = replace(LEDGER, steps=(*LEDGER.steps, ("CREATE TABLE later (a ANY) STRICT",)))
    database = open_database(path, LEDGER_KEY, create=False, schema=newer)
    left_behind = files(tmp_path)
    database.close()
    for name, content in left_behind.items():
        (tmp_path / name).write_bytes(content)
    assert (tmp_path / "ledger.db-wal").stat().st_size > 0
    before = {n: c for n, c in files(tmp_path).items() if not n.endswith("-shm")}
    with pytest.raises(NewerSchemaError, match=r"newer version .*update the program"):
        open_database(path, LEDGER_KEY, create=True)
    after = {n: c for n, c in files(tmp_path).items() if not n.endswith("-shm")}
    assert after == before
    open_database(path, LEDGER_KEY, create=False, schema=newer).close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = made(tmp_path)
    bad = replace(LEDGER, steps=(*LEDGER.steps, ("CREATE TABLE a (a ANY) STRICT", "NONSENSE")))
    with pytest.raises(DatabaseError):
        open_database(path, LEDGER_KEY, create=False, schema=bad)
    database = open_database(path, LEDGER_KEY, create=False)
    assert database.one("SELECT count(*) FROM sqlite_master WHERE name = 'a'", (), int) == 0
    assert Ledger(database, TERMINAL, None).verify(PUBLIC).seq == 3
    database.close()


# Transactions


def test_an_exception_undoes_everything_inside(shop: Shop) -> None:
    with suppress(KeyError), shop.ledger_db.transaction():
        shop.ledger.append(punch(), at())
        shop.delivery.seen_command(4)
        raise KeyError
    assert shop.ledger.head().seq == 0
    assert shop.delivery.last_command_number() == 0


def test_an_inner_failure_undoes_the_inner_part_only(shop: Shop) -> None:
    with shop.ledger_db.transaction():
        shop.ledger.append(punch("1"), at())
        with suppress(KeyError), shop.ledger_db.transaction():
            shop.ledger.append(punch("2"), at())
            raise KeyError
        shop.ledger.append(punch("3"), at())
    people = [record.content().body["person"] for record in shop.ledger.records(0, 9)]
    assert people == ["1", "3"]
    assert shop.ledger.verify(PUBLIC).seq == 2


def test_nothing_is_seen_before_the_outer_end(shop: Shop) -> None:
    other = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    with shop.ledger_db.transaction():
        shop.ledger.append(punch(), at())
        assert Ledger(other, TERMINAL, None).head().seq == 0
    assert Ledger(other, TERMINAL, None).head().seq == 1
    other.close()


def test_going_on_after_sqlite_undid_a_transaction_is_refused(shop: Shop) -> None:
    """SQLite rolls back by itself after some failures; what follows must not commit alone."""

    def go_on() -> None:
        with shop.ledger_db.transaction():
            shop.ledger.append(punch(), at())
            with suppress(ConstraintError):
                shop.ledger_db.execute("INSERT OR ROLLBACK INTO last_command VALUES (1, 0)")
            with pytest.raises(StorageError, match="was undone"):
                shop.delivery.seen_command(7)

    with pytest.raises(StorageError, match="was undone"):
        go_on()
    assert shop.ledger.head().seq == 0
    assert shop.delivery.last_command_number() == 0
    assert shop.ledger.append(punch(), at()).seq == 1


def test_a_writer_that_waits_too_long_gets_a_typed_error(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.database.BUSY_S", 0.01)
    other = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    with shop.ledger_db.transaction():
        with pytest.raises(DatabaseBusyError):
            Ledger(other, TERMINAL, SIGNER).append(punch(), at())
        assert Ledger(other, TERMINAL, None).head().seq == 0  # a reader never waits
    assert Ledger(other, TERMINAL, SIGNER).append(punch(), at()).seq == 1
    other.close()


def test_data_version_tells_of_others_commits(shop: Shop) -> None:
    other = open_database(shop.folder / "ledger.db", LEDGER_KEY, create=False)
    before = other.data_version()
    assert other.data_version() == before
    shop.ledger.append(punch(), at())
    assert other.data_version() != before
    other.close()


def test_a_connection_belongs_to_its_thread(shop: Shop) -> None:
    raised: list[BaseException] = []

    def use() -> None:
        try:
            shop.ledger.head()
        except BaseException as error:  # noqa: BLE001 (carried to the test's thread)
            raised.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(raised) == 1


# Failing disks


def append_many(shop: Shop, written: list[Record]) -> None:
    for _ in range(1000):
        written.append(shop.ledger.append(punch(), at()))


def test_a_full_disk_is_a_typed_error_and_keeps_what_was_there(shop: Shop) -> None:
    written = [shop.ledger.append(punch(), at()) for _ in range(5)]
    pages = shop.ledger_db.one("PRAGMA page_count", (), int) or 0
    shop.ledger_db.execute(f"PRAGMA max_page_count = {pages + 3}")
    with pytest.raises(DiskFullError, match="disk is full; make room"):
        append_many(shop, written)
    assert shop.ledger.records(0, 10_000) == written
    assert shop.ledger.verify(PUBLIC).seq == len(written)
    shop.ledger_db.execute("PRAGMA max_page_count = 1000000")
    assert shop.ledger.append(punch(), at()).seq == len(written) + 1


def test_a_file_that_may_not_be_written_is_a_typed_error(tmp_path: Path) -> None:
    path = made(tmp_path)
    path.chmod(0o440)
    if os.access(path, os.W_OK):
        pytest.skip("this user may write everything (root)")
    with pytest.raises(StoreError):
        open_database(path, LEDGER_KEY, create=False)


# Damage


def changed_page(path: Path, page: int, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[(page - 1) * 4096 + offset] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize("offset", [0, 100, 2000, 4016, 4095])
def test_a_flipped_bit_in_any_part_of_a_page_is_found(
    tmp_path: Path, offset: int, capfd: pytest.CaptureFixture[str]
) -> None:
    path = made(tmp_path, 50)
    changed_page(path, 4, offset)
    database = open_database(path, LEDGER_KEY, create=False)
    assert any("page 4" in line for line in database.damage())
    database.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("offset", [0, 15, 16, 100, 4095])
def test_a_damaged_first_page_is_told_on_opening(tmp_path: Path, offset: int) -> None:
    path = made(tmp_path)
    changed_page(path, 1, offset)
    with pytest.raises(WrongKeyError, match="or it is damaged"):
        open_database(path, LEDGER_KEY, create=False)


def test_reading_damage_is_a_typed_error(tmp_path: Path) -> None:
    path = made(tmp_path, 300)
    database = open_database(path, LEDGER_KEY, create=False)
    pages = database.one("PRAGMA page_count", (), int) or 0
    database.close()
    for page in range(20, pages + 1):  # behind the schema and the roots of the tables
        changed_page(path, page, 50)
    database = open_database(path, LEDGER_KEY, create=False)
    with pytest.raises(DamagedDatabaseError, match="damaged; the start of `kiosk run`"):
        Ledger(database, TERMINAL, None).records(0, 1000)
    database.close()


def test_a_cut_file_is_told(tmp_path: Path) -> None:
    path = made(tmp_path, 300)
    path.write_bytes(path.read_bytes()[: 4096 * 5])
    with pytest.raises(DamagedDatabaseError):
        open_database(path, LEDGER_KEY, create=False)


def test_a_sound_file_has_no_damage(shop: Shop) -> None:
    shop.ledger.append(punch(), at())
    assert shop.ledger_db.damage() == []


# What the schema keeps whatever program writes


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE records SET kind = 'x'",
        "UPDATE records SET seq = 9",
        "DELETE FROM records",
        "INSERT INTO records SELECT 3, id, kind, payload, hash, hash, signature FROM records",
        "INSERT INTO records SELECT 2, id, kind, payload, previous, hash, signature FROM records",
        "INSERT OR REPLACE INTO records SELECT 1, id, 'x', payload, previous, hash, signature "
        "FROM records",
    ],
)
def test_a_record_is_never_changed_by_sql(shop: Shop, sql: str) -> None:
    written = shop.ledger.append(punch(), at())
    with pytest.raises(ConstraintError), shop.ledger_db.transaction():
        shop.ledger_db.execute(sql)
    assert shop.ledger.records(0, 9) == [written]


def test_settings_of_the_connection(shop: Shop) -> None:
    def pragma(database: Database, name: str) -> str:
        return str(database.one(f"PRAGMA {name}", (), str))

    for database in (shop.ledger_db, shop.gallery_db):
        assert pragma(database, "journal_mode") == "wal"
        assert pragma(database, "synchronous") == "2"
        assert pragma(database, "foreign_keys") == "1"
        assert pragma(database, "secure_delete") == "1"
        assert pragma(database, "cipher_version").startswith("4.")
