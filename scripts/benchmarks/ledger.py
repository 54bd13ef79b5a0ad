"""The ledger: appending beside bare SQLite on the same disk, beside readers and pruning, verifying.

The bare inserts write the same bytes, row for row, each in a transaction of its own with WAL and
`synchronous=FULL`: plain with Python's sqlite3, encrypted with sqlcipher3. What append takes more
is the chain: reading the head, the canonical payload, SHA-256, Ed25519, and the schema's triggers.
"""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlcipher3 import dbapi2

from benchmarks.timing import Report, by_turns, machine, timing
from store.database import Database, open_database
from store.delivery import Delivery
from store.ledger import Ledger
from store.records import Instant, Punch, Record
from store.settings import Terminal

KEY = bytes(32)
SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TERMINAL = Terminal(site="bench", name="bench", zone="UTC")
_TABLE = """CREATE TABLE records (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, kind TEXT NOT NULL,
    payload BLOB NOT NULL, previous BLOB NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL)
    STRICT"""
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)"
_BLOCKS = 10  # appends alone and beside a verification take turns in blocks


def measure(records: int, repetitions: int, folder: Path | None) -> Report:
    """All measurements, in a temporary folder inside `folder`."""
    report = Report("ledger", {"records to verify": records, **machine()})
    with tempfile.TemporaryDirectory(dir=folder) as name:
        place = Path(name)
        _append(report, place, repetitions)
        _append_beside_a_reader(report, place, repetitions)
        _verify(report, place, records)
        _append_beside_a_verification(report, place, repetitions)
        _append_beside_pruning(report, place, records)
    return report


def at() -> Instant:
    """An instant; the same always."""
    utc = datetime(2026, 3, 1, tzinfo=UTC)
    return Instant(utc=utc, zone="UTC", boot="b", monotonic_ns=1, synchronised=True, error_ms=None)


def punch() -> Punch:
    """An ordinary punch by face."""
    return Punch(
        person="1001",
        method="face",
        score_millionths=612_345,
        margin_millionths=301_000,
        frames=4,
        model="ab" * 32,
        latency_ms=480,
    )


@contextmanager
def _ledger(path: Path) -> Iterator[tuple[Database, Ledger]]:
    database = open_database(path, KEY, create=True)
    try:
        yield database, Ledger(database, TERMINAL, SIGNER)
    finally:
        database.close()


def _append(report: Report, place: Path, repetitions: int) -> None:
    written: list[Record] = []
    with _ledger(place / "ledger-a.db") as (_, ledger), (place / "bare").open("ab") as file:
        plain = _bare(sqlite3.connect(place / "plain.db", isolation_level=None), None)
        encrypted = _bare(dbapi2.connect(str(place / "cipher.db"), isolation_level=None), KEY)

        def append() -> None:
            written.append(ledger.append(punch(), at()))

        def insert_into(connection: Any) -> Callable[[], None]:
            def insert() -> None:
                r = written[-1]
                row = (r.seq, r.id, r.kind, r.payload, r.previous, r.hash, r.signature)
                connection.execute(_INSERT, row)

            return insert

        def write_and_sync() -> None:
            file.write(written[-1].payload)
            file.flush()
            os.fsync(file.fileno())

        works = (append, insert_into(plain), insert_into(encrypted), write_and_sync)
        taken = by_turns(works, repetitions)
        plain.close()
        encrypted.close()
    names = ("append", "bare SQLite insert", "bare SQLCipher insert", "write and fsync alone")
    for name, column in zip(names, taken.T, strict=True):
        report.timings[name] = timing(column)
    for name, column in zip(names[1:3], taken.T[1:3], strict=True):
        report.numbers[f"append over {name}, median"] = float(np.median(taken[:, 0] / column))
        p99 = report.timings["append"].p99_ms / report.timings[name].p99_ms
        report.numbers[f"append over {name}, p99"] = p99


def _bare(connection: Any, key: bytes | None) -> Any:
    if key is not None:
        connection.set_key(f"x'{key.hex()}'")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_TABLE)
    return connection


def _append_beside_a_reader(report: Report, place: Path, repetitions: int) -> None:
    """Two ledgers by turns: of one a reader keeps a read transaction open all the time."""
    reading, done = threading.Event(), threading.Event()

    def read() -> None:
        def hold(_: object) -> None:
            reading.set()
            done.wait()

        with _ledger(place / "ledger-b.db") as (database, _):
            database.rows("SELECT seq FROM records LIMIT 5", (), hold)

    with (
        _ledger(place / "ledger-a.db") as (_, alone),
        _ledger(place / "ledger-b.db") as (_, beside),
    ):
        for _ in range(5):
            beside.append(punch(), at())
        reader = threading.Thread(target=read)
        reader.start()
        reading.wait()
        works = [lambda of=of: of.append(punch(), at()) for of in (alone, beside)]
        taken = by_turns(works, repetitions)
        done.set()
        reader.join()
    report.timings["append beside a reader that stays"] = timing(taken[:, 1])
    ratio = float(np.median(taken[:, 1] / taken[:, 0]))
    report.numbers["append beside a reader that stays over append alone"] = ratio


def _verify(report: Report, place: Path, records: int) -> None:
    with _ledger(place / "ledger-c.db") as (database, ledger):
        while (missing := records - ledger.head().seq) > 0:
            with database.transaction():
                for _ in range(min(missing, 1000)):
                    ledger.append(punch(), at())
        begun = time.perf_counter()
        ledger.verify(SIGNER.public_key())
        taken = time.perf_counter() - begun
    report.numbers["verify, records a second"] = records / taken
    report.numbers["verify a million records, minutes"] = taken / records * 1e6 / 60


def _append_beside_a_verification(report: Report, place: Path, repetitions: int) -> None:
    """The ledger that another process verifies again and again, in every other block."""
    spawn = multiprocessing.get_context("spawn")
    wanted, running, over = spawn.Event(), spawn.Event(), spawn.Event()
    path = place / "ledger-c.db"
    verifier = spawn.Process(target=_keep_verifying, args=(path, wanted, running, over))
    verifier.start()
    alone: list[float] = []
    beside: list[float] = []
    with _ledger(path) as (_, ledger):
        append = [lambda: ledger.append(punch(), at())]
        for _ in range(_BLOCKS):
            alone += by_turns(append, repetitions // _BLOCKS).ravel().tolist()
            wanted.set()
            running.wait()
            beside += by_turns(append, repetitions // _BLOCKS).ravel().tolist()
            wanted.clear()
            while running.is_set():
                time.sleep(0.01)
    over.set()
    wanted.set()
    verifier.join()
    report.timings["append beside a verification"] = timing(np.array(beside))
    ratio = float(np.median(beside) / np.median(alone))
    report.numbers["append beside a verification over append alone"] = ratio


def _keep_verifying(path: Path, wanted: Event, running: Event, over: Event) -> None:
    """Verify while `wanted`; `running` says that it is going on."""

    def go_on(_done: int, _total: int) -> None:
        running.set()
        if not wanted.is_set():
            raise InterruptedError

    with _ledger(path) as (_, ledger):
        while wanted.wait() and not over.is_set():
            with suppress(InterruptedError):
                ledger.verify(SIGNER.public_key(), go_on)
            running.clear()


def _append_beside_pruning(report: Report, place: Path, records: int) -> None:
    """Another process prunes so many records of the ledger that was verified."""
    spawn = multiprocessing.get_context("spawn")
    begun, done = spawn.Event(), spawn.Event()
    path = place / "ledger-c.db"
    pruner = spawn.Process(target=_prune, args=(path, records, begun, done))
    pruner.start()
    taken: list[float] = []
    with _ledger(path) as (_, ledger):
        begun.wait()
        start = time.perf_counter()
        while not done.is_set():
            taken += by_turns([lambda: ledger.append(punch(), at())], 1, warm_up=0).ravel().tolist()
            time.sleep(0.02)
        report.numbers["pruning all of them, s"] = time.perf_counter() - start
    pruner.join()
    report.timings["append beside pruning"] = timing(np.array(taken))
    report.numbers["longest append beside pruning, ms"] = max(taken) * 1e3


def _prune(path: Path, records: int, begun: Event, done: Event) -> None:
    with _ledger(path) as (database, ledger):
        head = ledger.head()
        Delivery(database).save_receipt(b"receipt", head.seq, head.hash)
        begun.set()
        ledger.prune(records - 1, head, at())
    done.set()
