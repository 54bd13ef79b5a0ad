"""The line's security against a real mosquitto: TLS only, both sides known, own topics only."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from morning.broker import Broker as Mosquitto
from morning.pki import Authority, Credentials
from sync.contract.topics import Channel, topic
from sync.errors import CredentialError, NotConnectedError, PublishRefusedError
from sync.tls import tls_context
from sync.transport import MqttTransport
from tests.sync.made import GATE_A, GATE_B, until
from tests.sync.nets import Clients, answer_to, next_message, settings


@pytest.fixture
def clients(broker: Mosquitto) -> Iterator[Clients]:
    made = Clients(broker.port)
    yield made
    for client in made.made:
        client.close()


def test_plain_tcp_is_refused(broker: Mosquitto) -> None:
    answer = answer_to(broker.port, None)
    assert not answer.startswith(b"\x20")  # no CONNACK; a TLS alert at most


def test_no_certificate_no_connection(broker: Mosquitto, server: Credentials) -> None:
    context = ssl.create_default_context(cafile=str(server.ca))
    assert answer_to(broker.port, context) == b""


def test_a_certificate_of_another_authority_is_refused(
    broker: Mosquitto, server: Credentials, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "stranger", datetime.now(UTC)).client("hq", datetime.now(UTC))
    context = ssl.create_default_context(cafile=str(server.ca))
    context.load_cert_chain(stranger.certificate, stranger.key)
    assert answer_to(broker.port, context) == b""


def test_tls_older_than_1_2_is_neither_offered_nor_accepted(
    broker: Mosquitto, authority: Authority
) -> None:
    tls = authority.client("hq", datetime.now(UTC))
    assert tls_context(settings(1, tls, "x")).minimum_version is ssl.TLSVersion.TLSv1_2
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    assert answer_to(broker.port, context) == b""


def test_we_talk_to_no_broker_of_another_authority(
    broker: Mosquitto, clients: Clients, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = Authority(tmp_path / "other", datetime.now(UTC))
    client = clients.start(other.client("plant-1/gate-a", datetime.now(UTC)), "a")
    until(lambda: "broker_unreachable" in caplog.text, "the connection was refused")
    assert client.connection is None
    with pytest.raises(NotConnectedError):
        client.publish(topic(GATE_A, Channel.EVENTS), b"[]")


def test_we_talk_to_no_broker_under_another_name(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    imposter = authority.client("localhost", now)  # signed by our authority, but for a client
    folder = tmp_path / "imposter"
    folder.mkdir()
    with Mosquitto(folder, imposter) as broker:
        client = Clients(broker.port).start(authority.client("hq", now), "a")
        until(lambda: "CERTIFICATE_VERIFY_FAILED" in str(caplog_fields(caplog)), "refused")
        client.close()


def test_an_expired_broker_certificate_is_refused(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    expired = Authority(tmp_path / "own", now)
    server = expired.server(now - timedelta(days=40))
    folder = tmp_path / "expired"
    folder.mkdir()
    with Mosquitto(folder, server) as broker:
        client = Clients(broker.port).start(expired.client("hq", now), "a")
        until(lambda: "expired" in str(caplog_fields(caplog)), "refused")
        client.close()


def caplog_fields(caplog: pytest.LogCaptureFixture) -> list[object]:
    return [getattr(record, "fields", None) for record in caplog.records]


def test_a_terminal_writes_its_own_topics_and_no_others(
    clients: Clients, authority: Authority
) -> None:
    gate = clients.connect(authority.client("plant-1/gate-a", datetime.now(UTC)), "a")
    for channel in (Channel.EVENTS, Channel.STATUS, Channel.REPLY):
        gate.publish(topic(GATE_A, channel), b"mine")
        with pytest.raises(PublishRefusedError):
            gate.publish(topic(GATE_B, channel), b"another's")
    for address in (GATE_A, GATE_B):
        for channel in (Channel.RECEIPT, Channel.COMMAND):
            with pytest.raises(PublishRefusedError):
                gate.publish(topic(address, channel), b"headquarters'")


def test_a_terminal_reads_its_own_topics_and_no_others(
    clients: Clients, authority: Authority
) -> None:
    now = datetime.now(UTC)
    hq = clients.connect(authority.client("hq", now), "hq")
    spy_tls = authority.client("plant-1/gate-b", now)
    spy = clients.connect(spy_tls, "b", "kiosk/v1/#", topic(GATE_A, Channel.COMMAND))
    hq.publish(topic(GATE_A, Channel.COMMAND), b"for gate a")
    hq.publish(topic(GATE_B, Channel.COMMAND), b"for gate b")
    seen = [next_message(spy).payload]
    while (message := spy.receive(0.3)) is not None:
        seen.append(message.payload)
    assert set(seen) == {b"for gate b"}


def test_headquarters_writes_no_records(clients: Clients, authority: Authority) -> None:
    hq = clients.connect(authority.client("hq", datetime.now(UTC)), "hq")
    hq.publish(topic(GATE_A, Channel.RECEIPT), b"receipt")
    with pytest.raises(PublishRefusedError):
        hq.publish(topic(GATE_A, Channel.EVENTS), b"[]")


def test_another_terminals_session_gives_its_taker_nothing(
    clients: Clients, authority: Authority
) -> None:
    now = datetime.now(UTC)
    victim = clients.connect(
        authority.client("plant-1/gate-a", now), "gate-a", topic(GATE_A, Channel.COMMAND)
    )
    victim.close()
    hq = clients.connect(authority.client("hq", now), "hq")
    hq.publish(topic(GATE_A, Channel.COMMAND), b"for gate a")
    thief = clients.connect(
        authority.client("plant-1/gate-b", now), "gate-a", topic(GATE_B, Channel.COMMAND)
    )
    hq.publish(topic(GATE_A, Channel.COMMAND), b"also for gate a")
    hq.publish(topic(GATE_B, Channel.COMMAND), b"for gate b")
    seen = [next_message(thief).payload]
    while (message := thief.receive(0.3)) is not None:
        seen.append(message.payload)
    assert seen == [b"for gate b"]


@pytest.mark.parametrize("broken", ["missing", "not_pem", "other_key", "encrypted"])
def test_tls_files_that_cannot_be_used_are_named(
    authority: Authority, tmp_path: Path, broken: str
) -> None:
    tls = authority.client("plant-1/gate-a", datetime.now(UTC))
    key = tmp_path / "key.pem"
    if broken == "not_pem":
        key.write_text("hello")
    elif broken == "other_key":
        key.write_bytes(authority.client("hq", datetime.now(UTC)).key.read_bytes())
    elif broken == "encrypted":
        key.write_bytes(_encrypted(tls.key.read_bytes()))
    given = settings(1, Credentials(tls.ca, tls.certificate, key), "a")
    with pytest.raises(CredentialError, match="encrypted" if broken == "encrypted" else "key.pem"):
        MqttTransport(given, (), Random(1))


def _encrypted(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(pem, None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
