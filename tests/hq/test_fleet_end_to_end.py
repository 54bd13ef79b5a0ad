"""From a blank machine to the first receipt, with a real broker, TLS and real processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hq.database import Database
from hq.reports import terminal_lines
from kiosk.settings import Settings, load
from kiosk.stores import open_stores
from morning.broker import Broker
from morning.pki import Authority
from store.records import Punch
from tests.hq.joined import Headquarters, Machine
from tests.hq.plant import Program
from tests.sync.made import instant, until


@dataclass
class Fleet:
    """Headquarters and one machine around a broker; `start` runs a daemon."""

    hq: Headquarters
    machine: Machine
    broker: Broker
    programs: list[Program] = field(default_factory=list)

    def start(self, package: str, config: Path) -> Program:
        log = self.hq.folder / f"{package}-{len(self.programs)}.log"
        self.programs.append(Program(package, config, log))
        return self.programs[-1]

    @property
    def settings(self) -> Settings:
        return load(self.machine.config)

    def punch(self) -> int:
        """A punch at the terminal; its number."""
        with open_stores(self.settings) as stores:
            stores.ledger.append(Punch(person="1001", method="face"), instant(datetime.now(UTC)))
            return stores.ledger.head().seq

    def line(self) -> dict[str, object]:
        database = Database(f"sqlite:///{self.hq.folder / 'hq.db'}")
        try:
            [line] = terminal_lines(database)
        finally:
            database.close()
        return line

    def until_confirmed(self, seq: int) -> None:
        """Until headquarters has it and the terminal knows."""

        def confirmed() -> bool:
            status = self.line()["status"]
            return isinstance(status, dict) and status["confirmed"] >= seq

        until(confirmed, "the first receipt", 45)


@pytest.fixture
def fleet(tmp_path: Path, authority: Authority, broker: Broker) -> Iterator[Fleet]:
    hq = Headquarters(tmp_path / "hq", authority, broker.port)
    hq.folder.mkdir()
    hq.set_up(authority.client("hq", datetime.now(UTC)))
    hq_key = hq.folder / "hq-keys" / "hq.pub"
    made = Fleet(hq, Machine(tmp_path / "machine", tmp_path / "stick", hq_key), broker)
    site, token = hq.site("[status]\nwatch_every_s = 1\n"), hq.token()
    assert made.machine.join(site, "gate-b", token).exit_code == 0
    assert hq.sign(made.machine.stick).exit_code == 0
    assert made.machine.join(site, "gate-b", None).exit_code == 0
    yield made
    for program in made.programs:
        if program.running:
            program.kill()


def test_a_joined_terminal_delivers_its_first_punch_and_gets_the_receipt(fleet: Fleet) -> None:
    fleet.start("hq", fleet.hq.config)
    fleet.start("sync", fleet.machine.config)
    fleet.until_confirmed(fleet.punch())
    assert fleet.hq.run("alarms").output == ""
