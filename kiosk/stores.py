"""Opening the two databases and the keys of a terminal, for daemon and command line alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiosk.clock import SystemClock
from kiosk.protection import Protection, open_protection
from kiosk.settings import Settings
from store.database import Database
from store.delivery import Delivery
from store.gallery import Gallery
from store.genuine import Genuine
from store.keys import DatabaseName, keys_directory, load_public_key, load_signing_key
from store.ledger import Ledger
from store.opening import open_keyed
from store.register import Register
from store.rotation import finish
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
    register: Register
    protection: Protection
    keys: Path
    signer: Ed25519PrivateKey
    hq_key: Ed25519PublicKey


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Open ledger and gallery, making empty ones where there are none yet.

    Raises `store.errors.StoreError`: missing keys, a wrong key, a file that is no database.
    """
    keys, directory = keys_directory(settings.store.keys), settings.store.directory
    signer = load_signing_key(keys)
    with ExitStack() as stack:
        ledger_db, ledger_under_next = _open(stack, directory, keys, "ledger")
        gallery_db, gallery_under_next = _open(stack, directory, keys, "gallery")
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
            delivery=Delivery(ledger_db),
            gallery=Gallery(gallery_db),
            templates=templates,
            genuine=Genuine(gallery_db),
            protection=open_protection(keys, templates),
            keys=keys,
            signer=signer,
            hq_key=load_public_key(settings.hq.public_key),
        )


def _open(
    stack: ExitStack, directory: Path, keys: Path, name: DatabaseName
) -> tuple[Database, bool]:
    database, under_next = open_keyed(directory / f"{name}.db", keys, name, create=True)
    stack.callback(database.close)
    return database, under_next
