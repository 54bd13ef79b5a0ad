"""Files of every older version are brought up to date with all that is in them.

The files are kept in `tests/store/older/`; `older.py` says how they were made.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from store.database import Database, open_database
from store.delivery import Delivery
from store.errors import NewerSchemaError
from store.gallery import Gallery
from store.ledger import Head, Ledger
from store.people import Role
from store.register import Register
from store.schema import GALLERY, LEDGER, Schema
from store.templates import Templates
from tests.store.made import (
    GALLERY_KEY,
    LEDGER_KEY,
    MODEL,
    PUBLIC,
    SIGNER,
    TERMINAL,
    at,
    punch,
    vector,
)
from tests.store.older import KEYS, SCHEMAS, at_version, file_of
from tests.store.pages import traces

# SHA-256 of each released step: a step that changes would leave older files another schema.
DIGESTS = {
    "ledger": [
        "01806acbe42d144bdb517ef1e91895f449bb987a4f4013246da65d0c9d0bf753",
        "64d345ba01f1e48badc8e4e5e42c25237482e11fb2b9c8a3cf8615f7ad40cad2",
        "44f5b20182baaadf60a27e4bade4769c53684000f74ea88ced2e8ccdf3ff0e9b",
        "429f605d7dd45853aa04d9e84c21f0573acc291ac1184ede3437b75cc13b9177",
        "61c1e335922539f8ff7c6029af5048a7a605d6df90e693cd87df1f42a1e7c055",
    ],
    "gallery": [
        "c4b6a99efd56932cd35783b2741836e3cd44ba436e17d6abc2e85e5df021f38e",
        "3532cdbfc216ec18b8b491bd3fafcc78ec97a09d800249d926c51ff843673501",
        "bf8a2da4b9be3436fc9cc2be288d2af3d588d904e98d2e49753a046a10d03c08",
        "ceee1490486a751ac874f11a7102fcad189d50b5f415e8c8688b61bd18223ea3",
        "3546979e288ce996b10da15343998e97b0c79c062be0dc7053c602b2523922fb",
    ],
}

KEPT = [
    (name, version)
    for name, schema in SCHEMAS.items()
    for version in range(1, len(schema.steps) + 1)
    if file_of(name, version).exists()
]
Rows = dict[str, tuple[list[str], list[tuple[object, ...]]]]


def digest(step: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(step).encode()).hexdigest()


@pytest.mark.parametrize("schema", [LEDGER, GALLERY], ids=lambda schema: schema.name)
def test_released_steps_are_never_changed(schema: Schema) -> None:
    assert [digest(step) for step in schema.steps] == DIGESTS[schema.name]


def test_a_new_step_comes_with_a_file_of_the_version_before() -> None:
    older = {(n, v) for n, schema in SCHEMAS.items() for v in range(1, len(schema.steps))}
    assert older <= set(KEPT), "write its rows in tests/store/older.py and run it"


def copied(folder: Path, name: str, version: int) -> Path:
    path = folder / f"{name}.db"
    shutil.copyfile(file_of(name, version), path)
    return path


def contents(database: Database) -> Rows:
    """Every table's columns and rows, in the order of the rows' text."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    found: Rows = {}
    for table in database.rows(query, (), str):
        columns = database.rows("SELECT name FROM pragma_table_info(?)", (table,), str)
        found[table] = columns, read(database, table, columns)
    return found


def read(database: Database, table: str, columns: list[str]) -> list[tuple[object, ...]]:
    query = f"SELECT {', '.join(columns)} FROM {table}"  # noqa: S608 (names from the schema)
    return sorted(database.rows(query, (), lambda *row: row), key=repr)


def roles_of_today(before: Rows) -> Rows:
    """The roles after step 5 of the gallery, in which "admin" became all four."""
    if "roles" not in before:
        return {}
    columns, rows = before["roles"]
    kept = [row for row in rows if row[1] != "admin"]
    for person in [row[0] for row in rows if row[1] == "admin"]:
        kept += [(person, r) for r in ("enroller", "supervisor", "technician", "auditor")]
    return {"roles": (columns, sorted(kept, key=repr))}


@pytest.mark.parametrize(("name", "version"), KEPT)
def test_every_row_of_every_table_is_there_after_the_migration(
    tmp_path: Path, name: str, version: int
) -> None:
    path = copied(tmp_path, name, version)
    schema = at_version(SCHEMAS[name], version)
    database = open_database(path, KEYS[name], create=False, schema=schema)
    before = contents(database)
    database.close()
    assert all(rows for _, rows in before.values()), "the kept file has rows in every table"
    database = open_database(path, KEYS[name], create=False)
    assert database.one("PRAGMA user_version", (), int) == len(SCHEMAS[name].steps)
    after = {t: (columns, read(database, t, columns)) for t, (columns, _) in before.items()}
    assert after == {**before, **roles_of_today(before)}
    assert database.damage() == []
    assert database.rows("PRAGMA foreign_key_check", (), lambda *row: row) == []
    database.close()


@pytest.mark.parametrize("version", [version for name, version in KEPT if name == "ledger"])
def test_a_ledger_of_an_older_version_goes_on(tmp_path: Path, version: int) -> None:
    database = open_database(copied(tmp_path, "ledger", version), LEDGER_KEY, create=False)
    ledger, delivery = Ledger(database, TERMINAL, SIGNER), Delivery(database)
    head = ledger.head()
    assert ledger.verify(PUBLIC) == head
    assert head.seq == {1: 5, 2: 6, 3: 20, 4: 20}[version]
    assert ledger.pruned() == (0 if version == 1 else 1)
    assert delivery.receipt() == b"rc"
    assert [m.document for m in delivery.inbox(9)] == [b"c"]
    assert [r.document for r in delivery.replies(9)] == [b"r"]
    assert delivery.take_replay() == 2
    assert delivery.last_command_number() == 9
    assert ledger.append(punch(), at()).seq == head.seq + 1
    confirmed = Head(3, ledger.records(2, 1)[0].hash)
    ledger.prune(2, confirmed, at())
    assert ledger.verify(PUBLIC, known=confirmed).seq == head.seq + 2
    assert database.damage() == []
    database.close()


@pytest.mark.parametrize("version", [version for name, version in KEPT if name == "gallery"])
def test_a_gallery_of_an_older_version_goes_on(tmp_path: Path, version: int) -> None:
    path = copied(tmp_path, "gallery", version)
    database = open_database(path, GALLERY_KEY, create=False)
    ledger_db = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=True)
    ledger, gallery = Ledger(ledger_db, TERMINAL, SIGNER), Gallery(database)
    register = Register(database, ledger)
    people = {person.number: (person.status, person.roles) for person in gallery.people()}
    assert people == {
        "1": ("active", () if version == 1 else ("auditor",)),
        "2": ("blocked", () if version < 4 else get_args(Role)),
        "3": ("left", ()),
        "4": ("left", ()),
    }
    assert Templates(database).active(MODEL)[0] == (["1", "1"] if version >= 3 else ["1"])
    # Version 1 did not write down when they left: the consent's end, or the beginning.
    assert gallery.ended_before("2026-03-15")[1] == ["4"]
    assert gallery.ended_before("2026-04-15")[1] == ["3", "4"]
    assert register.settle() == (0 if version == 1 else 1)
    assert ledger.head().seq == (0 if version == 1 else 1), "the note that waited is told"
    assert not gallery.erasure_pending()
    register.set_roles("1", ["technician"], at())
    register.withdraw("1", at())
    assert not traces(path, GALLERY_KEY, vector(1).tobytes())
    register.unblock("2", at())
    assert Templates(database).active(MODEL)[0] == ["2"]
    assert database.damage() == []
    database.close()
    ledger_db.close()


@pytest.mark.parametrize(("name", "version"), KEPT)
def test_a_migrated_file_has_the_schema_of_a_new_one(
    tmp_path: Path, name: str, version: int
) -> None:
    old, new = copied(tmp_path, name, version), tmp_path / f"{name}-new.db"
    shapes = []
    for path in (old, new):
        database = open_database(path, KEYS[name], create=True)
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
        shapes.append(database.rows(query, (), str))
        shapes[-1].append(str(database.one("PRAGMA user_version", (), int)))
        database.close()
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("name", ["ledger", "gallery"])
def test_a_newer_file_with_content_is_refused_and_no_byte_changes(
    tmp_path: Path, name: str
) -> None:
    """Only SQLite's index and an empty log may appear. A log with content: `test_database`."""
    newest = max(version for kept, version in KEPT if kept == name)
    path = copied(tmp_path, name, newest)
    later = ("CREATE TABLE later (a ANY) STRICT", "INSERT INTO later VALUES (1)")
    newer = replace(SCHEMAS[name], steps=(*SCHEMAS[name].steps, later))
    open_database(path, KEYS[name], create=False, schema=newer).close()
    before = path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    for create in (False, True):
        with pytest.raises(NewerSchemaError, match="update the program"):
            open_database(path, KEYS[name], create=create)
    assert path.read_bytes() == before
    log, index = (path.with_name(path.name + end) for end in ("-wal", "-shm"))
    assert set(tmp_path.iterdir()) <= {path, log, index}
    assert not log.exists() or log.read_bytes() == b""
    open_database(path, KEYS[name], create=False, schema=newer).close()


@pytest.mark.parametrize("name", ["ledger", "gallery"])
def test_a_newer_file_that_says_so_is_gone_on_with_and_then_taken_up_again(
    tmp_path: Path, name: str
) -> None:
    """What a release that was taken back has made of a file is no obstacle (docs/updates.md)."""
    schema = SCHEMAS[name]
    path = copied(tmp_path, name, max(version for kept, version in KEPT if kept == name))
    later = ("CREATE TABLE later (a ANY) STRICT", "INSERT INTO later VALUES (1)")
    newer = replace(schema, steps=(*schema.steps, later), compatible_with=schema.version)
    open_database(path, KEYS[name], create=False, schema=newer).close()
    old = open_database(path, KEYS[name], create=False)
    written = "INSERT OR REPLACE INTO erasure VALUES (1)"
    assert old.execute(written) == 1
    assert old.damage() == []
    old.close()
    back = open_database(path, KEYS[name], create=False, schema=newer)
    assert back.one("SELECT count(*) FROM erasure, later", (), int) == 1
    back.close()
    two_on = replace(newer, steps=(*newer.steps, later[1:]), compatible_with=newer.version)
    open_database(path, KEYS[name], create=False, schema=two_on).close()
    with pytest.raises(NewerSchemaError):
        open_database(path, KEYS[name], create=False)
