"""Headquarters of a run: broker, database server and workers as real processes, in one folder."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from crowd.cpu import cpu_s
from hq.database import Database
from hq.keys import create_keys
from morning.broker import Broker
from morning.pki import Authority, Credentials
from morning.postgres import Postgres
from morning.server import end
from morning.stage import program

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 20.0


class Office:
    """Started by `with`; everything is ended by its id, in reverse order."""

    def __init__(self, folder: Path, now: datetime, database: str, workers: int) -> None:
        self.authority = Authority(folder / "pki", now)
        self.key, self.public_key = create_keys(folder / "keys")
        (folder / "broker").mkdir()
        self.broker = Broker(folder / "broker", self.authority.server(now))
        self._postgres = Postgres(durable=True) if database == "postgresql" else None
        self._folder = folder
        self._tls = self.authority.client("hq", now)
        self._workers = workers
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Office:
        with ExitStack() as stack:
            self.broker.start()
            stack.callback(self.broker.stop)
            url = f"sqlite:///{self._folder / 'hq.db'}"
            if self._postgres is not None:
                stack.callback(self._postgres.remove)
                self._postgres.start()
                url = self._postgres.create_database()
            self.url = url
            self.database = Database(url)
            stack.callback(self.database.close)
            self.database.upgrade()
            for number in range(self._workers):
                self._start_worker(f"worker-{number + 1}")
                stack.callback(end, self._processes[-1], signal.SIGTERM, STOP_WITHIN_S)
            self._await_workers()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        spent = {"broker": cpu_s(self.broker.pid or 0)}
        spent["workers"] = sum(cpu_s(process.pid) for process in self._processes)
        if self._postgres is not None:
            spent["database"] = cpu_s(self._postgres.pid or 0)
        return spent

    def worker_lines(self) -> list[str]:
        """What the workers logged, all together."""
        return [
            line
            for path in sorted(self._folder.glob("worker-*.log"))
            for line in path.read_text(encoding="utf-8").splitlines()
        ]

    def _start_worker(self, name: str) -> None:
        config = self._folder / f"{name}.toml"
        config.write_text(
            _mqtt(self.broker.port, self._tls)
            + f'client_id = "{name}"\n[database]\nurl = "{self.url}"\n'
            + f'[hq]\nsigning_key = "{self.key}"\n',
            encoding="utf-8",
        )
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [*program("hq"), "run", "--config", str(config)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            )

    def _await_workers(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while sum('"broker_connected"' in line for line in self.worker_lines()) < self._workers:
            if any(process.poll() is not None for process in self._processes):
                raise RuntimeError(f"a worker ended: {self.worker_lines()[-1:]}")
            if time.monotonic() > deadline:
                raise RuntimeError("the workers did not connect")
            time.sleep(0.05)


def _mqtt(port: int, tls: Credentials) -> str:
    return (
        f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nca = "{tls.ca}"\n'
        f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
    )
