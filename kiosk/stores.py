"""Opening the two databases and the keys of a terminal, for daemon and command line alike.

A database that is damaged or older than what was written is set aside by the daemon's start alone
(`recover_stores`); to everybody else it is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiosk.clock import SystemClock
from kiosk.log import complain
from kiosk.notices import Notices
from kiosk.protection import Protection, open_protection
from kiosk.settings import Settings
from store.credentials import BadgeKey, CredentialTables
from store.database import Database
from store.delivery import Delivery
from store.errors import StoreError, UnsoundDatabaseError
from store.gallery import Gallery
from store.genuine import Genuine
from store.keys import (
    DatabaseName,
    keys_directory,
    load_public_key,
    load_signing_key,
    open_badges_key,
)
from store.last_order import LastOrder
from store.ledger import Ledger
from store.opening import access, open_keyed
from store.records import Instant
from store.recovery import check_sound, recover
from store.register import Register
from store.rotation import finish
from store.sharing import Sharing
from store.templates import Templates


@dataclass(frozen=True, slots=True)
class Stores:
    """What one thread works with; the connections belong to the thread that opened them."""

    ledger_db: Database
    gallery_db: Database
    ledger: Ledger
    delivery: Delivery
    gallery: Gallery
    templates: Templates
    genuine: Genuine
    credentials: CredentialTables
    badge_key: BadgeKey
    last_order: LastOrder
    register: Register
    sharing: Sharing
    protection: Protection
    notices: Notices
    keys: Path
    signer: Ed25519PrivateKey
    hq_key: Ed25519PublicKey


def recover_stores(settings: Settings, now: Instant) -> None:
    """Set unsound databases aside and begin fresh ones, leaving fault records.

    Raises `store.errors.StoreError`.
    """
    keys = keys_directory(settings.store.keys)
    done = recover(
        settings.store.directory,
        {"ledger": access(keys, "ledger"), "gallery": access(keys, "gallery")},
        settings.terminal,
        load_signing_key(keys),
        now,
    )
    for one in done:
        where = str(one.folder)
        complain("database_set_aside", fault=one.code, rows_saved=one.rows, folder=where)


@contextmanager
def putting_off(event: str, **fields: str) -> Iterator[None]:
    """Work that a full or busy disk may put off: that is logged, and the door goes on without it.

    A database that cannot be gone on with is no matter of later: `UnsoundDatabaseError` passes.
    """
    try:
        yield
    except UnsoundDatabaseError:
        raise
    except StoreError as error:
        complain(event, **fields, error=type(error).__name__)


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Open ledger and gallery, making empty ones where there are none yet.

    Raises `store.errors.StoreError`: missing keys, a wrong key, a file that is no database or is
    older than what was written.
    """
    keys, directory = keys_directory(settings.store.keys), settings.store.directory
    signer = load_signing_key(keys)
    with ExitStack() as stack:
        ledger_db, ledger_under_next = _open(stack, directory, keys, "ledger")
        gallery_db, gallery_under_next = _open(stack, directory, keys, "gallery")
        check_sound(ledger_db)
        check_sound(gallery_db)
        ledger = Ledger(ledger_db, settings.terminal, signer)
        at = SystemClock(settings.terminal.zone).now()
        if ledger_under_next:  # a crash cut a rotation of the keys off
            finish(keys, "ledger", ledger_db, ledger, at)
        if gallery_under_next:
            finish(keys, "gallery", gallery_db, ledger, at)
        register = Register(gallery_db, ledger)
        templates = Templates(gallery_db)
        register.settle()  # what a crash left untold
        yield Stores(
            ledger_db=ledger_db,
            gallery_db=gallery_db,
            ledger=ledger,
            register=register,
            sharing=Sharing(gallery_db, register),
            delivery=Delivery(ledger_db),
            gallery=Gallery(gallery_db),
            templates=templates,
            genuine=Genuine(gallery_db),
            credentials=CredentialTables(gallery_db),
            badge_key=BadgeKey(stack.enter_context(open_badges_key(keys))),
            last_order=LastOrder(gallery_db),
            protection=open_protection(keys, templates),
            notices=notices_of(settings),
            keys=keys,
            signer=signer,
            hq_key=load_public_key(settings.hq.public_key),
        )


def notices_of(settings: Settings) -> Notices:
    """The notice as this terminal's settings fill it in."""
    section = settings.notice
    days = settings.retention.punches_days
    return Notices(section.responsible, section.contact, punches_days=days)


def _open(
    stack: ExitStack, directory: Path, keys: Path, name: DatabaseName
) -> tuple[Database, bool]:
    database, under_next = open_keyed(directory / f"{name}.db", keys, name, create=True)
    stack.callback(database.close)
    return database, under_next
