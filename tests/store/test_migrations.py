"""Files of every older version are brought up to date with all that is in them.

The older files are made by code: the steps up to that version, which are never changed (their
digests stand here), and rows as the program of that version wrote them, in SQL of that time.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from store.chain import GENESIS, record_hash, sign_record
from store.database import Database, open_database
from store.delivery import Delivery
from store.gallery import Gallery
from store.ledger import Head, Ledger
from store.register import Register
from store.schema import GALLERY, LEDGER, Schema
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
from tests.store.pages import traces

# SHA-256 of each released step: a step that changes would leave older files another schema.
DIGESTS = {
    "ledger": [
        "01806acbe42d144bdb517ef1e91895f449bb987a4f4013246da65d0c9d0bf753",
        "64d345ba01f1e48badc8e4e5e42c25237482e11fb2b9c8a3cf8615f7ad40cad2",
        "44f5b20182baaadf60a27e4bade4769c53684000f74ea88ced2e8ccdf3ff0e9b",
    ],
    "gallery": [
        "c4b6a99efd56932cd35783b2741836e3cd44ba436e17d6abc2e85e5df021f38e",
        "3532cdbfc216ec18b8b491bd3fafcc78ec97a09d800249d926c51ff843673501",
        "bf8a2da4b9be3436fc9cc2be288d2af3d588d904e98d2e49753a046a10d03c08",
    ],
}

# One record as version 1 wrote it.
PAYLOAD = (
    '{"body":{"direction":null,"frames":4,"latency_ms":480,"margin_millionths":301000,'
    '"method":"face","model":"%s","person":"1001","score_millionths":612345,"v":1},"id":'
    '"0195510d-9f00-7000-8000-00000000000%d","kind":"punch","seq":%d,"site":"plant-1","terminal":'
    '"gate-a","time":{"boot":"b","error_ms":12,"monotonic_ns":"5","synchronised":true,"utc":'
    '"2026-03-01T06:00:00.000000Z","zone":"Europe/Berlin"},"v":1}'
)


def digest(step: tuple[str, ...]) -> str:
    return hashlib.sha256("\0".join(step).encode()).hexdigest()


@pytest.mark.parametrize("schema", [LEDGER, GALLERY], ids=lambda schema: schema.name)
def test_released_steps_are_never_changed(schema: Schema) -> None:
    assert [digest(step) for step in schema.steps] == DIGESTS[schema.name]


def older(path: Path, key: bytes, schema: Schema, version: int) -> Database:
    return open_database(
        path,
        key,
        create=True,
        schema=replace(schema, steps=schema.steps[:version], state="SELECT 0, ''"),
    )


def write_ledger_1(database: Database) -> Head:
    """Five records, a receipt for three, messages, a replay and a command, in version 1's SQL."""
    head = Head(0, GENESIS)
    for seq in range(1, 6):
        payload = (PAYLOAD % (MODEL, seq, seq)).encode()
        hash_ = record_hash(head.hash, payload)
        record_id = f"0195510d-9f00-7000-8000-00000000000{seq}"
        database.execute(
            "INSERT INTO records (seq, id, kind, payload, previous, hash, signature) "
            "VALUES (?, ?, 'punch', ?, ?, ?, ?)",
            (seq, record_id, payload, head.hash, hash_, sign_record(SIGNER, hash_)),
        )
        head = Head(seq, hash_)
        if seq == 3:
            database.execute("INSERT INTO receipt VALUES (1, x'7263', 3, ?)", (hash_,))
    raw = PUBLIC.public_bytes_raw()
    database.execute("INSERT INTO owner VALUES (1, 'plant-1', 'gate-a', ?)", (raw,))
    database.execute("INSERT INTO inbox (kind, document) VALUES ('command', x'63')")
    database.execute("INSERT INTO replies (document) VALUES (x'72')")
    database.execute("INSERT INTO replay VALUES (1, 2)")
    database.execute("INSERT INTO last_command VALUES (1, 9)")
    return head


def write_gallery_1(database: Database) -> None:
    """Two people with templates, one blocked, and two who left, in version 1's SQL."""
    for number, status in (("1", "active"), ("2", "blocked"), ("3", "left"), ("4", "left")):
        database.execute(
            "INSERT INTO people (number, name, language, status, added_utc) "
            "VALUES (?, ?, 'en', ?, '2026-03-01T06:00:00.000000Z')",
            (number, f"Name {number}", status),
        )
    for consent, (number, ended) in enumerate((("1", None), ("2", None), ("3", "2026-04-01")), 1):
        database.execute(
            "INSERT INTO consents (id, person, text_version, text_digest, how, witness, given_utc, "
            "live, ended_utc, ended_why) VALUES (?, ?, 'en-1', 'ef', 'form', NULL, "
            "'2026-03-01T06:00:00.000000Z', ?, ?, ?)",
            (
                consent,
                number,
                int(ended is None),
                ended and f"{ended}T06:00:00.000000Z",
                ended and "left",
            ),
        )
    for consent, number in ((1, "1"), (2, "2")):
        database.execute(
            "INSERT INTO templates (person, consent, model, vector, quality_millionths, made_utc) "
            "VALUES (?, ?, ?, ?, 900000, '2026-03-01T06:00:00.000000Z')",
            (number, consent, MODEL, vector(int(number)).tobytes()),
        )


@pytest.mark.parametrize("version", range(1, len(LEDGER.steps) + 1))
def test_a_ledger_of_an_older_version_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "ledger.db"
    database = older(path, LEDGER_KEY, LEDGER, version)
    head = write_ledger_1(database)
    database.close()
    database = open_database(path, LEDGER_KEY, create=False)
    ledger, delivery = Ledger(database, TERMINAL, SIGNER), Delivery(database)
    assert ledger.head() == ledger.verify(PUBLIC) == head
    assert delivery.receipt() == b"rc"
    assert [m.document for m in delivery.inbox(9)] == [b"c"]
    assert [r.document for r in delivery.replies(9)] == [b"r"]
    assert delivery.take_replay() == 2
    assert delivery.last_command_number() == 9
    assert ledger.append(punch(), at()).seq == 6
    confirmed = Head(3, ledger.records(2, 1)[0].hash)
    ledger.prune(2, confirmed, at())
    assert ledger.verify(PUBLIC, known=confirmed).seq == 7
    assert database.damage() == []
    database.close()


@pytest.mark.parametrize("version", range(1, len(GALLERY.steps) + 1))
def test_a_gallery_of_an_older_version_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "gallery.db"
    database = older(path, GALLERY_KEY, GALLERY, version)
    write_gallery_1(database)
    database.close()
    database = open_database(path, GALLERY_KEY, create=False)
    ledger_db = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=True)
    gallery = Gallery(database)
    register = Register(database, Ledger(ledger_db, TERMINAL, SIGNER))
    people = {person.number: (person.status, person.roles) for person in gallery.people()}
    assert people == {
        "1": ("active", ()),
        "2": ("blocked", ()),
        "3": ("left", ()),
        "4": ("left", ()),
    }
    assert gallery.templates(MODEL)[0] == ["1"]
    if version == 1:  # when they left was not written down: the consent's end, or the beginning
        assert gallery.ended_before("2026-03-15")[1] == ["4"]
        assert gallery.ended_before("2026-04-15")[1] == ["3", "4"]
    register.set_roles("1", ["admin"], at())
    register.withdraw("1", at())
    assert not traces(path, GALLERY_KEY, vector(1).tobytes())
    register.unblock("2", at())
    assert gallery.templates(MODEL)[0] == ["2"]
    assert database.damage() == []
    database.close()
    ledger_db.close()


@pytest.mark.parametrize("schema", [LEDGER, GALLERY], ids=lambda schema: schema.name)
@pytest.mark.parametrize("version", [1])
def test_a_migrated_file_has_the_schema_of_a_new_one(
    tmp_path: Path, schema: Schema, version: int
) -> None:
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    older(old, LEDGER_KEY, schema, version).close()
    shapes = []
    for path in (old, new):
        database = open_database(path, LEDGER_KEY, create=True, schema=schema)
        query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"
        shapes.append(database.rows(query, (), str))
        shapes[-1].append(str(database.one("PRAGMA user_version", (), int)))
        database.close()
    assert shapes[0] == shapes[1]
