"""The status beside delivery: what the machine, the certificates and the ledger say, no more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from morning.pki import Authority, Credentials
from store.certificates import expiry
from store.database import Database, open_database
from store.discipline import Discipline, KernelClock
from store.ledger import Ledger
from store.machine import Health
from store.records import Boot, Fault
from store.settings import HqSection, StoreSection, Terminal
from sync.contract.status import build_status, parse_status
from sync.courier import Now
from sync.report import Reporter
from sync.settings import MqttSection, Settings
from tests.store.made import LEDGER_KEY
from tests.sync.made import GATE_A_KEY, NOON, instant

TERMINAL = Terminal(site="plant-1", name="gate-a", zone="UTC")
MODELS = {"embedder": "ab" * 32, "detector": "cd" * 32, "pad_1": "ef" * 32}
VERSIONS = {"python": "3.11.2", "sqlcipher": "4.19.0 community"}


@pytest.fixture
def tls(authority: Authority) -> Credentials:
    return authority.client("plant-1/gate-a", datetime.now(UTC))


@pytest.fixture
def settings(tmp_path: Path, tls: Credentials) -> Settings:
    return Settings(
        terminal=TERMINAL,
        store=StoreSection(directory=tmp_path, keys=tmp_path),
        hq=HqSection(public_key=tmp_path / "hq.pub"),
        mqtt=MqttSection(host="localhost", ca=tls.ca, certificate=tls.certificate, key=tls.key),
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path / "ledger.db", LEDGER_KEY, create=True)
    yield opened
    opened.close()


def synchronised(monkeypatch: pytest.MonkeyPatch, value: bool) -> None:
    said = Discipline(value, 7 if value else None)
    monkeypatch.setattr(KernelClock, "discipline", lambda self: said)


def test_a_boot_tells_models_versions_and_faults_that_stand(
    settings: Settings, database: Database
) -> None:
    reporter = Reporter(database, settings, lambda: Now(0.0, NOON))
    before = reporter.report()
    assert (before["models"], before["versions"], before["faults"]) == (None, None, ())
    ledger = Ledger(database, TERMINAL, GATE_A_KEY)
    boot = Boot(version="1", settings_digest="ab" * 32, versions=VERSIONS, models=MODELS)
    ledger.append(boot, instant())
    ledger.append(Fault(code="too_hot", detail=""), instant())
    report = reporter.report()
    assert (report["models"], report["versions"]) == (MODELS, VERSIONS)
    assert report["faults"] == ("too_hot",)


def test_the_days_of_certificates_are_counted_down_and_past_zero(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised(monkeypatch, True)
    ends = expiry(settings.mqtt.certificate)
    assert ends is not None
    today = [ends]
    reporter = Reporter(database, settings, lambda: Now(0.0, today[0]))
    for left, days in ((timedelta(days=29, hours=5), 29), (timedelta(0), 0), (-timedelta(1), -1)):
        today[0] = ends - left
        assert reporter.report()["certificate_days"] == days
    assert reporter.report()["certificate_expires"] == ends


def test_a_clock_that_is_not_right_counts_no_days(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised(monkeypatch, False)
    report = Reporter(database, settings, lambda: Now(0.0, NOON)).report()
    assert (report["certificate_days"], report["ca_days"]) == (None, None)
    assert report["certificate_expires"] is not None
    assert (report["clock_synchronised"], report["clock_error_ms"]) == (False, None)


def test_what_a_machine_does_not_tell_is_absent_from_the_status(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.report.read_health", lambda directory: Health())
    settings = settings.model_copy(
        update={"mqtt": settings.mqtt.model_copy(update={"ca": Path("/nowhere.pem")})}
    )
    report = Reporter(database, settings, lambda: Now(0.0, NOON)).report()
    raw = build_status(
        state="online", now=NOON, head=1, confirmed=1, version="0.1.0", report=report
    )
    for name in ("disk_free", "disk_size", "temperature_c", "power", "models", "ca_", "receipt"):
        assert f'"{name}'.encode() not in raw


def test_the_report_is_what_the_status_says(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    power = frozenset({"undervoltage", "throttled"})
    health = Health(disk_free=5, disk_total=9, temperature_c=51.1, power=power)
    monkeypatch.setattr("sync.report.read_health", lambda directory: health)
    synchronised(monkeypatch, True)
    report = Reporter(database, settings, lambda: Now(0.0, NOON)).report()
    raw = build_status(
        state="online",
        now=NOON,
        head=3,
        confirmed=1,
        version="0.1.0",
        receipt_time=NOON,
        report=report,
    )
    status = parse_status(raw)
    assert (status.disk_free, status.disk_size, status.temperature_c) == (5, 9, 51.1)
    assert status.power == ("throttled", "undervoltage")
    assert (status.clock_synchronised, status.clock_error_ms) == (True, 7)
    assert status.receipt_time == NOON


def test_sqlcipher_says_its_own_version(database: Database) -> None:
    number, edition = database.cipher_version().split()
    assert [part.isdigit() for part in number.split(".")] == [True] * 3
    assert edition
