"""A PostgreSQL server of our own, from Debian's package, for demonstrations and tests.

- It listens on a Unix socket in its own folder and on no network; who can enter the folder (its
  owner and root) is let in as the superuser.
- It refuses to run as root: started by root it runs as `postgres` (`setpriv` of util-linux).
- `durable=False` turns fsync off: a test of ours kills clients and servers, not machines.
- A socket's path may have 107 bytes, so the folder lies directly in the temporary directory.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg

from morning.server import Server

_WITHIN_S = 20.0
_DEBIAN = Path("/usr/lib/postgresql")
_OWNER = "postgres"
_CONNECTIONS = 60  # a worker uses one or two, a test's threads a handful


class PostgresError(RuntimeError):
    """PostgreSQL is missing, or did not start; the message says which."""


def find_postgres() -> Path | None:
    """The folder of the newest `postgres` and `initdb`; None when they are not installed."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Postgres(Server):
    """A server: `start`, `stop`, `kill`, `start` again; `remove` ends it for good."""

    def __init__(self, *, durable: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kiosk-pg-"))
        self._durable = durable
        self._databases = 0
        super().__init__("postgres", PostgresError, (self.folder / "log",), _WITHIN_S)

    def start(self) -> None:
        """Start it, made anew the first time, and wait until it answers; raises PostgresError."""
        programs = find_postgres()
        if programs is None:
            raise PostgresError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        data = self.folder / "data"
        if not data.exists():
            self._make(programs, data)
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "max_connections": str(_CONNECTIONS),
            "fsync": "on" if self._durable else "off",
            "log_min_messages": "warning",
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        self._launch(
            _as_owner([str(programs / "postgres"), "-D", str(data), *words]),
            lambda: psycopg.connect(self._conninfo("postgres")).close(),
            psycopg.OperationalError,
        )

    def stop(self) -> None:
        """End it in order; clients are disconnected. Nothing happens when it does not run."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it at once, without a checkpoint: it recovers from its log when started again."""
        self._end(signal.SIGQUIT)

    def remove(self) -> None:
        """Stop it and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, like: str | None = None) -> str:
        """A new database, empty or a copy of the one at URL `like` (nobody may use that meanwhile).

        Returns its SQLAlchemy URL.
        """
        self._databases += 1
        name = f"hq_{self._databases}"
        template = "template1" if like is None else _name_in(like)
        self._run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return f"postgresql+psycopg://{_OWNER}@/{name}?host={self.folder}"

    def drop_database(self, url: str) -> None:
        """Delete the database at `url`, whoever uses it."""
        self._run(f"DROP DATABASE {_name_in(url)} WITH (FORCE)")

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _make(self, programs: Path, data: Path) -> None:
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_OWNER)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        options = ["-U", _OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        done = subprocess.run(
            _as_owner([str(programs / "initdb"), "-D", str(data), *options]),
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
        )
        if done.returncode != 0:
            raise PostgresError(f"initdb: {' '.join(done.stderr.split())[-300:]}")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode("ascii"))

    def _conninfo(self, database: str) -> str:
        return f"host={self.folder} user={_OWNER} dbname={database} connect_timeout=5"


def _as_owner(words: Sequence[str]) -> list[str]:
    """The command, run as `postgres` when we are root (setpriv leaves the process ours to stop)."""
    if os.geteuid() != 0:
        return list(words)
    return ["setpriv", f"--reuid={_OWNER}", f"--regid={_OWNER}", "--clear-groups", *words]


def _name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
