"""One ledger that grows; appending, committing, opening, verifying and draining at each size.

- It grows by the real `append`, a thousand in a transaction.
- Counted is this process's own processor time, user's and system's: what waits for the disk (fsync)
  or for other programs is not in it, and does not hide how our part grows.
- Draining is the real courier on the real outbox over a broker in memory; headquarters is a hand
  that reads each batch and signs a receipt for the newest record of what came, which is counted
  too. What a line or headquarters' database take is not (`./scripts/soak drain` has them). A
  receipt for nothing, put there first, makes the whole ledger a backlog.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.ledger import KEY, SIGNER, TERMINAL, at, punch
from store.database import Database, open_database
from store.ledger import Ledger
from store.recovery import check_sound
from sync.contract.documents import build_receipt
from sync.contract.events import parse_batch
from sync.contract.topics import Address, Channel, topic
from sync.contract.verify import START, Head
from sync.courier import Courier, Now
from sync.outbox import StoreOutbox
from sync.transport_memory import MemoryBroker, MemoryTransport

_TOGETHER = 1000  # appends in a transaction while it grows
_OPENED = 5  # times, the median counts
_ADDRESS = Address(TERMINAL.site, TERMINAL.name)
_HQ = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Taken:
    """Processor seconds: one append, its commit, opening, verifying and draining the whole."""

    append: float
    commit: float
    opening: float
    verify: float
    drain: float


def measured(folder: Path, sizes: tuple[int, ...], repetitions: int) -> Iterator[Taken]:
    """What it takes at each of the ascending sizes (from 1), the ledger growing in between."""
    path = folder / "ledger.db"
    drains = itertools.count()
    for size in sizes:
        with _opened(path) as database:
            ledger = Ledger(database, TERMINAL, SIGNER)
            _grow(database, ledger, size - repetitions)
            append, commit = _one_by_one(database, ledger, repetitions)
        opening = float(np.median([_opening(path) for _ in range(_OPENED)]))
        with _opened(path) as database:
            ledger = Ledger(database, TERMINAL, SIGNER)
            begun = time.process_time()
            head = ledger.verify(SIGNER.public_key())
            verify = time.process_time() - begun
            drain = _drained(database, Head(head.seq, head.hash), next(drains))
        yield Taken(append, commit, opening, verify, drain)


@contextmanager
def _opened(path: Path) -> Iterator[Database]:
    database = open_database(path, KEY, create=True)
    try:
        yield database
    finally:
        database.close()


def _grow(database: Database, ledger: Ledger, to: int) -> None:
    while (missing := to - ledger.head().seq) > 0:
        with database.transaction():
            for _ in range(min(missing, _TOGETHER)):
                ledger.append(punch(), at())


def _one_by_one(database: Database, ledger: Ledger, repetitions: int) -> tuple[float, float]:
    """Medians of an append and of the end of its transaction: mark, commit, fsync."""
    taken = []
    for _ in range(repetitions):
        with database.transaction():
            begun = time.process_time()
            ledger.append(punch(), at())
            appended = time.process_time()
        taken.append((appended - begun, time.process_time() - appended))
    append, commit = np.median(np.array(taken), axis=0)
    return float(append), float(commit)


def _opening(path: Path) -> float:
    """As the daemons open it: the file, its mark and its newest record."""
    begun = time.process_time()
    with _opened(path) as database:
        check_sound(database)
        Ledger(database, TERMINAL, SIGNER).head()
        return time.process_time() - begun


def _drained(database: Database, head: Head, turn: int) -> float:
    """Seconds until a receipt covers `head`, from a receipt for nothing on."""
    outbox, broker = StoreOutbox(database, TERMINAL), MemoryBroker()
    times = (_NOON + timedelta(days=turn, milliseconds=n) for n in itertools.count())
    outbox.save_receipt(build_receipt(_HQ, _ADDRESS, START, next(times)), START)
    begun = time.process_time()

    def now() -> Now:
        since = time.process_time() - begun
        return Now(since, _NOON + timedelta(seconds=since))

    courier = Courier(_ADDRESS, outbox, _HQ.public_key(), Random(1), now, version="bench")
    events, receipts = topic(_ADDRESS, Channel.EVENTS), topic(_ADDRESS, Channel.RECEIPT)
    transport = MemoryTransport(broker, "bench", [receipts], will=courier.will)
    hq = MemoryTransport(broker, "hq")
    transport.start()
    hq.start()
    came = START
    while courier.reception.confirmed != head:
        while courier.step(transport):
            pass
        batches = [m.payload for m in broker.history if m.topic == events]
        broker.history.clear()
        if not batches:
            raise RuntimeError(f"the courier stopped at {came.seq} of {head.seq} records")
        newest = parse_batch(batches[-1])[-1]
        came = Head(newest.seq, bytes.fromhex(newest.hash))
        hq.publish(receipts, build_receipt(_HQ, _ADDRESS, came, next(times)), retain=True)
        courier.step(transport)
    return time.process_time() - begun
