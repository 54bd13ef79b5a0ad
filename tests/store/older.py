"""How the files in `tests/store/older/` were made: every version, with rows in every table.

A file `KIND-VERSION.db` was written by the steps up to that version (which are never changed) and
by rows in the SQL of that time, with the tests' keys. A new step needs the files of the version
before it: write its rows here while that version is the newest, then `python -m
tests.store.older`, which makes what is missing and never touches a file that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from store.chain import GENESIS, record_hash, sign_record
from store.database import Database, open_database
from store.schema import GALLERY, LEDGER, Schema
from tests.store.made import GALLERY_KEY, LEDGER_KEY, MODEL, PUBLIC, SIGNER, vector

FOLDER = Path(__file__).with_name("older")
KEYS = {"ledger": LEDGER_KEY, "gallery": GALLERY_KEY}
SCHEMAS = {"ledger": LEDGER, "gallery": GALLERY}

_ID = "0195510d-9f00-7000-8000-00000000000%d"
_REST = (
    '"seq":%d,"site":"plant-1","terminal":"gate-a","time":{"boot":"b","error_ms":12,"monotonic_ns":'
    '"5","synchronised":true,"utc":"2026-03-01T06:00:00.000000Z","zone":"Europe/Berlin"},"v":1}'
)
_PUNCH = (
    '{"body":{"direction":null,"frames":4,"latency_ms":480,"margin_millionths":301000,'
    '"method":"face","model":"%s","person":"1001","score_millionths":612345,"v":1},"id":"%s",'
    '"kind":"punch",%s'
)
_CHECKPOINT = '{"body":{"hash":"%s","seq":%d,"v":1},"id":"%s","kind":"checkpoint",%s'
_RESUMPTION = (
    '{"body":{"after_hash":"%s","after_seq":6,"held_hash":"%s","held_seq":6,"reason":"damaged",'
    '"v":1},"id":"%s","kind":"resumption",%s'
)
_AT = "2026-03-01T06:00:00.000000Z"
_INSTANT = (
    '{"utc":"2026-03-01T06:00:00.000000Z","zone":"Europe/Berlin","boot":"b","monotonic_ns":"5",'
    '"synchronised":true,"error_ms":12}'
)


def at_version(schema: Schema, version: int) -> Schema:
    """The schema as the program of that version knew it."""
    return replace(schema, steps=schema.steps[:version], state="SELECT 0, ''")


def write_ledger_1(database: Database) -> None:
    """Five records, a receipt for three, messages, a replay and a command."""
    previous = GENESIS
    for seq in range(1, 6):
        payload = _PUNCH % (MODEL, _ID % seq, _REST % seq)
        previous = _record(database, seq, "punch", payload, previous)
        if seq == 3:
            database.execute("INSERT INTO receipt VALUES (1, x'7263', 3, ?)", (previous,))
    raw = PUBLIC.public_bytes_raw()
    database.execute("INSERT INTO owner VALUES (1, 'plant-1', 'gate-a', ?)", (raw,))
    database.execute("INSERT INTO inbox (kind, document) VALUES ('command', x'63')")
    database.execute("INSERT INTO replies (document) VALUES (x'72')")
    database.execute("INSERT INTO replay VALUES (1, 2)")
    database.execute("INSERT INTO last_command VALUES (1, 9)")


def write_ledger_2(database: Database) -> None:
    """As version 1; the first record is pruned behind a checkpoint, and a note was settled."""
    write_ledger_1(database)
    query = "SELECT hash FROM records WHERE seq = ?"
    first, last = (database.one(query, (seq,), bytes) or b"" for seq in (1, 5))
    payload = _CHECKPOINT % (first.hex(), 1, _ID % 6, _REST % 6)
    _record(database, 6, "checkpoint", payload, last)
    database.execute("INSERT INTO pruned VALUES (1, 1, ?)", (first,))
    database.execute("DELETE FROM records WHERE seq = 1")
    database.execute("INSERT INTO settled VALUES ('0195510d-9f00-7000-8000-0000000000aa')")
    database.execute("INSERT INTO erasure VALUES (1)")


def write_ledger_3(database: Database) -> None:
    """As version 2; it was lost once, resumed behind number 20, and is lost again."""
    write_ledger_2(database)
    last = database.one("SELECT hash FROM records WHERE seq = 6", (), bytes) or b""
    database.execute("INSERT INTO resumptions VALUES (20, 6, ?)", (last,))
    payload = _RESUMPTION % (last.hex(), last.hex(), _ID % 7, _REST % 20)
    _record(database, 20, "resumption", payload, last, 7)
    database.execute("INSERT INTO provisional VALUES (1, 'damaged')")


def write_ledger_4(database: Database) -> None:
    """As version 3, with a TLS certificate on its way."""
    write_ledger_3(database)
    database.execute("INSERT INTO renewal (one, number, request) VALUES (1, 8, 'request')")


def write_gallery_1(database: Database) -> None:
    """Two people with templates, one blocked, and two who left; an erasure that is not finished."""
    for number, status in (("1", "active"), ("2", "blocked"), ("3", "left"), ("4", "left")):
        database.execute(
            "INSERT INTO people (number, name, language, status, added_utc) "
            "VALUES (?, ?, 'en', ?, ?)",
            (number, f"Name {number}", status, _AT),
        )
    for consent, (number, ended) in enumerate((("1", None), ("2", None), ("3", "2026-04-01")), 1):
        ends = (None, None) if ended is None else (f"{ended}T06:00:00.000000Z", "left")
        database.execute(
            "INSERT INTO consents (id, person, text_version, text_digest, how, witness, given_utc, "
            "live, ended_utc, ended_why) VALUES (?, ?, 'en-1', 'ef', 'form', NULL, ?, ?, ?, ?)",
            (consent, number, _AT, int(ended is None), *ends),
        )
    for consent, number in ((1, "1"), (2, "2")):
        database.execute(
            "INSERT INTO templates (person, consent, model, vector, quality_millionths, made_utc) "
            "VALUES (?, ?, ?, ?, 900000, ?)",
            (number, consent, MODEL, vector(int(number)).tobytes(), _AT),
        )
    database.execute("INSERT INTO erasure VALUES (1)")


def write_gallery_2(database: Database) -> None:
    """As version 1, with when they left, a role, a date to leave, and a note that waits."""
    write_gallery_1(database)
    database.execute(
        "UPDATE people SET left_utc = coalesce("
        "(SELECT max(ended_utc) FROM consents WHERE person = number), added_utc) "
        "WHERE status = 'left'"
    )
    database.execute("UPDATE people SET keep_until_utc = '2027-01-01' WHERE number = '1'")
    database.execute("INSERT INTO roles VALUES ('1', 'auditor')")
    database.execute(
        "INSERT INTO notes (id, kind, body, time) VALUES "
        "('0195510d-9f00-7000-8000-0000000000bb', 'person_status', "
        '\'{"v":1,"person":"2","status":"blocked"}\', ?)',
        (_INSTANT,),
    )


def write_gallery_3(database: Database) -> None:
    """As version 2, under a transform, with an adaptive template, a week of scores, a renewal."""
    write_gallery_2(database)
    database.execute("INSERT INTO protection VALUES (1, '0123456789abcdef')")
    database.execute(
        "INSERT INTO templates (person, consent, model, vector, quality_millionths, made_utc, "
        "origin) VALUES ('1', 1, ?, ?, 800000, ?, 'adaptive')",
        (MODEL, vector(11).tobytes(), _AT),
    )
    database.execute("INSERT INTO genuine VALUES ('1', '2026-03-02', 3, 1800000, 1080000)")
    database.execute("INSERT INTO renewals VALUES ('1', ?)", (_AT,))


def write_gallery_4(database: Database) -> None:
    """As version 3, with the newest command's outcome and an administrator."""
    write_gallery_3(database)
    database.execute("INSERT INTO last_order VALUES (1, 9, 'done', '')")
    database.execute("INSERT INTO roles VALUES ('2', 'admin')")


def _record(
    database: Database, seq: int, kind: str, payload: str, previous: bytes, nth: int | None = None
) -> bytes:
    raw = payload.encode()
    hash_ = record_hash(previous, raw)
    database.execute(
        "INSERT INTO records (seq, id, kind, payload, previous, hash, signature) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (seq, _ID % (nth or seq), kind, raw, previous, hash_, sign_record(SIGNER, hash_)),
    )
    return hash_


WRITERS: dict[tuple[str, int], Callable[[Database], None]] = {
    ("ledger", 1): write_ledger_1,
    ("ledger", 2): write_ledger_2,
    ("ledger", 3): write_ledger_3,
    ("ledger", 4): write_ledger_4,
    ("gallery", 1): write_gallery_1,
    ("gallery", 2): write_gallery_2,
    ("gallery", 3): write_gallery_3,
    ("gallery", 4): write_gallery_4,
}


def file_of(name: str, version: int) -> Path:
    """Where the file of a version is kept."""
    return FOLDER / f"{name}-{version}.db"


def make_missing() -> None:
    """Make the files that are not there yet."""
    FOLDER.mkdir(exist_ok=True)
    for (name, version), write in WRITERS.items():
        path = file_of(name, version)
        if not path.exists():
            schema = at_version(SCHEMAS[name], version)
            database = open_database(path, KEYS[name], create=True, schema=schema)
            with database.transaction():
                write(database)
            database.close()


if __name__ == "__main__":
    make_missing()
