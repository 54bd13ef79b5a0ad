"""Makes every write, fsync, open, truncate, rename, link and unlink of a scenario fail, in turn.

    python -m tests.store.fault_harness FOLDER --every 1

The scenario is a terminal's life in small: keys, both databases, punches, a command, a receipt, an
enrolment, a withdrawal, a pruning, an export. It is run once to count the system calls on its files
(`faults.c`, preloaded), then once for each of them, in a forked process, with that call failing:
once with EIO, as a bad block does; from then on with ENOSPC, as a full disk does; from then on with
EROFS, as a card that the kernel has set read-only. Steps go on after a failed one. Each time:
- a step does what it says or raises a `StoreError` that names the file and says what to do; nothing
  else comes out;
- afterwards, with the disk well again, both databases open undamaged and the chain verifies;
- every record that `append` returned is there. At most one is there beside them that no step had
  returned, and only where a step failed;
- every change of the gallery is told in the ledger exactly once, and nothing else is told;
- a key that was made is as it was made, and making keys again makes the rest.
Prints one JSON line; an assertion ends it.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from store.database import open_database
from store.errors import StoreError
from store.gallery import Gallery
from store.keys import create_keys
from store.ledger import Head, Ledger
from store.records import CommandDone, Record
from store.register import Agreement, Register
from tests.store.disturbing import Shim
from tests.store.made import (
    GALLERY_KEY,
    LEDGER_KEY,
    MODEL,
    PUBLIC,
    SIGNER,
    TERMINAL,
    Shop,
    at,
    open_shop,
    punch,
    vector,
)

_RETURNED = frozenset({"punch", "command_done", "checkpoint"})  # kinds that `Life.records` holds
KINDS = {"EIO once": (errno.EIO, 0), "ENOSPC": (errno.ENOSPC, 1), "EROFS": (errno.EROFS, 1)}
AGREED = Agreement("1", "ef" * 32, "signed")


@dataclass
class Life:
    """One run of the scenario: what each step returned, or raised as (step, class, text)."""

    folder: Path
    shop: Shop | None = None
    records: list[tuple[int, str]] = field(default_factory=list)
    failed: list[tuple[str, str, str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def open(self) -> Shop:
        """The shop, opened by the first step that gets it open."""
        if self.shop is None:
            self.shop = open_shop(self.folder)
        return self.shop

    def returned(self, record: Record) -> None:
        """A record that `append` returned for."""
        self.records.append((record.seq, record.hash.hex()))


def make_keys(life: Life) -> None:
    life.keys += create_keys(life.folder / "keys")


def punches(life: Life) -> None:
    life.returned(life.open().ledger.append(punch(), at()))


def command(life: Life) -> None:
    shop = life.open()
    with shop.ledger_db.transaction():
        record = shop.ledger.append(CommandDone(command="1", type="ping", outcome="done"), at())
        shop.delivery.post_reply(b"reply")
        shop.delivery.seen_command(1)
    life.returned(record)


def receipt(life: Life) -> None:
    shop = life.open()
    head = shop.ledger.head()
    if head.seq:
        shop.delivery.save_receipt(b"receipt", head.seq, head.hash)


def enrol(number: str) -> Callable[[Life], None]:
    def step(life: Life) -> None:
        shop = life.open()
        templates = [(vector(1), 900_000, at())]
        register = Register(shop.gallery_db, shop.ledger)
        register.enrol(number, "Somebody", "en", AGREED, MODEL, templates, at())

    return step


def withdraw(life: Life) -> None:
    shop = life.open()
    if shop.gallery.person("1001") is not None:
        Register(shop.gallery_db, shop.ledger).withdraw("1001", at())


def prune(life: Life) -> None:
    shop = life.open()
    confirmed = shop.ledger_db.one("SELECT seq, hash FROM receipt", (), Head)
    if confirmed is not None and 1 < confirmed.seq < shop.ledger.head().seq:
        checkpoint = shop.ledger.prune(confirmed.seq - 1, confirmed, at())
        if checkpoint is not None:
            life.returned(checkpoint)


def export(life: Life) -> None:
    life.open().ledger.export(life.folder / "ledger.jsonl")


def fold_in(life: Life) -> None:
    life.open().ledger_db.checkpoint()


def close(life: Life) -> None:
    if life.shop is not None:
        shop, life.shop = life.shop, None
        shop.close()


STEPS: tuple[Callable[[Life], None], ...] = (
    make_keys,
    punches,
    punches,
    command,
    receipt,
    enrol("1001"),
    enrol("1002"),
    punches,
    withdraw,
    fold_in,
    prune,
    punches,
    export,
    close,
    punches,
)


def live(folder: Path) -> Life:
    """Run the scenario; each step comes back or raises `StoreError`."""
    life = Life(folder)
    for step in STEPS:
        try:
            step(life)
        except StoreError as error:
            life.failed.append((step.__name__, type(error).__name__, str(error)))
    return life


def in_child(shim: Shim, folder: Path, call: int, error: int, lasting: int) -> dict[str, Any]:
    """One life in a process of its own, which ends without closing anything more."""
    reports, report = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            shim.arm(call, error, lasting)
            life = live(folder)
            calls, failed_call = shim.count(), shim.failed()
            shim.arm(0, 0, 0)
            told = {
                "calls": calls,
                "failed_call": failed_call,
                "records": life.records,
                "failed": life.failed,
                "keys": {n: (folder / "keys" / n).read_bytes().hex() for n in life.keys},
            }
            os.write(report, json.dumps(told).encode())
            status = 0
        except BaseException:  # noqa: BLE001 - shown, and the exit code says it
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(report)
    with os.fdopen(reports, "rb") as pipe:
        raw = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"call {call}: something else was raised"
    told = json.loads(raw)
    assert isinstance(told, dict)
    return told


def check(folder: Path, told: dict[str, Any]) -> None:
    """Assert what the module says of a folder whose disk is well again."""
    records, failed = dict(told["records"]), told["failed"]
    for step, _, text in failed:
        assert str(folder) in text, (step, text)
    _check_keys(folder, told)
    ledger_db = open_database(folder / "ledger.db", LEDGER_KEY, create=True)
    gallery_db = open_database(folder / "gallery.db", GALLERY_KEY, create=True)
    try:
        assert ledger_db.damage() == []
        assert gallery_db.damage() == []
        ledger = Ledger(ledger_db, TERMINAL, SIGNER)
        there = {r.seq: r.hash.hex() for r in ledger.records(0, 1000)}
        cut = ledger.pruned()
        assert {s: h for s, h in records.items() if s > cut}.items() <= there.items()
        own = {r.seq for r in ledger.records(0, 1000) if r.kind in _RETURNED}
        extra = own - records.keys()
        assert len(extra) <= (1 if failed else 0), (extra, failed)
        Register(gallery_db, ledger).settle()
        _check_told(ledger, Gallery(gallery_db), cut)
        assert ledger.verify(PUBLIC) == ledger.head()
    finally:
        ledger_db.close()
        gallery_db.close()


def _check_told(ledger: Ledger, gallery: Gallery, cut: int) -> None:
    told = Counter((r.kind, r.content().body.get("person")) for r in ledger.records(0, 1000))
    for number in ("1001", "1002"):
        person = gallery.person(number)
        templates = 0 if person is None else person.templates
        enrolled, withdrawn = (told[(kind, number)] for kind in ("enrolment", "withdrawal"))
        assert enrolled <= 1
        assert withdrawn <= 1
        assert told[("deletion", number)] == withdrawn
        if cut == 0:
            assert (person is not None) == bool(enrolled)
            assert templates == enrolled - withdrawn
    assert not gallery.erasure_pending()


def _check_keys(folder: Path, told: dict[str, Any]) -> None:
    create_keys(folder / "keys")
    for name, content in told["keys"].items():
        assert (folder / "keys" / name).read_bytes().hex() == content
    hidden = [p.name for p in (folder / "keys").iterdir() if p.name.startswith(".")]
    assert not hidden or told["failed_call"], hidden


def run(root: Path, every: int, first: int) -> dict[str, object]:
    """Fail each `every`-th call, beginning with number `first`; returns the counts."""
    os.environ["KIOSK_FAULT_FOLDER"] = f"{root}/"
    shim = Shim()
    began = time.monotonic()
    (root / "well").mkdir()
    well = in_child(shim, root / "well", 0, 0, 0)
    assert well["failed"] == []
    check(root / "well", well)
    calls = int(well["calls"])
    lives, raised, hit = 0, 0, Counter[str]()
    for name, (error, lasting) in KINDS.items():
        for call in range(first, calls + 1, every):
            folder = root / f"{name.replace(' ', '-')}-{call}"
            folder.mkdir()
            told = in_child(shim, folder, call, error, lasting)
            try:
                check(folder, told)
            except BaseException:
                sys.stderr.write(f"{name} from call {call} ({told['failed_call']}): {told}\n")
                raise
            shutil.rmtree(folder)
            lives += 1
            raised += bool(told["failed"])
            hit[told["failed_call"]] += 1
    return {
        "calls": calls,
        "lives": lives,
        "said": raised,
        "failed_calls": dict(sorted(hit.items())),
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("folder", type=Path)
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--first", type=int, default=1)
    given = words.parse_args()
    sys.stdout.write(json.dumps(run(given.folder, given.every, given.first)) + "\n")


if __name__ == "__main__":
    main()
