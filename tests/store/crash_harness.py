"""Kills processes that write a ledger, at random instants, and checks after each what is on disk.

    python -m tests.store.crash_harness FOLDER --kills 5000 --seed 7

Every round forks one or two writers. A writer reports each record over a pipe after `append` has
returned; in between it saves receipts, carries commands out in one transaction with their record,
folds the log in, prunes, and opens the file anew. SIGKILL comes after a random time, from before
the file exists to well into the writing. After every round:
- each reported record is in the ledger, with the hash that was reported, and beside them at most
  the one that a writer had committed and was killed before reporting;
- the chain goes on from where the last check ended, without gap, and every record holds;
- the commands that are marked as seen are those that have a record, none twice;
- the receipt lies within the chain, and what waits behind it is the rest of the records;
- what is left after a pruning, finished or not, is a whole chain;
- the file has no damage (checked now and then, it reads everything).
Prints one JSON line; an assertion ends it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import struct
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from store.chain import GENESIS, check_record
from store.database import Database, open_database
from store.delivery import Delivery
from store.errors import ConstraintError, DatabaseBusyError, MissingDatabaseError
from store.ledger import Head, Ledger
from store.records import CommandDone, Instant, Record
from tests.store.made import LEDGER_KEY, PUBLIC, SIGNER, TERMINAL, at, punch

_REPORT = struct.Struct(">Q32s")
_LONGEST_S = 0.06
_NEW_LEDGER_EVERY = 40  # rounds


@dataclass
class Checked:
    """How far one ledger has been checked."""

    head: Head = field(default_factory=lambda: Head(0, GENESIS))
    commands: int = 0


def write_until_killed(path: Path, report: int, chance: random.Random) -> None:
    """A writer's life."""
    while True:
        database = open_database(path, LEDGER_KEY, create=True)
        for n in range(chance.randint(1, 60)):
            _write_once(database, report, chance, n)
        database.close()


def _write_once(database: Database, report: int, chance: random.Random, n: int) -> None:
    ledger, delivery = Ledger(database, TERMINAL, SIGNER), Delivery(database)
    match chance.randrange(36):
        case 0 | 1 | 2:
            with database.transaction():
                number = delivery.last_command_number() + 1
                done = CommandDone(command=str(number), type="ping", outcome="done")
                record = ledger.append(done, at(n))
                delivery.post_reply(b"reply")
                delivery.seen_command(number)
        case 3 | 4 | 5:
            found = ledger.records(chance.randint(0, ledger.head().seq), 1)
            if found:
                delivery.save_receipt(b"receipt", found[0].seq, found[0].hash)
            return
        case 6 | 7 | 8:
            database.checkpoint()
            return
        case 9:
            if (checkpoint := _prune(database, ledger, at(n))) is None:
                return
            record = checkpoint
        case _:
            record = ledger.append(punch(str(n)), at(n))
    os.write(report, _REPORT.pack(record.seq, record.hash))


def _prune(database: Database, ledger: Ledger, now: Instant) -> Record | None:
    ledger.finish_pruning()
    confirmed = _confirmed(database)
    if confirmed is None or confirmed.seq <= ledger.pruned() + 1:
        return None
    try:
        return ledger.prune(confirmed.seq - 1, confirmed, now)
    except ConstraintError:  # the other writer has saved an older receipt in between
        return None


def _confirmed(database: Database) -> Head | None:
    return database.one("SELECT seq, hash FROM receipt", (), Head)


def _fork_writer(path: Path, seed: int) -> tuple[int, int]:
    """A writer's process id and the pipe that it reports to."""
    reports, report = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reports)
        status = 1
        try:
            write_until_killed(path, report, random.Random(seed))
        except DatabaseBusyError:
            status = 0
        finally:
            os._exit(status)
    os.close(report)
    return child, reports


def _reported(reports: int) -> dict[int, bytes]:
    with os.fdopen(reports, "rb") as pipe:
        raw = pipe.read()
    whole = len(raw) - len(raw) % _REPORT.size
    return dict(_REPORT.iter_unpack(raw[:whole]))


def check(path: Path, checked: Checked, reported: dict[int, bytes], *, deep: bool) -> Checked:
    """Assert what the module says; returns how far the ledger now is checked."""
    try:
        database = open_database(path, LEDGER_KEY, create=False)
    except MissingDatabaseError:
        assert checked.head.seq == 0
        assert not reported
        return checked
    try:
        ledger, delivery = Ledger(database, TERMINAL, None), Delivery(database)
        head, commands = checked.head, checked.commands
        hashes: dict[int, bytes] = {}
        cut = ledger.pruned()
        leapt = cut > head.seq  # what was written and pruned since the last check is not seen
        for record in ledger.records(head.seq, 1_000_000):
            if leapt and not hashes:
                head = Head(cut, record.previous)
            assert record.seq == head.seq + 1
            assert record.previous == head.hash
            parts = (record.previous, record.payload, record.hash, record.signature)
            assert check_record(PUBLIC, *parts)
            if record.kind == "command_done":
                number = int(record.content().body["command"])
                assert number == commands + 1 or (leapt and number > commands)
                commands = number
            head = Head(record.seq, record.hash)
            hashes[record.seq] = record.hash
        assert {s: h for s, h in reported.items() if s > cut}.items() <= hashes.items()
        assert ledger.head() == head
        assert delivery.last_command_number() == commands or leapt
        commands = delivery.last_command_number()
        assert len(delivery.replies(1_000_000)) == commands
        receipt = _confirmed(database)
        if receipt is not None and receipt.seq > cut:
            assert ledger.records(receipt.seq - 1, 1)[0].hash == receipt.hash
            assert len(ledger.records(receipt.seq, 1_000_000)) == head.seq - receipt.seq
        if deep:
            assert database.damage() == []
            assert ledger.verify(PUBLIC) == head
    finally:
        database.close()
    return Checked(head, commands)


def run(folder: Path, kills: int, seed: int) -> dict[str, object]:
    """Kill so many writers; returns the counts."""
    chance = random.Random(seed)
    done = records = rounds = unreported = 0
    began = time.monotonic()
    checked, place = Checked(), folder / "ledger-0"
    while done < kills:
        if rounds % _NEW_LEDGER_EVERY == 0:
            records += checked.head.seq
            shutil.rmtree(place, ignore_errors=True)
            checked, place = Checked(), folder / f"ledger-{rounds}"
            place.mkdir(parents=True)
        rounds += 1
        path = place / "ledger.db"
        writers = [_fork_writer(path, chance.getrandbits(32)) for _ in range(chance.randint(1, 2))]
        time.sleep(chance.uniform(0, _LONGEST_S))
        for child, _ in writers:
            os.kill(child, signal.SIGKILL)
        reported: dict[int, bytes] = {}
        for child, reports in writers:
            _, status = os.waitpid(child, 0)
            assert os.waitstatus_to_exitcode(status) in (-signal.SIGKILL, 0), status
            reported |= _reported(reports)
        before = checked.head.seq
        checked = check(path, checked, reported, deep=rounds % 20 == 0)
        unknown = checked.head.seq - before - len(reported)
        assert 0 <= unknown <= len(writers)
        unreported += unknown
        done += len(writers)
    records += checked.head.seq
    return {
        "kills": done,
        "rounds": rounds,
        "records": records,
        "committed_but_not_yet_reported": unreported,
        "seconds": round(time.monotonic() - began, 1),
    }


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    words.add_argument("folder", type=Path)
    words.add_argument("--kills", type=int, default=1000)
    words.add_argument("--seed", type=int, default=0)
    given = words.parse_args()
    sys.stdout.write(json.dumps(run(given.folder, given.kills, given.seed)) + "\n")


if __name__ == "__main__":
    main()
