"""From a blank machine to a terminal over a real broker, and what the join certificate opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from morning.broker import Broker
from morning.pki import Authority, Credentials
from store.site_file import open_site
from sync.contract.joining import Asking
from sync.contract.topics import Address, Channel, topic
from sync.errors import PublishRefusedError
from tests.hq.joined import Headquarters, Machine
from tests.hq.plant import Program
from tests.sync.made import until
from tests.sync.nets import Clients, next_message

GATE_B = Address("plant-1", "gate-b")


@pytest.fixture
def hq(tmp_path: Path, authority: Authority, broker: Broker) -> Headquarters:
    made = Headquarters(tmp_path / "hq", authority, broker.port)
    made.folder.mkdir()
    made.set_up(authority.client("hq", datetime.now(UTC)))
    return made


@pytest.fixture
def clients(broker: Broker) -> Iterator[Clients]:
    made = Clients(broker.port)
    yield made
    for client in made.made:
        client.close()


def pair(site: Path, authority: Authority, folder: Path) -> Credentials:
    """The site file's join certificate and key, as whoever has the file can use them."""
    content, _ = open_site(site.read_bytes())
    made = Credentials(authority.ca, folder / "stolen.pem", folder / "stolen.key")
    made.certificate.write_text(content.join_certificate or "")
    made.key.write_text(content.join_key or "")
    return made


def test_a_machine_joins_over_the_broker_by_one_command(
    hq: Headquarters, clients: Clients, authority: Authority, tmp_path: Path
) -> None:
    hq.signs()
    site = hq.site(joins=True)
    machine = Machine(tmp_path / "machine", tmp_path, hq.folder / "hq-keys" / "hq.pub")
    etc = machine.folder / "etc"
    program = Program("hq", hq.config, tmp_path / "hq.log")
    try:
        until(lambda: program.said("broker_connected"), "headquarters to listen")
        joined = machine.ask(site, "gate-b", hq.token())
        assert joined.output == "plant-1/gate-b has joined; start kiosk and kiosk-sync\n"
        assert sorted(path.name for path in etc.iterdir()) == [
            "ca.pem", "hq.pub", "kiosk.toml", "tls.key", "tls.pem",
        ]  # fmt: skip
        assert program.running
    finally:
        program.stop()
    assert hq.run("alarms").output == ""
    assert "plant-1/gate-b" in hq.run("terminals", "list").output

    own = Credentials(authority.ca, etc / "tls.pem", etc / "tls.key")
    terminal = clients.connect(own, "gate-b", topic(GATE_B, Channel.RECEIPT))
    terminal.publish(topic(GATE_B, Channel.EVENTS), b"[]")
    answering = clients.connect(authority.client("hq", datetime.now(UTC)), "hq")
    answering.publish(topic(GATE_B, Channel.RECEIPT), b"receipt")
    assert next_message(terminal).payload == b"receipt"


def test_the_join_certificate_opens_its_own_request_and_answer_and_nothing_else(
    hq: Headquarters, clients: Clients, authority: Authority, tmp_path: Path
) -> None:
    stolen = pair(hq.site(joins=True), authority, tmp_path)
    mine, theirs = Asking("plant-1", "a" * 64), Asking("plant-1", "b" * 64)
    thief = clients.connect(stolen, mine.id, "#", theirs.answer_topic)
    answering = clients.connect(authority.client("hq", datetime.now(UTC)), "hq", "kiosk/v1/#")
    terminal = clients.connect(authority.client(str(GATE_B), datetime.now(UTC)), "gate-b")
    elsewhere = Asking("plant-2", mine.id).request_topic
    closed = [topic(GATE_B, channel) for channel in Channel]
    for name in (theirs.request_topic, elsewhere, mine.answer_topic, *closed):
        with pytest.raises(PublishRefusedError):
            thief.publish(name, b"x")
    for asking in (mine, theirs):  # and no terminal asks for another or answers
        for name in (asking.request_topic, asking.answer_topic):
            with pytest.raises(PublishRefusedError):
                terminal.publish(name, b"x")
    thief.publish(mine.request_topic, b"asked")
    assert next_message(answering).payload == b"asked"
    for name in (theirs.answer_topic, topic(GATE_B, Channel.COMMAND)):
        answering.publish(name, b"not for it")
    answering.publish(mine.answer_topic, b"answer")
    assert next_message(thief).payload == b"answer"
    assert thief.receive(0.2) is None
