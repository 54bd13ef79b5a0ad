"""A terminal and headquarters as real processes around a real broker, in one folder.

The test plays kiosk: it appends to the terminal's real, encrypted ledger. `kiosk-sync` and
`kiosk-hq` run as they would in a plant, with short pauses so that a test is quick.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hq.database import Database
from hq.keys import create_keys as create_hq_keys
from hq.reports import Reader, alarm_lines, terminal_lines
from hq.terminals import add_terminal
from morning.broker import Broker
from morning.pki import Authority, Credentials
from store.database import open_database
from store.keys import create_keys, load_database_key, load_public_key, load_signing_key
from store.ledger import Ledger
from store.records import Punch
from store.settings import Terminal
from sync.contract.topics import Address
from tests.sync.made import NAMES, instant, until

TERMINAL = Terminal(site="plant-1", name="gate-a", zone="Europe/Berlin")
ADDRESS = Address("plant-1", "gate-a")


class Program:
    """One of our daemons as a process; `lines` is what it logged."""

    def __init__(self, package: str, config: Path, log: Path) -> None:
        self._log = log
        start = f"from {package}.cli import main; main()"
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-c", start, "run", "--config", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                cwd=Path(__file__).parents[2],
            )

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; the exit code. A daemon that does not end fails the test."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def lines(self) -> list[dict[str, Any]]:
        text = self._log.read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def said(self, event: str) -> bool:
        return any(line["event"] == event for line in self.lines())

    def text(self) -> str:
        return self._log.read_text(encoding="utf-8")


class Plant:
    """Everything of one terminal and its headquarters."""

    def __init__(
        self, folder: Path, authority: Authority, broker: Broker, url: str | None = None
    ) -> None:
        self.folder = folder
        self.url = url or f"sqlite:///{folder / 'hq.db'}"
        self.broker = broker
        self.programs: list[Program] = []
        now = datetime.now(UTC)
        self.terminal_tls = authority.client(str(ADDRESS), now)
        self.hq_tls = authority.client("hq", now)
        (folder / "data").mkdir()
        create_keys(folder / "keys")
        create_hq_keys(folder / "hq-keys")
        self.database = Database(self.url)
        self._ledger: Ledger | None = None
        self.register()

    def register(self) -> None:
        """Tell headquarters the terminal's key (again, after it lost its database)."""
        self.database.upgrade()
        key = load_public_key(self.folder / "keys" / "signing.pub")
        add_terminal(self.database, ADDRESS, key, datetime.now(UTC))

    def lose_database(self) -> None:
        """Headquarters' database is gone and made anew (while it does not run)."""
        self.database.close()
        for path in self.folder.glob("hq.db*"):
            path.unlink()
        self.register()

    @property
    def ledger(self) -> Ledger:
        """The terminal's ledger, made at the first use."""
        if self._ledger is None:
            key = load_database_key(self.folder / "keys", "ledger")
            self._db = open_database(self.folder / "data" / "ledger.db", key, create=True)
            signer = load_signing_key(self.folder / "keys")
            self._ledger = Ledger(self._db, TERMINAL, signer)
        return self._ledger

    def close_ledger(self) -> None:
        if self._ledger is not None:
            self._db.close()
            self._ledger = None

    def punch(self, count: int = 1) -> None:
        for number in range(count):
            person = NAMES[0] if number % 2 else f"N{number}"
            self.ledger.append(Punch(person=person, method="face"), instant(datetime.now(UTC)))

    def store_up(self, count: int) -> None:
        """Many punches at once: one transaction."""
        ledger = self.ledger
        with self._db.transaction():
            self.punch(count)
        assert ledger.head().seq >= count

    def start_sync(self, port: int | None = None, keepalive_s: int = 30) -> Program:
        config = self.folder / "kiosk.toml"
        config.write_text(
            '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "Europe/Berlin"\n'
            '[store]\ndirectory = "data"\nkeys = "keys"\n'
            '[hq]\npublic_key = "hq-keys/hq.pub"\n'
            + self._mqtt(self.terminal_tls, port or self.broker.port)
            + "resend_after_s = 0.5\nresend_most_s = 2.0\nstatus_every_s = 1.0\n"
            + f"keepalive_s = {keepalive_s}\n",
            encoding="utf-8",
        )
        return self._started(Program("sync", config, self._log("sync")))

    def start_hq(self, worker: str = "hq", port: int | None = None) -> Program:
        config = self.folder / f"{worker}.toml"
        config.write_text(
            self._mqtt(self.hq_tls, port or self.broker.port)
            + f'client_id = "{worker}"\nsession_expiry_s = 2\n'
            + f'[database]\nurl = "{self.url}"\n'
            + '[hq]\nsigning_key = "hq-keys/hq.key"\n'
            + "gap_grace_s = 0.5\nreplay_every_s = 1.0\n",
            encoding="utf-8",
        )
        return self._started(Program("hq", config, self._log(worker)))

    def confirmed(self) -> list[str]:
        """The hashes of what headquarters counts, in order."""
        return [line["hash"] for line in Reader(self.database).read()]

    def recorded(self) -> list[str]:
        """The hashes of what the ledger holds, in order."""
        return [record.hash.hex() for record in self.ledger.records(0, 1_000_000)]

    def alarms(self) -> list[tuple[str, int]]:
        return [(alarm["what"], alarm["seq"]) for alarm in alarm_lines(self.database)]

    def status(self) -> dict[str, Any]:
        status = terminal_lines(self.database)[0]["status"]
        return status if isinstance(status, dict) else {}

    def until_delivered(self, within_s: float = 45.0) -> None:
        """Wait until headquarters counts exactly what the ledger holds, and the terminal knows."""
        last = self.ledger.head().seq

        def delivered() -> bool:
            return self.status().get("confirmed") == last and self.confirmed() == self.recorded()

        until(delivered, "everything at headquarters and confirmed", within_s)

    def until_delivered_from(self, first: int, within_s: float = 45.0) -> None:
        """Like `until_delivered`, where headquarters has lost the records before `first`."""
        wanted = [r.hash.hex() for r in self.ledger.records(first - 1, 1_000_000)]

        def delivered() -> bool:
            head = self.status().get("confirmed") == self.ledger.head().seq
            return head and self.confirmed()[-len(wanted) :] == wanted

        until(delivered, "everything at headquarters and confirmed", within_s)

    def close(self) -> None:
        for program in self.programs:
            if program.running:
                program.kill()
        self.close_ledger()
        self.database.close()

    def _started(self, program: Program) -> Program:
        self.programs.append(program)
        return program

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}-{len(self.programs)}.log"

    def _mqtt(self, tls: Credentials, port: int) -> str:
        return (
            f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nca = "{tls.ca}"\n'
            f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
            "reconnect_first_s = 0.05\nreconnect_most_s = 0.4\n"
        )


def copy_files(source: Path, target: Path) -> None:
    """Copy a folder's files and fsync nothing: a backup as people make it."""
    target.mkdir(exist_ok=True)
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
        (target / path.name).chmod(0o600)
