"""`kiosk-sync doctor`: each step well and wrong, against a real mosquitto and a stand-in for HQ."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from morning.broker import Broker as Mosquitto
from morning.pki import Authority
from store.settings import load_settings
from sync.cli import main
from sync.contract.documents import build_receipt
from sync.contract.topics import Channel, topic
from sync.contract.verify import START
from sync.doctor import STEPS, Line, broker_tls, certificates, dns, look, tls_key
from sync.settings import Settings
from sync.transport import MqttTransport
from tests.sync.made import GATE_A, HQ_KEY
from tests.sync.nets import Clients, settings

NOW = datetime.now(UTC)
# The tests' certificates last 30 days.
EARLY, SOON, LATE = (NOW + timedelta(days=days) for days in (-20, 10, 25))
AN_INSTANT_S = 0.1  # waited in vain for what never comes


@pytest.fixture
def config(tmp_path: Path, authority: Authority) -> Path:
    """A terminal's settings; the port is filled in by `at`."""
    public = HQ_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "hq.pub").write_bytes(public)
    tls = authority.client("plant-1/gate-a", NOW)
    path = tmp_path / "kiosk.toml"
    path.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "UTC"\n'
        '[store]\ndirectory = "data"\nkeys = "keys"\n[hq]\npublic_key = "hq.pub"\n'
        f'[mqtt]\nhost = "localhost"\nport = 1025\nca = "{tls.ca}"\n'
        f'certificate = "{tls.certificate}"\nkey = "{tls.key}"\n'
    )
    return path


def at(config: Path, port: int) -> Settings:
    config.write_text(config.read_text().replace("port = 1025", f"port = {port}"))
    return load_settings(config, Settings)


@contextmanager
def headquarters(
    port: int, authority: Authority, key: Ed25519PrivateKey = HQ_KEY
) -> Iterator[MqttTransport]:
    """Answers every delivery with a receipt, as hq does."""
    clients, ended = Clients(port), threading.Event()
    hq = clients.connect(authority.client("hq", NOW), "hq", topic(GATE_A, Channel.EVENTS))

    def answer() -> None:
        while not ended.is_set():
            message = hq.receive(0.05)
            if message is not None:
                hq.acknowledge(message)
                receipt = build_receipt(key, GATE_A, START, datetime.now(UTC))
                hq.publish(topic(GATE_A, Channel.RECEIPT), receipt, retain=True)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield hq
    finally:
        ended.set()
        thread.join()
        hq.close()


def by_name(lines: list[Line]) -> dict[str, str]:
    assert [line.name for line in lines] == list(STEPS)
    assert all(line.mend for line in lines if line.level in ("warning", "failure"))
    return {line.name: line.level for line in lines}


def test_the_whole_way_to_headquarters_and_back(
    broker: Mosquitto, authority: Authority, config: Path
) -> None:
    """Twice: the second time the receipt of the first is retained, and must not count."""
    with headquarters(broker.port, authority):
        for _ in range(2):
            lines = look(at(config, broker.port), EARLY)
            assert set(by_name(lines).values()) == {"ok"}, lines
            assert "headquarters answered" in lines[-1].says
    silent = look(at(config, broker.port), EARLY, receipt_s=AN_INSTANT_S)
    assert by_name(silent)["receipt"] == "failure", "only the retained receipt is there"


def test_a_look_leaves_no_socket_to_the_garbage_collector(
    broker: Mosquitto, authority: Authority, config: Path
) -> None:
    gc.collect()
    gc.disable()
    try:
        before = len(list(Path("/proc/self/fd").iterdir()))
        look(at(config, broker.port), EARLY, receipt_s=0)
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    finally:
        gc.enable()


def test_a_receipt_that_headquarters_did_not_sign_is_none(
    broker: Mosquitto, authority: Authority, config: Path
) -> None:
    with headquarters(broker.port, authority, Ed25519PrivateKey.generate()):
        lines = look(at(config, broker.port), EARLY, receipt_s=AN_INSTANT_S)
    assert by_name(lines) == dict.fromkeys(STEPS, "ok") | {"receipt": "failure"}


def test_ends_near_and_past_are_told(broker: Mosquitto, config: Path) -> None:
    found = by_name(look(at(config, broker.port), SOON, receipt_s=AN_INSTANT_S))
    assert (found["broker tls"], found["certificate"]) == ("warning", "warning")
    assert by_name(look(at(config, broker.port), LATE, receipt_s=AN_INSTANT_S)) == {
        "dns": "ok",
        "broker tls": "failure",
        "certificate": "failure",
        "tls key": "ok",
        "receipt": "not checked",
    }


def test_no_broker_and_no_name(config: Path) -> None:
    nobody = look(at(config, 1), EARLY)
    assert by_name(nobody)["broker tls"] == "failure"
    assert by_name(nobody)["receipt"] == "not checked"
    assert "not reached" in nobody[1].says
    config.write_text(config.read_text().replace('"localhost"', '"nowhere.invalid"'))
    lost = by_name(look(at(config, 1), EARLY))
    assert (lost["dns"], lost["broker tls"], lost["certificate"]) == (
        "failure",
        "not checked",
        "ok",
    )


@pytest.mark.parametrize(
    "harm",
    [
        lambda tls, other: replace(tls, ca=other.ca),
        lambda tls, other: replace(tls, certificate=tls.ca.with_name("none.pem")),
        lambda tls, other: replace(tls, key=other.key),
    ],
    ids=["a CA of somebody else", "no certificate", "another key"],
)
def test_a_chain_that_does_not_hold_is_a_failure(
    broker: Mosquitto, authority: Authority, tmp_path: Path, harm: Callable[..., object]
) -> None:
    other = settings(broker.port, Authority(tmp_path / "o", NOW).client("plant-1/gate-a", NOW), "x")
    tls = harm(settings(broker.port, authority.client("plant-1/gate-a", NOW), "x"), other)
    line = broker_tls(tls, EARLY, 5.0)  # type: ignore[arg-type]
    assert (line.level, bool(line.mend)) == ("failure", True)


def test_files_that_are_no_certificates(authority: Authority) -> None:
    tls = settings(1, authority.client("plant-1/gate-a", NOW), "x")
    assert certificates(tls, EARLY).level == "ok"
    assert certificates(replace(tls, ca=tls.key), EARLY).level == "failure"
    assert dns(replace(tls, host="nowhere.invalid")).level == "failure"


def test_a_key_that_others_can_read_is_told(authority: Authority, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    assert tls_key(key).level == "failure"
    key.touch(mode=0o644)
    assert tls_key(key).level == "failure"
    key.chmod(0o400)
    assert tls_key(key).level == "ok"


def test_what_only_sync_may_read_is_no_failure_of_the_way(
    broker: Mosquitto, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A technician runs it as kiosk, who cannot read the TLS key; tests run as root, who can."""
    tls = settings(broker.port, authority.client("plant-1/gate-a", NOW), "x")

    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)
    monkeypatch.setattr(Path, "stat", refused)
    for line in (broker_tls(tls, EARLY, 5.0), tls_key(tls.key)):
        assert line.level == "not checked"
        assert "as root or kiosk-sync" in line.mend


@pytest.mark.usefixtures("left_as_found")
def test_the_command_prints_what_kiosk_doctor_reads(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.cli.harden", lambda: None)  # it would last, in the tests' process
    at(config, 1)
    done = CliRunner().invoke(main, ["doctor", "--json", "--config", str(config)])
    assert done.exit_code == 21
    lines = json.loads(done.stdout)
    assert [line["name"] for line in lines] == list(STEPS)
    assert all(set(line) == {"name", "level", "says", "mend"} for line in lines)
    plain = CliRunner().invoke(main, ["doctor", "--config", str(config)])
    assert plain.stdout.splitlines()[1].startswith("failure     broker tls   localhost:1 is not")
    config.write_text("")
    assert CliRunner().invoke(main, ["doctor", "--config", str(config)]).exit_code == 2
