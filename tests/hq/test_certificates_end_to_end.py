"""A terminal's TLS certificate is renewed by command, with a broker that asks for certificates."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from hq.certificates import certificate_lines, issue, waiting_request
from hq.cli import main
from hq.commands import send
from hq.keys import load_key
from hq.reports import Reader
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from morning.pki import Authority, Credentials
from store.settings import HqSection, StoreSection
from tests.hq.plant import ADDRESS, TERMINAL, Plant
from tests.sync.made import instant, until

HOUR = timedelta(hours=1)


class Renewing:
    """kiosk at work, and headquarters' hands, on the plant's folder."""

    def __init__(self, plant: Plant, stores: Stores, settings: Settings) -> None:
        self.plant, self.stores = plant, stores
        self.station = Station(settings, Overrides(settings))
        self.key = load_key(plant.folder / "hq-keys" / "hq.key")

    def order(self, type: str, **arguments: str) -> None:
        now = datetime.now(UTC)
        send(self.plant.database, self.key, str(ADDRESS), type, arguments, now, now + HOUR)

    def until_state(self, state: str) -> dict[str, str]:
        """Work until headquarters shows this state; the line."""

        def shown() -> bool:
            obey(self.stores, self.station, instant(datetime.now(UTC)))
            return [line["state"] for line in certificate_lines(self.plant.database)] == [state]

        until(shown, f"a certificate {state}", 45)
        [line] = certificate_lines(self.plant.database)
        return line

    def until_told(self, count: int) -> list[tuple[str, str]]:
        """Work until so many outcomes are at headquarters; them and their reasons."""

        def told() -> bool:
            obey(self.stores, self.station, instant(datetime.now(UTC)))
            return len(self._told()) == count

        until(told, f"{count} outcomes at headquarters", 45)
        return self._told()

    def _told(self) -> list[tuple[str, str]]:
        every = Reader(self.plant.database).read()
        lines = [line for line in every if line["kind"] == "certificate_rotated"]
        bodies = [line["data"]["body"] for line in lines]
        return [(body["outcome"], body["detail"]) for body in bodies]


def terminal(folder: Path) -> Settings:
    return Settings(
        terminal=TERMINAL,
        store=StoreSection(directory=folder / "data", keys=folder / "keys"),
        hq=HqSection(public_key=folder / "hq-keys" / "hq.pub"),
    )


def own_files(plant: Plant, ca: str) -> None:
    """Give the terminal TLS files that the test may delete."""
    tls = plant.terminal_tls
    mine = Credentials(*(plant.folder / f"mine-{name}" for name in ("ca", "pem", "key")))
    mine.ca.write_text(ca)
    shutil.copyfile(tls.certificate, mine.certificate)
    shutil.copyfile(tls.key, mine.key)
    plant.terminal_tls = mine


@pytest.mark.usefixtures("left_as_found")
def test_a_certificate_is_renewed_by_command_and_nothing_else_is_taken(
    plant: Plant, authority: Authority
) -> None:
    """The terminal believes a second CA, of which the broker knows nothing."""
    other = Authority(plant.folder / "other", datetime.now(UTC), "other")
    own_files(plant, authority.ca.read_text() + other.ca.read_text())
    plant.start_hq()
    sync = plant.start_sync()
    plant.punch(1)
    plant.until_delivered()
    plant.close_ledger()
    settings = terminal(plant.folder)
    with open_stores(settings) as stores:
        renewing = Renewing(plant, stores, settings)
        renewing.order("rotate_certificate")
        renewing.until_state("waiting")
        request = waiting_request(plant.database, ADDRESS)
        another = authority.client("plant-1/gate-b", datetime.now(UTC)).certificate
        renewing.order("install_certificate", certificate=another.read_text())
        assert renewing.until_told(1) == [("refused", "it is for another key")]
        unknown = issue(request, other.ca, other.directory / "ca.key", HOUR, datetime.now(UTC))
        renewing.order("install_certificate", certificate=unknown)
        outcome, why = renewing.until_told(2)[1]
        assert outcome == "rejected"
        assert why
        assert not (plant.folder / "data" / "tls" / "current").exists()

        config = ("--config", str(plant.folder / "hq.toml"))
        ca = ("--ca", str(authority.ca), "--ca-key", str(authority.directory / "ca.key"))
        words = ["certificates", "sign", str(ADDRESS), *config, *ca]
        made = CliRunner().invoke(main, words)
        assert made.exit_code == 0, made.output
        assert len(renewing.until_state("installed")["fingerprint"]) == 64
        refused = CliRunner().invoke(main, words)
        assert (refused.exit_code, "rotate_certificate" in refused.output) == (3, True)
    sync.kill()
    plant.terminal_tls.certificate.unlink()  # only the new pair can connect from here on
    plant.terminal_tls.key.unlink()
    plant.start_sync()
    plant.punch(2)
    plant.until_delivered()
    assert plant.alarms() == []
