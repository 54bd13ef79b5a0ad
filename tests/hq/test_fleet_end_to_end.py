"""From a blank machine to the first receipt, with a real broker, TLS and real processes."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from hq.database import Database
from hq.reports import terminal_lines
from kiosk import log
from kiosk.cli import cli
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings, load
from kiosk.station import Station
from kiosk.stores import open_stores
from morning.broker import Broker
from morning.pki import Authority
from store.departure import PROOF
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
    def kept_key(self) -> Path:
        """The terminal's TLS key as a thief has copied it before it was erased."""
        return self.hq.folder / "copied.key"

    def revoke(self, count: int) -> None:
        """Restart the broker with headquarters' list, which has so many certificates."""
        crl, ca = self.broker.directory / "revoked.pem", self.hq.authority
        key = ("--ca-key", str(ca.directory / "ca.key"))
        made = self.hq.run("certificates", "crl", str(crl), "--ca", str(ca.ca), *key)
        assert made.output.startswith(f"{count} revoked"), made.output
        self.broker.stop()
        self.broker.crl = crl
        self.broker.start()

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
    made.kept_key.write_bytes((made.machine.folder / "etc" / "tls.key").read_bytes())
    yield made
    for program in made.programs:
        if program.running:
            program.kill()


def can_connect(fleet: Fleet) -> bool:
    """Whether the broker takes the machine's certificate: a subscription to its own receipt."""
    etc = fleet.machine.folder / "etc"
    context = ssl.create_default_context(cafile=etc / "ca.pem")
    context.load_cert_chain(etc / "tls.pem", fleet.kept_key)
    connect = bytes.fromhex("10 10 0004 4d515454 05 02 000a 00 0003 783179")
    with (
        socket.create_connection(("127.0.0.1", fleet.broker.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        try:
            secure.sendall(connect)
            return secure.recv(2)[:1] == b"\x20"  # CONNACK
        except (ssl.SSLError, ConnectionError):
            return False


@pytest.mark.usefixtures("left_as_found")
def test_a_terminal_joins_delivers_leaves_by_order_and_is_turned_away(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "begin", lambda: None)
    fleet.revoke(0)
    hq = fleet.start("hq", fleet.hq.config)
    first = fleet.punch()
    until(lambda: hq.said("broker_connected"), "headquarters to listen")
    sync = fleet.start("sync", fleet.machine.config)
    fleet.until_confirmed(first)
    assert fleet.hq.run("alarms").output == ""
    assert can_connect(fleet)

    assert fleet.hq.run("terminals", "decommission", "plant-1/gate-b").exit_code == 0
    assert fleet.line()["left"] == "leaving"
    settings = fleet.settings
    with open_stores(settings) as stores:
        station = Station(settings, Overrides(settings))

        def ordered() -> bool:
            obey(stores, station, instant(datetime.now(UTC)))
            return station.restart == "decommissioned"

        until(ordered, "the order at the terminal", 45)
    ended = CliRunner().invoke(cli, ["run", "--config", str(fleet.machine.config)])
    assert ended.exit_code == 0, ended.output
    until(lambda: not sync.running, "kiosk-sync to end", 45)
    assert sync.said("decommissioned")
    assert sync.stop() == 0
    data = fleet.machine.folder / "data"
    assert [path.name for path in data.iterdir()] == [PROOF]
    assert [*(fleet.machine.folder / "keys").iterdir()] == []
    assert not (fleet.machine.folder / "etc" / "tls.key").exists()
    line = fleet.line()
    proof = json.loads((data / PROOF).read_bytes())
    assert (line["left"], line["hash"]) == ("erased", proof["record"]["hash"])

    assert can_connect(fleet)  # until the broker has the new list
    fleet.revoke(1)
    assert not can_connect(fleet)
