"""Out of service for good: the last record, its delivery, and everything erased; step by step.

1. `kiosk.leaving.decide` leaves a signed note. The daemon ends as it would for a restart.
2. The next start serves nobody. It writes the last record (`decommission`), once.
3. It waits until headquarters' signed receipt covers that record; sync delivers as ever. With
   `at_once` (the terminal is lost to headquarters, or headquarters to it) it does not wait.
4. It writes the proof, and only then erases: databases, what was set aside, backups made here,
   TLS keys, the database keys, and the signing key last.
5. The note goes. What could not be erased is returned, and said.

Each step begins from what the disk says, so a kill at any instant is completed by the next start.
Flash memory keeps overwritten blocks: it is the keys' end that makes the rest unreadable, and what
is sealed with systemd-creds elsewhere (docs/keys.md) is for the technician to delete.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from pathlib import Path

from pydantic import ValidationError

from kiosk.clock import Clock
from kiosk.confirmed import confirmed_head
from kiosk.errors import NotErasedError
from kiosk.leaving import Note, is_over
from kiosk.log import say
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores, recover_stores
from store.backup_files import checksum_path, made_here
from store.departure import LEAVING, PROOF
from store.errors import DocumentError
from store.files import disk_error, place, remove_tree, sync_directory
from store.keys import keys_directory
from store.ledger import newest
from store.records import Decommission, Instant, Record

_POLL_S = 0.5  # as often as the daemon looks into its inbox
_TOKEN = "decommission"  # noqa: S105 (of `Ledger.append_once`)
_SIGNING = ("signing.key", "signing.pub")  # the last to go: the note is believed by them


def depart(
    settings: Settings, note: Note, clock: Clock, stopping: threading.Event
) -> tuple[str, ...] | None:
    """Go through the steps; what could not be erased, or None when stopped before the receipt.

    Raises `StoreError`; the next start goes on.
    """
    if not is_over(settings):
        recover_stores(settings, clock.now())
        with open_stores(settings) as stores:
            record = last_record(stores, settings, note, clock, stopping)
            if record is None:
                return None
            if not note.at_once:
                say("leaving", last=record.seq)
                while not _covered(stores, settings, record):
                    if stopping.wait(_POLL_S):
                        return None
            _prove(stores, settings, record)
    left = erase_all(settings)
    say("decommissioned", left=len(left))
    return left


def last_record(
    stores: Stores, settings: Settings, note: Note, clock: Clock, stopping: threading.Event
) -> Record | None:
    """The terminal's last record, written now unless it is there; None when stopped before it.

    Every order that waits is answered first. A ledger that was lost does not know its numbers until
    headquarters' receipt has come (`store.ledger`): a last record before that might be renumbered.
    """
    record = newest(stores.ledger_db, Decommission.kind)
    if record is not None:
        return record
    station = Station(settings, Overrides(settings))
    while obey(stores, station, clock.now()) or (
        not note.at_once and stores.ledger.provisional() is not None
    ):
        if stopping.wait(_POLL_S if stores.ledger.provisional() else 0):
            return None
    return _append(stores, note, clock.now())


def _append(stores: Stores, note: Note, now: Instant) -> Record:
    people = stores.gallery.people()
    body = Decommission(
        why=note.why,
        people=len(people),
        templates=sum(person.templates for person in people),
    )
    stores.ledger.append_once(_TOKEN, body, now)
    record = newest(stores.ledger_db, Decommission.kind)
    if record is None:
        raise NotErasedError("the last record is not in the ledger; nothing was erased")
    return record


def _covered(stores: Stores, settings: Settings, record: Record) -> bool:
    try:
        head = confirmed_head(stores, settings.terminal)
    except (DocumentError, ValidationError):
        return False  # not headquarters' word
    return head is not None and head.seq >= record.seq


def _prove(stores: Stores, settings: Settings, record: Record) -> None:
    receipt = stores.delivery.receipt() if _covered(stores, settings, record) else None
    proof = {
        "site": settings.terminal.site,
        "terminal": settings.terminal.name,
        "record": {
            "payload": record.payload.decode("utf-8"),
            "previous": record.previous.hex(),
            "hash": record.hash.hex(),
            "signature": base64.b64encode(record.signature).decode("ascii"),
        },
        "receipt": None if receipt is None else json.loads(receipt),
    }
    path = settings.store.directory / PROOF
    with disk_error(path):
        place(path, json.dumps(proof, indent=1).encode("utf-8"), 0o644)


def erase_all(settings: Settings) -> tuple[str, ...]:
    """Erase everything but proof, models and configuration; what is still there, as paths.

    The proof must be there. The note goes last.
    """
    directory, keys = settings.store.directory, keys_directory(settings.store.keys)
    left: list[str] = []
    for path in _data(settings):
        _erase(path, left)
    found = sorted(keys.glob("*")) if keys.is_dir() else []
    hidden = sorted(keys.glob(".*")) if keys.is_dir() else []
    for path in [p for p in (*found, *hidden) if p.name not in _SIGNING]:
        _erase(path, left)
    for name in _SIGNING:
        if (keys / name).exists():
            _erase(keys / name, left)
    with disk_error(directory):
        (directory / LEAVING).unlink(missing_ok=True)
        sync_directory(directory)
    return tuple(left)


def _data(settings: Settings) -> list[Path]:
    """All that the terminal has of its own in the data directory, its TLS key, its backups."""
    directory = settings.store.directory
    kept = {LEAVING, PROOF}
    apart = [settings.store.keys.resolve(), settings.recognition.weights.resolve()]
    found = [
        path
        for path in sorted(directory.iterdir())
        if path.name not in kept and not any(_holds(path, one) for one in apart)
    ]
    if settings.mqtt.key is not None:
        found.append(settings.mqtt.key)
    if settings.backup is not None:
        stem = f"{settings.terminal.site}.{settings.terminal.name}"
        for path in made_here(settings.backup.directory, stem):
            found += [path, checksum_path(path)]
    return [path for path in found if os.path.lexists(path)]


def _holds(path: Path, other: Path) -> bool:
    return other.is_relative_to(path.resolve())


def _erase(path: Path, left: list[str]) -> None:
    """Overwrite a file's content, then delete it; a folder with all in it."""
    try:
        if path.is_dir() and not path.is_symlink():
            remove_tree(path)
        else:
            if path.is_file() and not path.is_symlink():
                path.chmod(0o600)
                _overwrite(path)
            path.unlink(missing_ok=True)
        sync_directory(path.parent)
    except OSError:
        left.append(str(path))


def _overwrite(path: Path) -> None:
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        block = bytes(64 * 1024)
        for start in range(0, size, len(block)):
            file.write(block[: min(len(block), size - start)])
        os.fsync(file.fileno())
