"""One terminal, mosquitto and two workers of headquarters, on two lines that misbehave when told.

- `kiosk-sync run` and `kiosk-hq run` are the real processes. kiosk is played here with its own
  code: it recovers, appends, and obeys what the inbox holds.
- The terminal and the first worker reach the broker through a `Proxy` each, the second directly.
- The stores belong to the thread that made the `Site`.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import select

from hq.database import Database
from hq.punches import Punches
from hq.reports import Reader, alarm_lines, terminal_lines
from hq.tables import EVENTS
from kiosk.clock import SystemClock
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings, load
from kiosk.station import Station
from kiosk.stores import Stores, open_stores, recover_stores
from morning.stage import SITE, TERMINAL, Listener, Running, Stage
from soaking.proxy import Proxy
from store.records import Punch

DAEMONS = ("sync", "one", "two")
_STOPPED_WITHIN_S = 60.0  # far more than it takes, also where niced processes hardly get to run
_PACE = "reconnect_first_s = 0.05\nreconnect_most_s = 0.4\n"
# A half-open connection is given up after once or twice this.
_SYNC = f"{_PACE}keepalive_s = 5\nresend_after_s = 0.5\nresend_most_s = 2.0\nstatus_every_s = 1.0\n"
_HQ = f"{_PACE}keepalive_s = 5\nsession_expiry_s = 2\n"


class Site:
    """All of it, in a folder; nothing runs but the broker until `start`."""

    def __init__(self, folder: Path, weights: Path, random: Random, hear: Listener) -> None:
        camera: dict[str, str | int | float] = {"source": "pictures", "path": str(folder)}
        self._stack = ExitStack()
        self.stage = Stage(folder / "site", weights, datetime.now(UTC), camera, "off", hear)
        self._stack.callback(self.stage.close)
        self.broker = self.stage.broker
        self.lines = {
            name: self._stack.enter_context(Proxy(self.broker.port, random))
            for name in ("terminal", "headquarters")
        }
        self.stage.prepare()
        self.broker.start()
        self._configs = self._write_settings()
        self.daemons: dict[str, Running] = {}
        self.settings: Settings = load(self.stage.config)
        self._clock = SystemClock(self.settings.terminal.zone)
        self._data, self._old = self.settings.store.directory, self.stage.folder / "old"
        self._opened = ExitStack()
        self._stack.callback(self._opened.close)
        self._station = Station(self.settings, Overrides(self.settings))
        self.stores: Stores = self._open()
        self.appended: set[str] = set()
        self._url = f"sqlite:///{self.stage.folder / 'hq.db'}"
        self.database = Database(self._url)

    # -- kiosk --------------------------------------------------------------------------------

    def punch(self, count: int) -> None:
        """Append punches, as a door does."""
        for number in range(count):
            body = Punch(person=f"N{number}", method="face")
            self.appended.add(self.stores.ledger.append(body, self._clock.now()).id)

    def store_up(self, count: int) -> None:
        """Many punches in one transaction: what a terminal without network has kept."""
        with self.stores.ledger_db.transaction():
            self.punch(count)

    def obey(self) -> None:
        """Carry out what has come down."""
        obey(self.stores, self._station, self._clock.now())

    def keep_copy(self) -> None:
        """Copy the data folder while nothing has it open."""
        self._at_rest()
        shutil.rmtree(self._old, ignore_errors=True)
        shutil.copytree(self._data, self._old)
        self._open()
        self.start("sync")

    def put_back(self) -> None:
        """The card is as it was at the copy, mark and all; the door goes on at once."""
        self._at_rest()
        shutil.rmtree(self._data)
        shutil.copytree(self._old, self._data)
        self._open()
        self.punch(7)  # under numbers that were used before
        self.start("sync")

    # -- programs -----------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Start one of `DAEMONS`."""
        program = "sync" if name == "sync" else "hq"
        self.daemons[name] = self.stage.start(program, self._configs[name])

    def kill(self, name: str) -> None:
        """kill -9, and started again."""
        self._end(name)
        self.start(name)

    def restart_broker(self, forget: bool) -> None:
        """kill -9 of the broker; with `forget` its sessions and retained messages are gone."""
        self.broker.kill()
        if forget:
            self.broker.forget()
        self.broker.start()

    def lose_database(self) -> None:
        """Headquarters begins with nothing but the terminal's key."""
        for name in ("one", "two"):
            self._end(name)
        self.database.close()
        for path in self.stage.folder.glob("hq.db*"):
            path.unlink()
        public = self.stage.folder / "keys" / "signing.pub"
        self.stage.run("hq", "terminals", "add", SITE, TERMINAL, str(public))
        self.database = Database(self._url)
        for name in ("one", "two"):
            self.start(name)

    def stop(self) -> list[str]:
        """SIGTERM to every daemon; those that did not end with 0, and their last words."""
        for running in self.daemons.values():
            running.process.terminate()
        wrong = []
        for name, running in self.daemons.items():
            try:
                code = running.process.wait(_STOPPED_WITHIN_S)
            except subprocess.TimeoutExpired:
                code = running.stop()
            if code != 0:
                wrong.append(f"{name} ended with {code}: {running.words[-1:]}")
        return wrong

    def ended(self) -> list[str]:
        """Daemons that are not running though nobody ended them, and their last words."""
        return [
            f"{name} ended by itself: {running.words[-1:]}"
            for name, running in self.daemons.items()
            if running.process.poll() is not None
        ]

    # -- what came of it ----------------------------------------------------------------------

    def agreed(self) -> bool:
        """Headquarters has the terminal's newest record confirmed, and the terminal knows it."""
        head = self.stores.ledger.head()
        known = self.stores.ledger_db.one("SELECT seq FROM receipt", (), int)
        if known != head.seq or self.stores.ledger.provisional() is not None:
            return False
        at_hq = terminal_lines(self.database)[0]
        return (at_hq["confirmed"], at_hq["hash"]) == (head.seq, head.hash.hex())

    def counted(self) -> list[str]:
        """The ids of the punches that headquarters counts."""
        return [line["id"] for line in Punches(self.database).read()]

    def order(self) -> tuple[list[str], list[str], int]:
        """The hashes in the ledger and at headquarters; how many came before an earlier record.

        Headquarters gives its rows ascending ids as it stores them.
        """
        recorded = [r.hash.hex() for r in self.stores.ledger.records(0, len(self.appended) + 1000)]
        with self.database.read() as connection:
            arrived = connection.scalars(select(EVENTS.c.seq).order_by(EVENTS.c.id)).all()
        early = sum(later < earlier for earlier, later in pairwise(arrived))
        return recorded, [line["hash"] for line in Reader(self.database).read()], early

    def status(self) -> dict[str, Any]:
        """The terminal's last status at headquarters; empty while there is none."""
        status = terminal_lines(self.database)[0]["status"]
        return status if isinstance(status, dict) else {}

    def alarms(self) -> set[str]:
        """The kinds of headquarters' alarms."""
        return {line["what"] for line in alarm_lines(self.database)}

    def verify(self) -> int:
        """Walk the terminal's chain; the number of its last record."""
        return self.stores.ledger.verify(self.stores.signer.public_key()).seq

    def close(self) -> None:
        """End all of it."""
        self.database.close()
        self._stack.close()

    def __enter__(self) -> Site:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Stores:
        recover_stores(self.settings, self._clock.now())
        self.stores = self._opened.enter_context(open_stores(self.settings))
        return self.stores

    def _at_rest(self) -> None:
        self._end("sync")
        self._opened.close()

    def _end(self, name: str) -> None:
        process = self.daemons.pop(name).process
        process.kill()
        process.wait()

    def _write_settings(self) -> dict[str, Path]:
        """The stage's files with our ports and pauses: where each daemon's is."""
        terminal, hq = self.stage.config, self.stage.hq_config
        port, text = f"port = {self.broker.port}\n", hq.read_text(encoding="utf-8")
        own = f"port = {self.lines['terminal'].port}\n{_SYNC}"
        own = terminal.read_text(encoding="utf-8").replace(port, own)
        terminal.write_text(own, encoding="utf-8")
        found = {"sync": terminal}
        for name, to in (("one", self.lines["headquarters"].port), ("two", self.broker.port)):
            found[name] = self.stage.folder / f"{name}.toml"
            worker = text.replace(port, f'port = {to}\nclient_id = "{name}"\n{_HQ}')
            worker += "gap_grace_s = 0.5\nreplay_every_s = 1.0\n"
            found[name].write_text(worker, encoding="utf-8")
        return found
