"""What the store's tests run as processes of their own: `python -m tests.store.children WHAT …`."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from store.database import open_database
from store.errors import StorageError, StoreError
from store.keys import NAMES, load_sealing_key, load_signing_key
from store.ledger import Ledger
from store.opening import open_keyed
from tests.store.made import LEDGER_KEY, SIGNER, TERMINAL, at, punch


def say(*words: object) -> None:
    """One line on stdout, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def append(folder: Path, who: str, count: int) -> None:
    """Append so many punches, and say each one's number and hash once it is on disk."""
    database = open_database(folder / "ledger.db", LEDGER_KEY, create=True)
    ledger = Ledger(database, TERMINAL, SIGNER)
    say("ready")
    sys.stdin.readline()
    for n in range(count):
        record = ledger.append(punch(f"{who}-{n}"), at(n))
        say(record.seq, record.hash.hex())
    database.close()


def fill_the_disk(folder: Path, limit_bytes: int) -> None:
    """Append until the kernel lets no file grow any more, then say the error's class and errno."""
    database = open_database(folder / "ledger.db", LEDGER_KEY, create=True)
    ledger = Ledger(database, TERMINAL, SIGNER)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    n = 0
    try:
        while True:
            record = ledger.append(punch(str(n)), at(n))
            say(record.seq, record.hash.hex())
            n += 1
    except StorageError as error:
        say(type(error).__name__)


def open_with(folder: Path, key: bytes) -> None:
    """At a word, open or make the ledger with this key and append; say the error's class if any."""
    say("ready")
    sys.stdin.readline()
    try:
        database = open_database(folder / "ledger.db", key, create=True)
        record = Ledger(database, TERMINAL, SIGNER).append(punch(key.hex()[:8]), at())
        say(record.seq, record.hash.hex())
        database.close()
    except StoreError as error:
        say(type(error).__name__)


def hold_keys(folder: Path) -> None:
    """Open and use both databases, then close them and drop the private keys; wait after each."""
    keys = folder / "keys"
    opened = [open_keyed(folder / f"{n}.db", keys, n, create=False)[0] for n in NAMES]
    signer = load_signing_key(keys)
    load_sealing_key(keys)
    Ledger(opened[0], TERMINAL, signer).append(punch(), at())
    say("open")
    sys.stdin.readline()
    for database in opened:
        database.close()
    say("closed")
    sys.stdin.readline()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["append", folder, who, count]:
            append(Path(folder), who, int(count))
        case ["fill-the-disk", folder, limit_bytes]:
            fill_the_disk(Path(folder), int(limit_bytes))
        case ["open-with", folder, key]:
            open_with(Path(folder), bytes.fromhex(key))
        case ["hold-keys", folder]:
            hold_keys(Path(folder))
        case _:
            sys.exit("append FOLDER WHO COUNT | fill-the-disk FOLDER BYTES | open-with, hold-keys")
