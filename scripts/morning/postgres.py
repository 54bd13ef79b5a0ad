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
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg

READY_WITHIN_S = 20.0
STOP_WITHIN_S = 20.0
POLL_S = 0.02
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


class Postgres:
    """A server: `start`, `stop`, `kill`, `start` again; `remove` ends it for good."""

    def __init__(self, *, durable: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kiosk-pg-"))
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0

    @property
    def pid(self) -> int | None:
        """The id of the running server, None when it does not run."""
        return None if self._process is None else self._process.pid

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
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _as_owner([str(programs / "postgres"), "-D", str(data), *words]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_until_ready()

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

    def _wait_until_ready(self) -> None:
        assert self._process is not None  # noqa: S101 (start has just set it)
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._process = None
                raise PostgresError(f"postgres ended at once: {self._tail()}")
            try:
                psycopg.connect(self._conninfo("postgres")).close()
            except psycopg.OperationalError:
                time.sleep(POLL_S)
            else:
                return
        self.stop()
        raise PostgresError(f"postgres did not answer in {READY_WITHIN_S} s: {self._tail()}")

    def _tail(self) -> str:
        return " | ".join((self.folder / "log").read_text(errors="replace").splitlines()[-5:])

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _as_owner(words: Sequence[str]) -> list[str]:
    """The command, run as `postgres` when we are root (setpriv leaves the process ours to stop)."""
    if os.geteuid() != 0:
        return list(words)
    return ["setpriv", f"--reuid={_OWNER}", f"--regid={_OWNER}", "--clear-groups", *words]


def _name_in(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
