"""The command line of headquarters: what it prints and what it ends with."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
from pathlib import Path

import pytest
import rfc8785
from click.testing import CliRunner, Result

from hq.cli import main
from hq.database import Database
from hq.receiver import Receiver
from hq.terminals import add_terminal
from store.keys import create_keys
from sync.contract.events import build_batch
from sync.contract.status import build_status
from sync.contract.topics import Channel, topic
from tests.hq.made import POLICY, hq_settings
from tests.sync.made import GATE_A, GATE_A_KEY, GATE_B, HQ_KEY, NOON, chain, inbound

pytestmark = pytest.mark.usefixtures("left_as_found")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return hq_settings(tmp_path)


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def fill(config: Path) -> None:
    database = Database(f"sqlite:///{config.parent / 'hq.db'}")
    database.upgrade()
    add_terminal(database, GATE_A, GATE_A_KEY.public_key(), NOON)
    messages = [
        inbound(topic(address, Channel.EVENTS), build_batch(chain(2))[0])
        for address in (GATE_A, GATE_B)
    ]
    Receiver(database, HQ_KEY, POLICY).take(messages, NOON)
    database.close()


def test_keys_are_made_once_and_the_secret_one_is_secret(tmp_path: Path) -> None:
    done = call("keys", "create", tmp_path / "keys")
    private, public = (Path(line) for line in done.stdout.split())
    assert (private.name, public.name, done.exit_code) == ("hq.key", "hq.pub", 0)
    assert stat.S_IMODE(private.stat().st_mode) == 0o400
    before = private.read_bytes()
    again = call("keys", "create", tmp_path / "keys")
    assert (again.exit_code, private.read_bytes()) == (3, before)
    assert "is there already" in again.stderr


def test_a_terminal_is_added_once_and_listed(tmp_path: Path, config: Path) -> None:
    create_keys(tmp_path / "keys")
    public = tmp_path / "keys" / "signing.pub"
    words = ("terminals", "add", "plant-1", "gate-a", public, "--config", config)
    assert call(*words).stdout == "plant-1/gate-a added\n"
    assert call(*words).stdout == "plant-1/gate-a was registered already\n"
    [line] = json.loads(call("terminals", "list", "--json", "--config", config).stdout)
    assert (line["site"], line["terminal"], line["confirmed"]) == ("plant-1", "gate-a", 0)
    assert call("terminals", "list", "--config", config).stdout == "plant-1/gate-a  0\n"


def test_a_terminals_key_is_never_exchanged(tmp_path: Path, config: Path) -> None:
    for name in ("one", "two"):
        create_keys(tmp_path / name)
        public = tmp_path / name / "signing.pub"
        done = call("terminals", "add", "plant-1", "gate-a", public, "--config", config)
    assert done.exit_code == 1
    assert "registered with another key" in done.stderr


@pytest.mark.parametrize(
    ("site", "key", "code"), [("Plant 1", "signing.pub", 2), ("plant-1", "ca.pem", 3)]
)
def test_wrong_words_are_one_line_and_an_exit_code(
    tmp_path: Path, config: Path, site: str, key: str, code: int
) -> None:
    create_keys(tmp_path / "keys")
    (tmp_path / "keys" / "ca.pem").write_text("hello")
    done = call("terminals", "add", site, "gate-a", tmp_path / "keys" / key, "--config", config)
    assert (done.exit_code, done.stderr.count("\n")) == (code, 1)


def test_punches_events_and_alarms_are_reported(config: Path) -> None:
    fill(config)
    punches = json.loads(call("punches", "--json", "--config", config).stdout)
    assert [(p["seq"], p["person"], p["receipt"]) for p in punches] == [(1, "E1", 2), (2, "E2", 2)]
    events = json.loads(call("events", "--json", "--config", config).stdout)
    assert [event["kind"] for event in events] == ["punch", "punch"]
    [alarm] = json.loads(call("alarms", "--json", "--config", config).stdout)
    assert (alarm["what"], alarm["terminal"], alarm["count"]) == ("unknown", "gate-b", 1)
    for command in ("punches", "events", "alarms"):
        assert "plant-1/gate" in call(command, "--config", config).stdout


def test_the_events_alone_prove_a_terminals_chain(config: Path) -> None:
    """As docs/contract/README.md says it, with nothing of ours."""
    fill(config)
    head = bytes(32)
    for event in json.loads(call("events", "--json", "--config", config).stdout):
        assert event["previoushash"] == head.hex()
        head = hashlib.sha256(head + rfc8785.dumps(event["data"])).digest()
        assert event["hash"] == head.hex()
        signature = base64.b64decode(event["signature"], validate=True)
        GATE_A_KEY.public_key().verify(signature, b"kiosk-record-v1\0" + head)
    [terminal] = json.loads(call("terminals", "list", "--json", "--config", config).stdout)
    assert (terminal["confirmed"], terminal["hash"]) == (2, head.hex())


def test_every_mistake_in_the_settings_is_named(config: Path) -> None:
    config.write_text('[mqtt]\nhost = "h"\nport = 70000\n[hq]\nsigning_kee = "x"\n')
    done = call("punches", "--config", config)
    assert done.exit_code == 2
    for key in ("mqtt.port", "mqtt.ca", "hq.signing_kee", "signing_key"):
        assert key in done.stderr


def test_a_run_without_its_key_or_certificates_says_which(tmp_path: Path, config: Path) -> None:
    done = call("run", "--config", config)
    assert done.exit_code == 3
    assert "hq.key" in done.stderr
    call("keys", "create", tmp_path / "hq-keys")
    done = call("run", "--config", config)
    assert done.exit_code == 3
    assert str(tmp_path / "ca") in done.stderr


def test_a_database_that_cannot_be_used_says_so(config: Path) -> None:
    config.write_text(config.read_text() + '[database]\nurl = "nonsense://"\n')
    done = call("punches", "--config", config)
    assert (done.exit_code, "database.url" in done.stderr) == (4, True)


def test_a_terminals_state_backlog_and_faults_are_listed(config: Path) -> None:
    fill(config)
    database = Database(f"sqlite:///{config.parent / 'hq.db'}")
    report = {"faults": ("too_hot",)}
    status = build_status(state="online", now=NOON, head=5, confirmed=2, version="1", report=report)
    Receiver(database, HQ_KEY, POLICY).take([inbound(topic(GATE_A, Channel.STATUS), status)], NOON)
    database.close()
    listed = call("terminals", "list", "--config", config).stdout
    assert listed == "plant-1/gate-a  2  online  backlog 3  too_hot\n"
