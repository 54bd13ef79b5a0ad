"""Kills a rotation of the keys before every system call, and makes every one fail, in turn.

    python -m tests.store.rotation_harness FOLDER --every 1

A terminal with keys, punches and templates is made once. For each call on its files that a rotation
makes (`faults.c`, preloaded) a copy of it is rotated in a forked process that is killed just before
that call; and again with that call failing with EIO, and from it on with ENOSPC. Each time:
- both databases open with the key files that are there, undamaged; no record and no template is
  lost, the chain verifies;
- a call that fails ends in a `StoreError`, or changed nothing that counts;
- rotating again works. Then no key of before opens anything, no key is left waiting or aside, and
  the ledger has one `key_rotation` for each key that a database was brought under.
Prints one JSON line; an assertion ends it.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from store.database import Database, open_database
from store.errors import WrongKeyError
from store.gallery import Gallery
from store.keys import (
    NAMES,
    DatabaseName,
    create_keys,
    load_database_key,
    load_next_key,
    load_signing_key,
)
from store.ledger import Ledger
from store.opening import open_keyed
from store.rotation import rotate
from store.secret import Secret
from store.templates import Templates
from tests.store.disturbing import HOW, disturb_each
from tests.store.made import MODEL, TERMINAL, at, punch, vector

PUNCHES, PEOPLE = 8, 3


def make_terminal(folder: Path) -> None:
    """Keys in `keys`, punches and templates in the databases."""
    create_keys(folder / "keys")
    for name in NAMES:
        with load_database_key(folder / "keys", name) as key:
            database = open_database(folder / f"{name}.db", key, create=True)
        if name == "ledger":
            ledger = Ledger(database, TERMINAL, load_signing_key(folder / "keys"))
            for n in range(PUNCHES):
                ledger.append(punch(str(n)), at(n))
        else:
            gallery = Gallery(database)
            for n in range(PEOPLE):
                gallery.add_person(str(n), "Somebody", "en", at())
                gallery.record_consent(str(n), "1", "ef" * 32, "signed", None, at())
                gallery.add_templates(str(n), MODEL, [(vector(n), 900_000, at())])
        database.close()


def rotate_in(folder: Path) -> None:
    """The rotation, as `kiosk keys rotate` does it."""
    keys = folder / "keys"
    rotate(folder, keys, TERMINAL, load_signing_key(keys), at)


def _opened(folder: Path, name: DatabaseName) -> tuple[Database, bool]:
    return open_keyed(folder / f"{name}.db", folder / "keys", name, create=False)


def check_content(folder: Path) -> dict[DatabaseName, bool]:
    """Assert that nothing is lost; returns which databases the waiting key opens."""
    under_next: dict[DatabaseName, bool] = {}
    for name in NAMES:
        database, under_next[name] = _opened(folder, name)
        assert database.checkpoint()
        assert database.damage() == []
        if name == "ledger":
            ledger = Ledger(database, TERMINAL, None)
            head = ledger.verify(load_signing_key(folder / "keys").public_key())
            records = ledger.records(0, 1000)
            assert head.seq == len(records)
            people = [r.content().body["person"] for r in records if r.kind == "punch"]
            assert people == [str(n) for n in range(PUNCHES)]
        else:
            people, vectors = Templates(database).active(MODEL)
            assert list(people) == [str(n) for n in range(PEOPLE)]
            assert all((vectors[n] == vector(n)).all() for n in range(PEOPLE))
        database.close()
    return under_next


def _rotations(folder: Path) -> dict[str, int]:
    database, _ = _opened(folder, "ledger")
    records = Ledger(database, TERMINAL, None).records(0, 1000)
    told = [r.content().body["database"] for r in records if r.kind == "key_rotation"]
    database.close()
    return {name: told.count(name) for name in NAMES}


def check(folder: Path, first: dict[DatabaseName, Secret]) -> None:
    """Assert what the module says of a folder whose disk is well again."""
    keys = folder / "keys"
    under_next = check_content(folder)
    served: dict[str, list[Secret]] = {name: [first[name]] for name in NAMES}
    for name in NAMES:
        used = [load_database_key(keys, name)]
        if under_next[name]:
            used += [key for key in [load_next_key(keys, name)] if key is not None]
        served[name] += [key for key in used if key not in served[name]]
    rotate_in(folder)
    check_content(folder)
    told = _rotations(folder)
    for name in NAMES:
        now = load_database_key(keys, name)
        assert now != first[name]
        changes = len(served[name]) - (now in served[name])
        assert told[name] == changes, (name, told, served)
        for old in served[name]:
            if old != now:
                try:
                    open_database(folder / f"{name}.db", old, create=False).close()
                except WrongKeyError:
                    continue
                raise AssertionError(f"an old key opens {name}.db")
    left = sorted(p.name for p in keys.iterdir() if ".new" in p.name)
    assert left == []


def run(root: Path, every: int, first: int, ways: list[str]) -> dict[str, object]:
    """Disturb each `every`-th call, beginning with number `first`; returns the counts."""
    model = root / "model"
    model.mkdir()
    make_terminal(model)
    keys = {name: load_database_key(model / "keys", name) for name in NAMES}
    return disturb_each(model, rotate_in, lambda folder: check(folder, keys), every, first, ways)


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("folder", type=Path)
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--first", type=int, default=1)
    words.add_argument("--ways", nargs="+", choices=HOW, default=list(HOW))
    given = words.parse_args()
    sys.stdout.write(json.dumps(run(given.folder, given.every, given.first, given.ways)) + "\n")


if __name__ == "__main__":
    main()
