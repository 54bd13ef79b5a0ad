"""The database: the one door to its engine, its transactions and its migrations.

- SQLite (the embedded default): WAL, `synchronous=FULL`, foreign keys, a write transaction begins
  IMMEDIATE, so that two workers take turns instead of failing half-way.
- PostgreSQL by URL: READ COMMITTED, rows are locked with FOR UPDATE where it matters, always in
  the order of their ids. Its sessions speak UTC, whatever the server's zone is.
- `write` commits or leaves nothing. What may pass (busy, unreachable, a deadlock's victim) is
  DatabaseTroubleError; data that is refused (a lost race, or wrong for good) is
  DatabaseConflictError.
- `upgrade` brings the schema up to this program's version, once, whoever comes first; a schema from
  a newer program is left untouched.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from importlib.resources import as_file, files
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
)

from hq.errors import (
    DatabaseConflictError,
    DatabaseTroubleError,
    DatabaseUrlError,
    NewerDatabaseError,
)

_BUSY_TIMEOUT_S = 10.0
_UPGRADE_LOCK = 0x6B696F736B  # "kiosk": PostgreSQL's advisory lock while the schema is changed


class Database:
    """Connections to headquarters' database; usable from several threads."""

    def __init__(self, url: str) -> None:
        try:
            self._engine = _engine(url)
        except (ArgumentError, NoSuchModuleError, ImportError) as error:
            raise DatabaseUrlError(
                f"database.url cannot be used: {type(error).__name__}"
            ) from error

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading."""
        with _translated(), self._engine.connect() as connection:
            yield connection.execution_options(hq_reads=True)

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed and on disk at the end, or nothing of it."""
        with _translated(), self._engine.begin() as connection:
            yield connection

    def upgrade(self, revision: str = "head") -> None:
        """Bring the schema up to `revision` (default: this program's).

        Raises NewerDatabaseError, DatabaseTroubleError.
        """
        with as_file(files("hq") / "migrations") as folder, self.write() as connection:
            if connection.dialect.name == "postgresql":
                lock = text("SELECT pg_advisory_xact_lock(:lock)")
                connection.execute(lock, {"lock": _UPGRADE_LOCK})
            config = Config()
            config.set_main_option("script_location", str(folder).replace("%", "%%"))
            config.set_main_option("path_separator", "os")
            config.attributes["connection"] = connection
            known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
            present = MigrationContext.configure(connection).get_current_revision()
            if present is not None and present not in known:
                raise NewerDatabaseError(
                    f"the database is of version {present}, this program does not know it; "
                    "use the newer program"
                )
            command.upgrade(config, revision)

    def close(self) -> None:
        """Give every connection back."""
        self._engine.dispose()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, DataError) as error:
        raise DatabaseConflictError(f"the data was refused: {type(error.orig).__name__}") from error
    except DBAPIError as error:
        kind = type(error.orig).__name__ if error.orig is not None else type(error).__name__
        raise DatabaseTroubleError(f"the database refused: {kind}") from error


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    makers = {"sqlite": _sqlite, "postgresql": _postgresql}
    if parsed.get_backend_name() not in makers:
        raise ArgumentError("neither sqlite nor postgresql")
    return makers[parsed.get_backend_name()](parsed)


def _postgresql(url: URL) -> Engine:
    engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        # An instant of the year 1 would leave Python's calendar in a zone west of Greenwich.
        connection.execute("SET TIME ZONE 'UTC'")
        connection.commit()

    return engine


def _write_ahead(connection: Any) -> None:
    """Switch a new file to WAL. SQLite does not wait for another who does the same: ask again."""
    deadline = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, also around DDL
        _write_ahead(connection)
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get("hq_reads")
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine
