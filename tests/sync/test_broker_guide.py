"""The certificates of docs/broker.md, made as it says, on a mosquitto with its configuration."""

from __future__ import annotations

import ssl
import stat
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hq.certificates import issue
from morning.broker import Broker, find_mosquitto
from morning.pki import Credentials
from sync.contract.topics import Channel, topic
from sync.errors import PublishRefusedError
from tests.sync.made import GATE_A, GATE_B
from tests.sync.nets import Clients, answer_to, next_message

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "broker.md"
_NAMES = {"DNS:broker.example.org": "DNS:localhost", "IP:192.0.2.10": "IP:127.0.0.1"}
_CLIENTS = {"hq": "hq", "watch": "watch", "plant-1_gate-a": "plant-1/gate-a"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the document's commands made; only the broker's name is another."""
    section = _GUIDE.read_text(encoding="utf-8").partition("## Certificates")[2]
    [script] = [part.partition("```")[0] for part in section.split("```sh\n")[1:]]
    for theirs, ours in _NAMES.items():
        assert theirs in script
        script = script.replace(theirs, ours)
    folder = tmp_path_factory.mktemp("made")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == 1 + len(_CLIENTS)
    return folder


def credentials(folder: Path, name: str) -> Credentials:
    return Credentials(folder / "ca.pem", folder / f"{name}.pem", folder / f"{name}.key")


@pytest.fixture
def guided(made: Path, tmp_path: Path) -> Iterator[Broker]:
    if find_mosquitto() is None:
        pytest.skip("needs mosquitto (Debian: apt-get install mosquitto)")
    with Broker(tmp_path, credentials(made, "server")) as running:
        yield running


@pytest.fixture
def clients(guided: Broker) -> Iterator[Clients]:
    connected = Clients(guided.port)
    yield connected
    for client in connected.made:
        client.close()


def read(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())


def test_every_certificate_is_for_one_purpose_and_every_key_is_p256_and_secret(made: Path) -> None:
    now = datetime.now(UTC)
    purposes = {"server": ExtendedKeyUsageOID.SERVER_AUTH} | dict.fromkeys(
        _CLIENTS, ExtendedKeyUsageOID.CLIENT_AUTH
    )
    for name, purpose in purposes.items():
        certificate = read(made, name)
        extensions = certificate.extensions
        assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [purpose]
        assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        left = certificate.not_valid_after_utc - now
        assert timedelta(days=364) < left <= timedelta(days=365)
    for name in ("ca", *purposes):
        key = read(made, name).public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        assert isinstance(key.curve, ec.SECP256R1)
        assert stat.S_IMODE((made / f"{name}.key").stat().st_mode) == 0o600
    for name, common_name in _CLIENTS.items():
        [found] = read(made, name).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        assert found.value == common_name


def test_terminal_headquarters_and_reader_talk_with_them_and_only_as_themselves(
    made: Path, clients: Clients
) -> None:
    hq = clients.connect(credentials(made, "hq"), "hq", topic(GATE_A, Channel.EVENTS))
    watch = clients.connect(credentials(made, "watch"), "watch", "kiosk/v1/#")
    gate = clients.connect(credentials(made, "plant-1_gate-a"), "a")
    gate.publish(topic(GATE_A, Channel.EVENTS), b"mine")
    assert next_message(hq).payload == next_message(watch).payload == b"mine"
    with pytest.raises(PublishRefusedError):
        gate.publish(topic(GATE_B, Channel.EVENTS), b"another's")
    with pytest.raises(PublishRefusedError):
        watch.publish(topic(GATE_A, Channel.RECEIPT), b"headquarters'")


def test_the_brokers_certificate_is_no_clients(made: Path, guided: Broker) -> None:
    context = ssl.create_default_context(cafile=str(made / "ca.pem"))
    context.load_cert_chain(made / "server.pem", made / "server.key")
    assert answer_to(guided.port, context) == b""


def test_headquarters_renews_a_terminals_certificate_with_this_authority(
    made: Path, tmp_path: Path, clients: Clients
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "plant-1/gate-a")])
    asked = x509.CertificateSigningRequestBuilder().subject_name(named).sign(key, hashes.SHA256())
    request = asked.public_bytes(Encoding.PEM).decode("ascii")
    given = (made / "ca.pem", made / "ca.key", timedelta(days=365))
    renewed = Credentials(made / "ca.pem", tmp_path / "new.pem", tmp_path / "new.key")
    renewed.certificate.write_text(issue(request, *given, datetime.now(UTC)))
    renewed.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    gate = clients.connect(renewed, "a")
    gate.publish(topic(GATE_A, Channel.EVENTS), b"mine")
