"""Where headquarters' databases come from in tests: files, or a PostgreSQL server of our own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Protocol

from sqlalchemy import NullPool, create_engine, text

from hq.tables import METADATA
from morning.postgres import Postgres


class Databases(Protocol):
    """Makes and copies databases of one kind; what it made is gone after the test."""

    def new(self) -> str:
        """The URL of a new, empty database."""

    def ready(self) -> str:
        """The URL of an empty database that may have our tables already; its taker upgrades it."""

    def copy(self, url: str) -> str:
        """The URL of a copy; nobody may have a connection to the original."""

    def close(self) -> None:
        """Delete all of them."""


class SqliteFiles:
    """One file each, in a folder that the test owns."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return f"sqlite:///{self._folder / f'hq-{self._count}.db'}"

    def ready(self) -> str:
        return self.new()

    def copy(self, url: str) -> str:
        made = self.new()
        shutil.copy(_file(url), _file(made))
        return made

    def close(self) -> None:
        for path in self._folder.glob("hq-*.db*"):
            path.unlink()


class PostgresDatabases:
    """One database each, on a server that others use too.

    `idle` has those that others are done with: emptying one costs a tenth of making one.
    """

    def __init__(self, server: Postgres, idle: list[str]) -> None:
        self._server = server
        self._made: list[str] = []
        self._idle, self._taken = idle, list[str]()

    def new(self) -> str:
        return self._kept(self._server.create_database())

    def ready(self) -> str:
        url = self._idle.pop() if self._idle else self._server.create_database()
        self._taken.append(url)
        return url

    def copy(self, url: str) -> str:
        return self._kept(self._server.create_database(like=url))

    def close(self) -> None:
        for url in self._made:
            self._server.drop_database(url)
        self._made.clear()
        for url in self._taken:
            _empty(url)
        self._idle += self._taken
        self._taken.clear()

    def _kept(self, url: str) -> str:
        self._made.append(url)
        return url


def _empty(url: str) -> None:
    """End whoever still uses the database, and delete every row; numbers begin again."""
    engine = create_engine(url, poolclass=NullPool)
    names = ", ".join(table.name for table in METADATA.sorted_tables)
    with engine.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
