"""What the store's tests are made of: a terminal, its keys, instants, and opened databases."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from argon2 import Parameters, Type
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from store.database import Database, open_database
from store.delivery import Delivery
from store.gallery import Gallery
from store.keys import DatabaseName
from store.ledger import Ledger
from store.mark import fingerprint
from store.opening import Access
from store.records import Instant, Punch
from store.secret import Secret
from store.settings import Terminal
from store.templates import Templates

LEDGER_KEY = bytes(range(32))
GALLERY_KEY = bytes(range(32, 64))
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(64, 96)))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(96, 128)))
PUBLIC = SIGNER.public_key()
TERMINAL = Terminal(site="plant-1", name="gate-a", zone="Europe/Berlin")
# argon2id at next to no cost: what is tested is not how long guessing takes.
CHEAP = Parameters(Type.ID, 19, 16, 32, time_cost=1, memory_cost=64, parallelism=1)
MODEL = "ab" * 32
OTHER_MODEL = "cd" * 32
START = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)


def at(seconds: float = 0, *, synchronised: bool = True) -> Instant:
    """So many seconds after the tests' first morning."""
    return Instant(
        utc=START + timedelta(seconds=seconds),
        zone="Europe/Berlin",
        boot="9d1c7a0e-0000-4000-8000-000000000001",
        monotonic_ns=2**60 + int(seconds * 1e9),
        synchronised=synchronised,
        error_ms=12 if synchronised else None,
    )


def punch(person: str = "1001") -> Punch:
    """A face punch."""
    return Punch(
        person=person,
        method="face",
        score_millionths=612_345,
        margin_millionths=301_000,
        frames=4,
        model=MODEL,
        latency_ms=480,
    )


def vector(seed: int, size: int = 192) -> NDArray[np.float32]:
    """A unit vector that only this seed gives."""
    values = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    return (values / np.linalg.norm(values)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Shop:
    """A folder with both databases open."""

    folder: Path
    ledger_db: Database
    gallery_db: Database
    ledger: Ledger
    delivery: Delivery
    gallery: Gallery

    @property
    def templates(self) -> Templates:
        """The gallery's templates."""
        return Templates(self.gallery_db)

    def close(self) -> None:
        """Close both databases."""
        self.ledger_db.close()
        self.gallery_db.close()


def open_shop(folder: Path) -> Shop:
    """Open both databases of a folder, making them if need be."""
    ledger_db = open_database(folder / "ledger.db", LEDGER_KEY, create=True)
    gallery_db = open_database(folder / "gallery.db", GALLERY_KEY, create=True)
    return Shop(
        folder,
        ledger_db,
        gallery_db,
        Ledger(ledger_db, TERMINAL, SIGNER),
        Delivery(ledger_db),
        Gallery(gallery_db),
    )


def door(key: bytes) -> Access:
    """The access that a key gives."""

    def open_it(path: Path, create: bool) -> Database:
        return open_database(path, key, create=create)

    return Access(open_it, frozenset({fingerprint(Secret.copy_of(key))}))


DOORS: dict[DatabaseName, Access] = {"ledger": door(LEDGER_KEY), "gallery": door(GALLERY_KEY)}


class PowerCut(BaseException):
    """Ends the work at a statement, as a crash would: nothing after it runs."""


def cut_power_at(patch: pytest.MonkeyPatch, statement: int) -> None:
    """Let so many statements run on any database, then cut the power for good."""
    left = [statement]
    real = Database._run

    def run(self: Database, sql: str, parameters: tuple[object, ...] = ()) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise PowerCut
        return real(self, sql, parameters)  # type: ignore[arg-type]  # passed through

    patch.setattr(Database, "_run", run)
