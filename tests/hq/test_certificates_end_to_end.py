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
    own_files(plant, authority.ca.read_text())
    plant.start_hq()
    sync = plant.start_sync()
    plant.punch(1)
    plant.until_delivered()
    plant.close_ledger()
    settings = terminal(plant.folder)
    ca, ca_key = authority.ca, authority.directory / "ca.key"
    with open_stores(settings) as stores:
        renewing = Renewing(plant, stores, settings)
        renewing.order("rotate_certificate")
        assert renewing.until_state("waiting")["detail"] == ""
        request = waiting_request(plant.database, ADDRESS)
        stranger = Authority(plant.folder / "stranger", datetime.now(UTC), "stranger")
        long_ago = datetime.now(UTC) - timedelta(days=9)
        hostile = [
            authority.client("plant-1/gate-b", datetime.now(UTC)).certificate.read_text(),
            issue(request, stranger.ca, stranger.directory / "ca.key", HOUR, datetime.now(UTC)),
            issue(request, ca, ca_key, HOUR, long_ago),
        ]
        for certificate in hostile:
            renewing.order("install_certificate", certificate=certificate)
            told = renewing.until_told(hostile.index(certificate) + 1)
        assert told == [
            ("refused", "it is for another key"),
            ("refused", "it is not signed by the CA of this terminal"),
            ("refused", "it is not valid at this time"),
        ]
        sync.kill()  # with the key waiting
        sync = plant.start_sync()
        config = str(plant.folder / "hq.toml")
        words = ["certificates", "sign", str(ADDRESS), "--config", config]
        made = CliRunner().invoke(main, [*words, "--ca", str(ca), "--ca-key", str(ca_key)])
        assert made.exit_code == 0, made.output
        line = renewing.until_state("installed")
        assert len(line["fingerprint"]) == 64
        refused = CliRunner().invoke(main, [*words, "--ca", str(ca), "--ca-key", str(ca_key)])
        assert (refused.exit_code, "rotate_certificate" in refused.output) == (3, True)
    assert sync.stop() == 0
    plant.terminal_tls.certificate.write_text("gone")  # only the new pair can connect from here on
    plant.terminal_tls.certificate.unlink()
    plant.terminal_tls.key.unlink()
    sync = plant.start_sync()
    plant.punch(2)
    plant.until_delivered()
    assert plant.alarms() == []


def test_what_the_broker_does_not_take_is_given_up_and_the_old_pair_goes_on(
    plant: Plant, authority: Authority
) -> None:
    """The terminal believes a second CA, of which the broker knows nothing."""
    other = Authority(plant.folder / "other", datetime.now(UTC), "other")
    own_files(plant, authority.ca.read_text() + other.ca.read_text())
    plant.start_hq()
    plant.start_sync()
    plant.punch(1)
    plant.until_delivered()
    plant.close_ledger()
    settings = terminal(plant.folder)
    with open_stores(settings) as stores:
        renewing = Renewing(plant, stores, settings)
        renewing.order("rotate_certificate")
        renewing.until_state("waiting")
        request = waiting_request(plant.database, ADDRESS)
        key = other.directory / "ca.key"
        certificate = issue(request, other.ca, key, HOUR, datetime.now(UTC))
        renewing.order("install_certificate", certificate=certificate)
        [(outcome, why)] = renewing.until_told(1)
        assert outcome == "rejected"
        assert why
    plant.punch(2)
    plant.until_delivered()
    assert not (plant.folder / "data" / "tls" / "current").exists()
