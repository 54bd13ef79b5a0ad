"""The door to SQLCipher: an encrypted SQLite file that one thread has open.

- What `transaction()` has committed survives SIGKILL and power loss (WAL, `synchronous=FULL`).
- Several processes may have the file open. Readers never wait for a writer, a writer waits for
  another at most `BUSY_S`, then gets `DatabaseBusyError`; nothing here holds the write lock while
  it waits for a reader.
- A wrong key, a missing file and a newer schema are found on opening and leave every byte as it is.
- Deleted content is overwritten with zeros (`secure_delete`); older copies in the write-ahead log
  go with `checkpoint()`.
- A connection belongs to the thread that opened it.
- A transaction that changes the schema's `state` leaves a mark beside the file (`store.mark`); one
  begun where another file has taken the database's place raises `ReplacedDatabaseError`.
- Changing the key needs the file `alone`: any other connection would go on under the old key, find
  every page damaged, and could write pages that no key opens.
- The library's errors leave here as `store.errors`, its untyped values through typed makers:

    with database.transaction():
        database.execute("INSERT INTO t VALUES (?)", (1,))
    database.one("SELECT count(*) FROM t", (), int)   # 1
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlcipher3 import dbapi2

from store import schema as schemas
from store.errors import (
    ConstraintError,
    DamagedDatabaseError,
    DatabaseBusyError,
    DatabaseError,
    DiskFullError,
    ForeignDatabaseError,
    InvalidValueError,
    MissingDatabaseError,
    NewerSchemaError,
    ReplacedDatabaseError,
    StorageError,
    StoreError,
    WrongKeyError,
)
from store.mark import Mark, State, fingerprint
from store.schema import Schema, unstamp
from store.secret import Secret

KEY_BYTES = 32
BUSY_S = 10.0
# Who waits for the lock looks at least every 100 ms (sqliteDefaultBusyCallback). A thousand records
# are deleted in 6 ms here: in a pause of 50 ms it is free in nine looks of ten, on a Pi in most.
_GIVE_WAY_S = 0.05
# Cutting the log, which readers may hinder: so many tries, so far apart; half a second in all.
_CUTS, _CUT_PAUSE_S = 20, 0.025
_COPIED_AT_ONCE = 256  # pages of 4 KiB: a few milliseconds (20 on the machine of the tests)
# The directory decides who gets in; the two daemons share a group.
_FILE_MODE = 0o660

Value = int | float | str | bytes | None
T = TypeVar("T")

# Primary result codes, https://www.sqlite.org/rescode.html
_ERRORS: dict[int, tuple[type[DatabaseError] | type[InvalidValueError], str]] = {
    3: (StorageError, "access is denied"),
    5: (DatabaseBusyError, "another process holds it; try again"),
    6: (DatabaseBusyError, "another statement holds it; try again"),
    8: (StorageError, "it can only be read"),
    10: (StorageError, "the disk failed"),
    11: (DamagedDatabaseError, "it is damaged; the start of `kiosk run` sets it aside"),
    13: (DiskFullError, "the disk is full; make room"),
    14: (StorageError, "it cannot be opened"),
    15: (DatabaseBusyError, "too many open and close it at once; try again"),
    18: (InvalidValueError, "a value is too big"),
    19: (ConstraintError, "a rule of the schema forbids it"),
    26: (DamagedDatabaseError, "it is damaged; the start of `kiosk run` sets it aside"),
}
_READONLY, _NOTADB = 8, 26


class Database:
    """An open database; see the module's rules. Made by `open_database`."""

    def __init__(self, path: Path, connection: Any, schema: Schema, mark: Mark) -> None:
        self.path = path
        self.mark = mark
        self._connection = connection
        self._schema = schema
        self._inode = _inode(path)
        self._watched = False
        self._depth = 0
        self._commits = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Everything inside is committed together, or nothing when an exception passes.

        Takes the write lock at once. Inside another transaction of this database it becomes a part
        of that: undone alone when an exception passes, kept only if the outer one commits.
        """
        outermost, before = not self._depth, None
        begin, keep, undo = "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"
        if self._depth:
            point = f"depth_{self._depth}"
            begin, keep = f"SAVEPOINT {point}", f"RELEASE {point}"
            undo = f"ROLLBACK TO {point}; RELEASE {point}"
        self._run(begin)
        self._depth += 1
        try:
            if outermost and self._watched:
                self._check_place()
                before = self.state()
            yield
            marked = self._mark(before) if outermost and self._watched else None
            self._run(keep)
            self._commits += outermost
            if marked is not None:
                with suppress(StorageError):  # the mark is right as it is; it only says less
                    self.mark.write(marked, marked)
        except BaseException:
            # SQLite has rolled back by itself after some failures (disk full, I/O), and after
            # those a rollback may fail as well; what is raised is the first failure.
            if self._connection.in_transaction:
                with suppress(StoreError):
                    for statement in undo.split("; "):
                        self._run(statement)
            raise
        finally:
            self._depth -= 1

    @property
    def in_transaction(self) -> bool:
        """Whether a `transaction()` is open."""
        return self._depth > 0

    def execute(self, sql: str, parameters: tuple[Value, ...] = ()) -> int:
        """Run one statement; returns how many rows it changed."""
        return int(self._run(sql, parameters).rowcount)

    def insert(self, sql: str, parameters: tuple[Value, ...] = ()) -> int:
        """Run one INSERT; returns the new row's id."""
        return int(self._run(sql, parameters).lastrowid)

    def insert_many(self, sql: str, rows: Iterable[tuple[Value, ...]]) -> None:
        """Run one INSERT for each row."""
        with self._translated():
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, parameters: tuple[Value, ...], make: Callable[..., T]) -> list[T]:
        """All rows of a query, each as `make(*columns)`."""
        with self._translated():
            return [make(*row) for row in self._connection.execute(sql, parameters)]

    def one(self, sql: str, parameters: tuple[Value, ...], make: Callable[..., T]) -> T | None:
        """The first row of a query as `make(*columns)`; None without one."""
        with self._translated():
            row = self._connection.execute(sql, parameters).fetchone()
            return None if row is None else make(*row)

    def mark_anew(self) -> None:
        """Mark the state that the file is in, whatever was marked before. `StorageError`."""
        state = self.state() or State(0, "")
        self.mark.write(state, state)

    def mark_again(self) -> None:
        """Mark what is marked with the key that the file is opened with now. `StorageError`."""
        if (marked := self.mark.read()) is not None:
            self.mark.write(marked.before, marked.after)

    def watch(self) -> None:
        """From now on mark states, and notice when the file is no longer in its place."""
        self._watched = True

    def state(self) -> State | None:
        """What the mark tells states of the file apart by; None while there is nothing to tell."""
        return self.one(self._schema.state, (), State)

    def cipher_version(self) -> str:
        """SQLCipher's own version and edition, such as `4.19.0 community`."""
        return str(self._run("PRAGMA cipher_version").fetchone()[0])

    def data_version(self) -> int:
        """A number that differs after another connection has committed. Microseconds."""
        self._check_place()
        return int(self._run("PRAGMA data_version").fetchone()[0])

    def version(self) -> int:
        """Like `data_version`, and it differs also after a `transaction()` of this connection."""
        return self.data_version() + self._commits

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is read inside is of this instant; others write on, nobody waits."""
        self._run("BEGIN")
        try:
            self._run("SELECT count(*) FROM sqlite_master").fetchone()  # the instant is now
            yield
        finally:
            self._run("ROLLBACK")

    def copy_to(self, path: Path, key: bytes, on_step: Callable[[], None]) -> None:
        """Copy all pages, a few at a time, into a new database at `path` under another `key`.

        Inside `reading()` the copy is of that instant, and begins anew for no writer. `on_step` is
        called between the parts; what it raises ends the copy.
        """
        _make_file(path)
        with Secret.copy_of(key) as held:
            target = _connect(path, held, read_only=False)
        try:
            self._connection.backup(target, pages=_COPIED_AT_ONCE, progress=lambda *_: on_step())
        except dbapi2.Error as error:
            raise _translate(path, error) from error
        finally:
            target.close()

    def checkpoint(self, patient: bool = True) -> bool:
        """Move the write-ahead log into the file and cut it to nothing.

        False when a reader or a writer kept it from being complete, with `patient` for half a
        second. SQLite would hold the write lock while it waits for readers: here it does not wait,
        and is asked again. It holds it also while it cuts, so most is moved before that.
        """
        timeout_ms = int(self._run("PRAGMA busy_timeout").fetchone()[0])
        self._run("PRAGMA busy_timeout = 0")
        try:
            self._run("PRAGMA wal_checkpoint(PASSIVE)")
            for attempt in range(_CUTS if patient else 1):
                if attempt:
                    time.sleep(_CUT_PAUSE_S)
                busy, *_ = self._run("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy:
                    return True
            return False
        finally:
            self._run(f"PRAGMA busy_timeout = {timeout_ms}")

    def forget_pages(self) -> None:
        """Give back the memory of the pages that were read, after reading much once."""
        self._run("PRAGMA shrink_memory")

    def give_way(self) -> None:
        """Between the parts of a long work: let another writer, who looks now and then, come in."""
        time.sleep(_GIVE_WAY_S)

    def damage(self) -> list[str]:
        """What is wrong with the file, a line each; reads and authenticates every page."""
        with self._translated():
            found = self._connection.execute("PRAGMA cipher_integrity_check").fetchall()
            if not found:
                found = self._connection.execute("PRAGMA integrity_check(20)").fetchall()
            return [str(line) for (line,) in found if line != "ok"]

    def rekey(self, key: Secret) -> None:
        """Encrypt every page anew in one transaction; the file was opened `alone`.

        On an error the file is under the old key; close it, this connection writes no more.
        """
        with _spelt(key) as spelt, self._translated():
            self._connection.reset_key(spelt.view)

    def close(self) -> None:
        """Close the connection; a second call does nothing. The last one folds the log in."""
        with self._translated():
            self._connection.close()

    def _check_place(self) -> None:
        if _inode(self.path) != self._inode:
            raise ReplacedDatabaseError(
                f"{self.path}: another file has taken its place; what was committed is in the one "
                "that was there; start again"
            )

    def _mark(self, before: State | None) -> State | None:
        """Mark what a commit will change; returns the state after it, None without a change."""
        after = self.state()
        if after is None or after == before:
            return None
        if before is None:  # going on after a loss: what is marked is the state before that
            marked = self.mark.read()
            before = after if marked is None else marked.after
        self.mark.write(before, after)
        return after

    def _run(self, sql: str, parameters: tuple[Value, ...] = ()) -> Any:
        with self._translated():
            return self._connection.execute(sql, parameters)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        # Going on after SQLite has undone the transaction would commit the rest by itself.
        if self._depth and not self._connection.in_transaction:
            raise StorageError(f"{self.path}: the transaction was undone after a failure")
        try:
            yield
        except dbapi2.Error as error:
            raise _translate(self.path, error) from error


def open_database(
    path: Path,
    key: Secret | bytes,
    *,
    create: bool,
    schema: Schema | None = None,
    alone: bool = False,
) -> Database:
    """Open the database for this thread, bringing an older schema up to date.

    `key` is the raw 256-bit key. Without `schema` a file named `ledger…` or `gallery…` is opened as
    that kind. With `alone` nobody else has it open until it is closed: `DatabaseBusyError` at once
    when somebody has it already. Raises `MissingDatabaseError` (only without `create`),
    `WrongKeyError`, `ForeignDatabaseError`, `NewerSchemaError`, `StorageError`,
    `DamagedDatabaseError`.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a database key is {KEY_BYTES} bytes, not {len(key)}")
    held = key if isinstance(key, Secret) else Secret.copy_of(key)
    wanted = schema or _schema_of(path)
    with _only_opener(path) as folder:
        if not create and not _has_content(path):
            raise MissingDatabaseError(f"{path}: there is no database yet")
        if _has_content(path):
            _inspect(path, held, wanted)
        else:
            _make_file(path)
        mark = Mark(path, fingerprint(held))
        connection = _connect(path, held, read_only=False, alone=alone)
        database = Database(path, connection, wanted, mark)
        try:
            _set_up(database)
            _migrate(database, wanted)
            _sync(folder, path.parent)
            database.watch()
        except BaseException:
            database.close()
            raise
    return database


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


def _schema_of(path: Path) -> Schema:
    for schema in (schemas.LEDGER, schemas.GALLERY):
        if path.name.startswith(schema.name):
            return schema
    raise ValueError(f"{path.name}: name the schema of a file that is not ledger… or gallery…")


def _has_content(path: Path) -> bool:
    # Never opened here: closing any descriptor of the file drops this process's POSIX locks on it.
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error


@contextmanager
def _only_opener(path: Path) -> Iterator[int]:
    """One opener at a time in a directory, so that two do not create or migrate side by side.

    Gives the directory's descriptor.
    """
    try:
        handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        raise MissingDatabaseError(f"{path.parent}: there is no such directory") from None
    except OSError as error:
        raise StorageError(f"{path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def _sync(folder: int, path: Path) -> None:
    """Make the names in a directory durable."""
    try:
        os.fsync(folder)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror}") from error


def _make_file(path: Path) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:  # empty: left by a crash
        return
    except OSError as error:
        raise StorageError(f"{path}: cannot be made: {error.strerror}") from error
    try:
        os.fchmod(handle, _FILE_MODE)
    finally:
        os.close(handle)


def _spelt(key: Secret) -> Secret:
    """A raw key as SQLCipher reads it: x'…'."""
    spelt = Secret(2 * len(key) + 3)
    with key.hex() as digits:
        spelt.view[:2], spelt.view[2:-1], spelt.view[-1:] = b"x'", digits.view, b"'"
    return spelt


def _connect(path: Path, key: Secret | None, *, read_only: bool, alone: bool = False) -> Any:
    mode = "ro" if read_only else "rw"
    try:
        connection = dbapi2.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=0 if alone else BUSY_S,
        )
    except dbapi2.Error as error:
        raise _translate(path, error) from error
    # The library writes its own ERROR lines to stderr otherwise; every failure is raised anyway.
    connection.execute("PRAGMA cipher_log_level = NONE")
    # Pages and keys are locked in memory and wiped when freed. For the whole process, for good.
    # Measured on x86-64: loading 50,000 templates 0.13 s instead of 0.12 s, appending the same.
    connection.execute("PRAGMA cipher_memory_security = ON")
    if key is not None:
        with _spelt(key) as spelt:
            connection.set_key(spelt.view)
    if alone:  # before the first read: a write-ahead log is then opened under an exclusive lock
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    return connection


def _inspect(path: Path, key: Secret, schema: Schema) -> None:
    """Look at a file without being able to change it, also not by closing it."""
    connection = _connect(path, key, read_only=True)
    try:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (kind,) = connection.execute("PRAGMA application_id").fetchone()
        (stamp,) = connection.execute("PRAGMA user_version").fetchone()
    except dbapi2.Error as error:
        code = _code(error)
        if code == _READONLY:  # a journal waits to be rolled back: the real opening does that
            return
        if code == _NOTADB:
            raise WrongKeyError(_why_not(path)) from error
        raise _translate(path, error) from error
    finally:
        connection.close()
    if tables and kind != schema.application_id:
        raise ForeignDatabaseError(f"{path}: it is not a {schema.name} database")
    version, oldest = unstamp(stamp)
    if oldest > schema.version:
        raise NewerSchemaError(
            f"{path}: written by a newer version (schema {version}, this program knows "
            f"{schema.version}); update the program"
        )


def _why_not(path: Path) -> str:
    connection = _connect(path, None, read_only=True)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except dbapi2.Error:
        return f"{path}: this key does not open it, or it is no database of ours, or it is damaged"
    finally:
        connection.close()
    return f"{path}: it is a plain SQLite file, not an encrypted database"


def _set_up(database: Database) -> None:
    # The first read shows a wrong key. Switching to WAL needs the file alone; it stays switched.
    mode = database.one("PRAGMA journal_mode", (), str)
    if mode != "wal" and database.one("PRAGMA journal_mode = WAL", (), str) != "wal":
        raise StorageError(f"{database.path}: its file system cannot hold a write-ahead log")
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        "secure_delete = ON",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
        "cell_size_check = ON",
    ):
        database.execute(f"PRAGMA {pragma}")


def _migrate(database: Database, schema: Schema) -> None:
    version, _ = unstamp(database.one("PRAGMA user_version", (), int) or 0)
    if version >= schema.version:
        return
    with database.transaction():
        for step in schema.steps[version:]:
            for statement in step:
                database.execute(statement)
        database.execute(f"PRAGMA application_id = {schema.application_id}")
        database.execute(f"PRAGMA user_version = {schema.stamp}")


def _code(error: dbapi2.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _translate(path: Path, error: dbapi2.Error) -> Exception:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    kind, text = _ERRORS.get(_code(error), (DatabaseError, str(error)))
    if kind is ConstraintError:
        text = f"{text}: {error}"
    return kind(f"{path}: {text} ({name})")
