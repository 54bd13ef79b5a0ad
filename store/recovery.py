"""At the start: are both databases sound? One that is not is set aside, and a fresh one goes on.

- Unsound is a file that is damaged (every page is authenticated), is gone, or is older than its
  mark (`store.mark`): an old copy was put back, or its write-ahead log was lost.
- A key that does not open a file is told apart by the mark: another key than the one that wrote it
  is an error of the operator's, and nothing is touched.
- A fresh ledger is provisional (`store.ledger`). What the lost one still shows beyond its receipt,
  each record authentic by itself, is carried over, with messages, replies and command numbers.
- A fresh gallery has what a damaged one still shows. One that is too old gives nothing: templates
  that were deleted since would come back.
- Each is told by a `fault` record, and everything about one database is one transaction. A crash
  in between is completed by the next start.
- Nobody else may have the files open but the sync process, which notices and opens them again.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from store import quarantine
from store.chain import check_record
from store.database import Database, Value
from store.errors import (
    DamagedDatabaseError,
    MissingDatabaseError,
    RolledBackError,
    StorageError,
    StoreError,
    WrongKeyError,
)
from store.keys import DatabaseName
from store.ledger import Ledger
from store.mark import Mark
from store.opening import Access
from store.records import COLUMNS, Fault, Instant, Record
from store.settings import Terminal

_GALLERY_FIRST: tuple[DatabaseName, ...] = ("gallery", "ledger")
_UNREAD_RECEIPT = 10_000  # newest records carried where the receipt cannot be read
# In the order in which rows may refer to each other; the rest of a gallery is bookkeeping.
_GALLERY_TABLES = (
    "people",
    "consents",
    "templates",
    "roles",
    "protection",
    "notes",
    "genuine",
    "renewals",
    "last_order",
    "badges",
    "pins",
    "attempts",
    "sharing",  # behind the templates, whose rows change it
    "site_consents",
)
_LEDGER_TABLES = ("inbox", "replies", "last_command", "settled", "renewal")


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done about one database: `rows` were saved from it, `folder` has it.

    `reason` is `damaged`, `rolled_back` or `missing`.
    """

    name: DatabaseName
    reason: str
    rows: int
    folder: Path

    @property
    def code(self) -> str:
        """The fault's: `ledger_damaged`, `gallery_rolled_back`, …."""
        return f"{self.name}_{self.reason}"


def recover(
    directory: Path,
    doors: Mapping[DatabaseName, Access],
    terminal: Terminal,
    signer: Ed25519PrivateKey,
    at: Instant,
) -> list[Recovered]:
    """See that both databases are sound; returns what had to be done.

    Raises `StoreError` for what is not to be mended here: a wrong key, a newer or foreign file, a
    disk that fails. Then nothing was changed, or the next call goes on.
    """
    quarantine.finish(directory)
    rows: dict[DatabaseName, int] = {}
    for name in _GALLERY_FIRST:
        path = directory / f"{name}.db"
        begun = quarantine.pending(path)  # a start before this one did not get to the end
        if begun is None:
            reason = _unsound(path, doors[name])
            if reason is None:
                continue
            begun = quarantine.set_aside(path, reason)
        folder, reason = begun
        if name == "gallery":
            rows[name] = _begin_gallery(path, doors[name], reason, folder)
        else:
            rows[name] = _begin_ledger(path, doors[name], reason, folder, terminal, signer)
    done = []
    for name in _GALLERY_FIRST:
        begun = quarantine.pending(directory / f"{name}.db")
        if begun is not None:
            done.append(Recovered(name, begun[1], rows.get(name, 0), begun[0]))
    if done:
        _tell(directory / "ledger.db", doors["ledger"], terminal, signer, done, at)
    return done


def check_sound(database: Database) -> None:
    """Raise `RolledBackError` when the open file is older than its mark; milliseconds."""
    marked, state = database.mark.read(), database.state()
    if marked is not None and state is not None and not marked.allows(state):
        raise RolledBackError(
            f"{database.path}: it is older than what was written (number {state.number}, "
            f"{marked.after.number} was there); the start of `kiosk run` sets it aside"
        )


def _unsound(path: Path, door: Access) -> str | None:
    marked = Mark(path, "").read()
    try:
        _look_through(path, door)
    except MissingDatabaseError:
        return None if marked is None else "missing"
    except WrongKeyError:
        if marked is None or marked.fingerprint not in door.fingerprints:
            raise
        return "damaged"
    except DamagedDatabaseError:
        return "damaged"
    except RolledBackError:
        return "rolled_back"
    return None


def _look_through(path: Path, door: Access) -> None:
    database = door.open(path, False)
    try:
        if database.damage():
            raise DamagedDatabaseError(f"{path}: it is damaged")
        check_sound(database)
    finally:
        with suppress(StoreError):
            database.close()


def _begin_ledger(
    path: Path,
    door: Access,
    reason: str,
    folder: Path,
    terminal: Terminal,
    signer: Ed25519PrivateKey,
) -> int:
    with closing(door.open(path, True)) as fresh, fresh.transaction():
        ledger = Ledger(fresh, terminal, signer)
        if ledger.provisional() is not None:
            return 0  # a start before this one has done it
        ledger.await_receipt(reason)
        with _copy_of(folder / path.name, door) as lost:
            for table in _LEDGER_TABLES:
                _copy_rows(lost, fresh, table)
            return ledger.carry(_unconfirmed(lost, signer.public_key()))


def _begin_gallery(path: Path, door: Access, reason: str, folder: Path) -> int:
    rows = 0
    with closing(door.open(path, True)) as fresh:
        if reason == "damaged":
            with _copy_of(folder / path.name, door) as lost, fresh.transaction():
                fresh.execute("PRAGMA defer_foreign_keys = ON")
                rows = sum(_copy_rows(lost, fresh, table) for table in _tables_of(lost))
                _drop_orphans(fresh)
        fresh.mark_anew()
    return rows


def _tell(
    path: Path,
    door: Access,
    terminal: Terminal,
    signer: Ed25519PrivateKey,
    done: list[Recovered],
    at: Instant,
) -> None:
    """A fault record for each, once, also when a crash cuts this short."""
    with closing(door.open(path, True)) as database:
        ledger = Ledger(database, terminal, signer)
        for one in done:
            where = f"{quarantine.FOLDER}/{one.folder.name}"
            ledger.append_once(where, Fault(code=one.code, detail=where), at)
            quarantine.close(one.folder)
            ledger.forget(where)


@dataclass(frozen=True, slots=True)
class _Lost:
    """A copy of a lost database, to be read as far as it can be; the original stays as it is.

    After one page that does not authenticate, SQLCipher refuses all others too, so every query
    opens the copy anew.
    """

    path: Path
    door: Access

    def readable(
        self, columns: str, table: str, order: str, where: str = "1"
    ) -> list[tuple[Value, ...]]:
        """The rows that can be read: from the front up to the damage, and from the back."""
        found: dict[tuple[Value, ...], None] = {}
        for direction in ("ASC", "DESC"):
            part: list[tuple[Value, ...]] = []
            query = (
                f"SELECT {columns} FROM {table} WHERE {where} "  # noqa: S608
                f"ORDER BY {order} {direction}"
            )
            whole = self._read(query, part)
            found |= dict.fromkeys(part if direction == "ASC" else reversed(part))
            if whole:
                break
        return list(found)

    def is_readable(self, table: str) -> bool:
        """Whether every row of the table can be read."""
        return self._read(f"SELECT * FROM {table}", [])  # noqa: S608

    def _read(self, query: str, rows: list[tuple[Value, ...]]) -> bool:
        """Append what can be read, which is authentic; False where damage ended it."""
        for last in (False, True):
            try:
                return self._read_once(query, rows)
            except StorageError:
                if last:
                    raise
            rows.clear()
        return False

    def _read_once(self, query: str, rows: list[tuple[Value, ...]]) -> bool:
        try:
            database = self.door.open(self.path, False)
        except StorageError:
            raise
        except StoreError:
            return False
        try:
            database.rows(query, (), lambda *row: rows.append(row))
        except StorageError:
            raise
        except StoreError:
            return False
        finally:
            with suppress(StoreError):
                database.close()
        return True


@contextmanager
def _copy_of(path: Path, door: Access) -> Iterator[_Lost]:
    try:
        place = Path(tempfile.mkdtemp(dir=path.parent, prefix="reading-"))
    except OSError as error:
        raise StorageError(f"{path}: cannot be copied: {error.strerror}") from error
    try:
        _copy(path, place)
        yield _Lost(place / path.name, door)
    finally:
        # What a failing disk or a crash leaves of it goes with the folder it is in.
        shutil.rmtree(place, ignore_errors=True)


def _copy(path: Path, place: Path) -> None:
    for last in (False, True):
        try:
            for file in path.parent.glob(f"{path.name}*"):
                shutil.copy(file, place)
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise StorageError(f"{path}: cannot be copied: {error.strerror}") from error
            if last:  # the card does not give it back; it stays where it is
                (place / path.name).unlink(missing_ok=True)


def _tables_of(gallery: _Lost) -> tuple[str, ...]:
    """What to copy: no templates where it cannot be read which key they went through."""
    if gallery.is_readable("protection"):
        return _GALLERY_TABLES
    return tuple(table for table in _GALLERY_TABLES if table != "templates")


def _unconfirmed(lost: _Lost, public_key: Ed25519PublicKey) -> list[Record]:
    """The authentic records beyond the receipt, by their numbers."""
    receipt = lost.readable("seq", "receipt", "one")
    newest = lost.readable("seq", "records", "seq", "seq = (SELECT max(seq) FROM records)")
    after = 0
    if receipt:
        after = int(str(receipt[0][0]))
    elif newest and not lost.is_readable("receipt"):
        after = max(0, int(str(newest[0][0])) - _UNREAD_RECEIPT)
    rows = lost.readable(COLUMNS, "records", "seq", f"seq > {after}")
    records = sorted((Record(*row) for row in rows), key=lambda r: r.seq)  # type: ignore[arg-type]  # STRICT columns
    return [
        record
        for record in records
        if check_record(public_key, record.previous, record.payload, record.hash, record.signature)
    ]


def _copy_rows(lost: _Lost, fresh: Database, table: str) -> int:
    names = fresh.rows(f"SELECT name FROM pragma_table_info('{table}')", (), str)  # noqa: S608
    keys = fresh.rows(
        f"SELECT name FROM pragma_table_info('{table}') WHERE pk ORDER BY pk",  # noqa: S608
        (),
        str,
    )
    marks = ", ".join("?" * len(names))
    return sum(
        max(0, fresh.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row))  # noqa: S608
        for row in lost.readable(", ".join(names), table, ", ".join(keys))
    )


def _drop_orphans(gallery: Database) -> None:
    """Delete rows whose person or consent could not be read, so that the schema's rules hold."""
    for table in ("consents", "roles", "genuine", "renewals", "site_consents"):
        gallery.execute(
            f"DELETE FROM {table} WHERE person NOT IN (SELECT number FROM people)"  # noqa: S608
        )
    gallery.execute(
        "DELETE FROM templates WHERE (consent, person, live) NOT IN "
        "(SELECT id, person, live FROM consents)"
    )
