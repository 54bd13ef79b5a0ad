"""Kills a recovery before every system call, and makes every one fail, in turn.

    python -m tests.store.recovery_harness FOLDER --every 1

A terminal whose ledger and gallery are damaged is made once. For each call on its files that the
recovery makes (`faults.c`, preloaded) a copy of it is recovered in a forked process that is killed
just before that call; and again with that call failing with EIO, and from it on with ENOSPC. Then,
with the disk well, recovering again gives what an undisturbed recovery gives: both damaged files
as they were, the same records and people saved, each once, and one fault record for each file.
Prints one JSON line; an assertion ends it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from store.recovery import recover
from store.register import Agreement, Register
from tests.store.disturbing import disturb_each
from tests.store.made import DOORS, MODEL, SIGNER, TERMINAL, at, open_shop, punch, vector

AGREED = Agreement("1", "ef" * 32, "signed")
NAMES = ("gallery", "ledger")


@dataclass(frozen=True)
class Saved:
    """What a recovered terminal holds."""

    records: tuple[str, ...]
    people: tuple[str, ...]
    faults: tuple[str, ...]


def make_terminal(folder: Path) -> None:
    """People, and records beyond a receipt; a page in the middle of each file does not hold."""
    folder.mkdir()
    shop = open_shop(folder)
    register = Register(shop.gallery_db, shop.ledger)
    for person in range(20):
        register.enrol(
            str(person), "Somebody", "en", AGREED, MODEL, [(vector(person), 900_000, at())], at()
        )
    for n in range(40):
        shop.ledger.append(punch(str(n)), at(n))
    known = shop.ledger.records(9, 1)[0]
    shop.delivery.save_receipt(b"receipt", known.seq, known.hash)
    shop.delivery.post_reply(b"reply")
    shop.close()
    for name in NAMES:
        path = folder / f"{name}.db"
        content = bytearray(path.read_bytes())
        content[len(content) * 9 // 10 // 4096 * 4096 + 1000] ^= 1  # of rows, not of roots
        path.write_bytes(content)


def recover_in(folder: Path) -> None:
    """What the start of `kiosk run` does."""
    recover(folder, DOORS, TERMINAL, SIGNER, at(100))


def check(folder: Path, model: Path) -> Saved:
    """Assert that nothing of the damaged files is lost; returns what was saved from them."""
    recover_in(folder)
    for name in NAMES:
        (kept,) = (folder / "quarantine").glob(f"{name}-*/{name}.db")
        assert kept.read_bytes() == (model / f"{name}.db").read_bytes()
    shop = open_shop(folder)
    assert shop.ledger_db.damage() == shop.gallery_db.damage() == []
    assert shop.ledger.provisional() == "damaged"
    assert [reply.document for reply in shop.delivery.replies(9)] == [b"reply"]
    records = shop.ledger.records(0, 1000)
    saved = Saved(
        records=tuple(r.id for r in records if r.kind != "fault"),
        people=tuple(person.number for person in shop.gallery.people()),
        faults=tuple(sorted(r.content().body["code"] for r in records if r.kind == "fault")),
    )
    shop.close()
    assert len(set(saved.records)) == len(saved.records)
    return saved


def run(root: Path, every: int) -> dict[str, object]:
    """Disturb each `every`-th call; returns the counts."""
    model = root / "model"
    make_terminal(model)
    first: list[Saved] = []  # what the undisturbed recovery gives, and every other

    def same(folder: Path) -> None:
        found = check(folder, model)
        first.append(found)
        assert found == first[0], (found.faults, len(found.records), found.people)
        assert found.faults == ("gallery_damaged", "ledger_damaged")
        assert (len(found.records) >= 40, len(found.people) >= 10) == (True, True), found

    return disturb_each(model, recover_in, same, every)


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("folder", type=Path)
    words.add_argument("--every", type=int, default=1)
    given = words.parse_args()
    sys.stdout.write(json.dumps(run(given.folder, given.every)) + "\n")


if __name__ == "__main__":
    main()
