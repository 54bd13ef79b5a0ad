"""The guide's examples, as they are, beside headquarters on a real mosquitto."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from hq.cli import main as hq_cli
from kiosk.orders import obey
from kiosk.stores import open_stores
from morning.pki import Authority
from store.database import open_database
from store.keys import load_database_key, load_signing_key
from store.ledger import Head as StoredHead
from store.ledger import Ledger
from store.records import Checkpoint, Punch, Record, Stop
from sync.contract.events import build_batch
from sync.contract.topics import Channel, topic
from sync.contract.verify import Head
from tests.contract.guest import EXAMPLES, Guest, Line
from tests.hq.plant import TERMINAL, Plant
from tests.hq.test_resumption import Terminal, resumed
from tests.sync.made import GATE_A, chain, head_of, instant, next_record, until

VECTORS = json.loads((EXAMPLES.parent / "vectors.json").read_bytes())


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("consumer", EXAMPLES / "consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


EXAMPLE = load_example()


@pytest.fixture
def guest(plant: Plant, authority: Authority) -> Iterator[Guest]:
    made = Guest(plant, authority)
    yield made
    made.close()


@pytest.fixture
def line(plant: Plant) -> Iterator[Line]:
    made = Line(plant)
    yield made
    made.close()


def test_a_consumer_that_comes_late_has_what_headquarters_has_after_a_replay(
    plant: Plant, guest: Guest
) -> None:
    terminal = Terminal(plant)
    hq = plant.start_hq()
    until(lambda: hq.said("broker_connected"), "headquarters is there first")
    plant.start_sync()
    with open_stores(terminal.settings) as stores:
        terminal.punch(stores, 5)
        until(lambda: plant.status().get("confirmed") == 5, "headquarters has the first punches")
        guest.start_consumer()
        terminal.punch(stores, 3)
        until(lambda: "gap plant-1/gate-a 1" in guest.errors(), "the consumer lacks them")
        [command] = re.findall("`kiosk-hq (.*)`", guest.errors())
        words = [*shlex.split(command), "--config", str(plant.folder / "hq.toml")]
        assert CliRunner().invoke(hq_cli, words).exit_code == 0

        def caught_up() -> bool:
            obey(stores, terminal.station, instant(datetime.now(UTC)))
            return len(guest.lines()) == 8

        until(caught_up, "the terminal has sent everything again")
        until(lambda: plant.status().get("confirmed") == stores.ledger.head().seq, "the reply")
        head = stores.ledger.head()
    assert [row["id"] for row in guest.lines()] == terminal.counted() == terminal.punches
    assert [row["n"] for row in guest.lines()] == list(range(1, 9))

    def at_the_head() -> bool:
        return guest.kept("SELECT seq, hash FROM heads") == [(head.seq, head.hash.hex())]

    until(at_the_head, "the consumer has the command's record too")
    assert guest.kept("SELECT what FROM alarms") == [("gap",)]
    assert plant.alarms() == []


def test_the_consumer_bears_whatever_a_line_or_a_terminal_does(
    plant: Plant, guest: Guest, line: Line
) -> None:
    plant.punch(6)
    real = plant.ledger.records(0, 6)
    consumer = guest.start_consumer()
    line.send(real[:2])
    line.send(real[:3])  # twice
    line.send(real[4:])  # a gap
    line.send_raw(b'[{"data": NaN}, 7]')
    forged = json.loads(build_batch(real[3:4])[0])
    forged[0]["data"]["body"]["person"] = "4712"
    line.send_raw(json.dumps(forged).encode())
    until(lambda: "refused plant-1/gate-a" in guest.errors(), "the forgery is noticed")
    assert "gap plant-1/gate-a 4" in guest.errors()
    consumer.kill()
    consumer.wait()
    line.send(real[3:4])  # while it is away
    guest.start_consumer()
    until(lambda: len(guest.lines()) == 6, "the gap is closed")

    later = line.signed(real[0], real[5], kind="handshake", id="h", body={"v": 9}, future=[1])
    body = {"v": 1, "person": "1", "method": "badge", "mood": "good"}
    richer = line.signed(real[0], later, id="later", body=body, future={"a": None})
    batch = json.loads(build_batch([later, richer])[0])
    line.send_raw(json.dumps([event | {"traceparent": "00-abc"} for event in batch]).encode())
    line.send([line.signed(real[0], real[4], id="other")])  # a second number 6
    until(lambda: "fork plant-1/gate-a 6" in guest.errors(), "the fork is noticed")

    fresh = resumed_ledger(plant, StoredHead(8, richer.hash), real[4])
    line.send(fresh)
    until(lambda: len(guest.lines()) == 9, "the head goes on behind the resumption")
    assert fresh[0].seq > 10_000
    assert "skipped plant-1/gate-a 9" in guest.errors()
    told = guest.lines()
    assert [row["seq"] for row in told[:7]] == [1, 2, 3, 4, 5, 6, 8]
    assert told[6]["body"] == body
    assert [row["id"] for row in told[7:]] == [record.id for record in fresh[-2:]]
    assert len({row["id"] for row in told}) == 9  # real[4] came under two numbers
    assert guest.kept("SELECT seq FROM heads") == [(fresh[-1].seq,)]


def resumed_ledger(plant: Plant, confirmed: StoredHead, again: Record) -> list[Record]:
    """What a terminal sends that lost its file, told `again` before and punched twice since."""
    plant.close_ledger()
    path = plant.folder / "data" / "ledger.db"
    for file in path.parent.glob("ledger*"):
        file.unlink()
    key = load_database_key(plant.folder / "keys", "ledger")
    with contextlib.closing(open_database(path, key, create=True)) as database:
        ledger = Ledger(database, TERMINAL, load_signing_key(plant.folder / "keys"))
        ledger.await_receipt("damaged")
        now = instant(datetime.now(UTC))
        ledger.carry([again])
        for _ in range(2):
            ledger.append(Punch(person="2", method="pin"), now)
        ledger.resume(confirmed, b"receipt", now)
        return ledger.records(0, 100)


def test_the_script_prints_punches_and_says_that_it_verifies_nothing(
    plant: Plant, guest: Guest, line: Line
) -> None:
    for program in ("jq", "mosquitto_sub"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program} (./scripts/test installs it)")
    plant.ledger.append(Punch(person="4711", method="face"), instant())
    plant.ledger.append(Stop(reason="stopped"), instant())
    guest.start_script()

    def printed() -> bool:
        line.send(plant.ledger.records(0, 2))  # nothing says when it has subscribed
        return bool(guest.lines("script"))

    until(printed, "the punch is printed")
    [record, _] = plant.ledger.records(0, 2)
    assert guest.lines("script")[0] == {
        "terminal": "plant-1/gate-a",
        "seq": 1,
        "id": record.id,
        "time": "2026-03-02T12:00:00.000000Z",
        "synchronised": True,
        "person": "4711",
        "method": "face",
        "direction": None,
    }
    assert "nothing here is verified" in (guest.folder / "script.err").read_text()


# -- without a broker


def consumer(folder: Path) -> Any:
    keys = folder / "keys" / "plant-1"
    keys.mkdir(parents=True, exist_ok=True)
    (keys / "gate-a.pub").write_text(VECTORS["keys"]["terminal"]["pem"])
    return EXAMPLE.Consumer(":memory:", folder / "keys")


def take(made: Any, *batches: list[Record]) -> None:
    for batch in batches:
        made.take(topic(GATE_A, Channel.EVENTS), build_batch(batch, max_records=1000)[0])


def alarms(made: Any) -> list[tuple[str, int]]:
    return [*made.db.execute("SELECT what, seq FROM alarms ORDER BY rowid")]


def counted(made: Any) -> list[str]:
    return [row[0] for row in made.db.execute("SELECT id FROM counted ORDER BY n")]


def test_the_consumer_finds_what_the_vectors_say(tmp_path: Path) -> None:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTORS["keys"]["terminal"]["public"]))
    for case in VECTORS["events"]:
        try:
            EXAMPLE.check("plant-1/gate-a", key, case["event"])
        except EXAMPLE.WRONG:
            assert case["result"] != "ok", case["why"]
        else:
            assert case["result"] == "ok", case["why"]
    for case in VECTORS["places"]:
        made = consumer(tmp_path)
        head = (case["head"]["seq"], case["head"]["hash"])
        with made.db:
            made.db.execute("INSERT INTO heads VALUES ('plant-1/gate-a', ?, ?)", head)
        made.take(topic(GATE_A, Channel.EVENTS), json.dumps([case["event"]]).encode())
        raised = {what for what, _ in alarms(made)} - {"skipped"}
        moved = made.head("plant-1/gate-a") != head
        found = "next" if moved else next(iter(raised), "known")
        assert found == case["result"], case


def test_the_consumer_goes_on_behind_a_checkpoint_and_keeps_what_comes_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, records = consumer(tmp_path), chain(8)
    end = next_record(head_of(records), Checkpoint(seq=5, hash=records[4].hash.hex()))
    take(made, records[:2], [*records[6:], end])
    assert made.head("plant-1/gate-a") == (5, records[4].hash.hex())
    assert alarms(made) == [("skipped", 3), ("gap", 6)]
    take(made, [records[5]], records[2:5])
    assert made.head("plant-1/gate-a") == (9, end.hash.hex())
    assert set(counted(made)) == {record.id for record in records}
    printed = [json.loads(text) for text in capsys.readouterr().out.splitlines()]
    assert [row["id"] for row in printed] == counted(made)


def test_the_consumer_takes_no_history_but_the_first(tmp_path: Path) -> None:
    made, records = consumer(tmp_path), chain(6)
    other = chain(4, head_of(records[:3]))
    wrong = resumed(Head(3, b"\x01" * 32))
    take(made, records[:4], other, wrong)
    assert made.head("plant-1/gate-a") == (4, records[3].hash.hex())
    assert ("fork", 4) in alarms(made)
    assert ("fork", wrong[0].seq) in alarms(made)
    take(made, records)
    assert counted(made) == [record.id for record in records]


def test_the_consumer_drops_what_waited_of_another_history(tmp_path: Path) -> None:
    made, records = consumer(tmp_path), chain(6)
    other = chain(3, head_of(records[:2]))
    take(made, other[1:], records[:3])  # 4 and 5 of the other history waited
    assert ("fork", 4) in alarms(made)
    take(made, records)
    assert counted(made) == [record.id for record in records]


@settings(max_examples=25)
@given(st.data())
def test_any_order_and_repetition_counts_every_punch_once(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    made, old = consumer(tmp_path_factory.getbasetemp()), chain(5)
    sent = [*old, *resumed(head_of(old[:3]), lost=old[3:])]
    for index in data.draw(st.lists(st.integers(0, len(sent) - 1), max_size=20)):
        take(made, [sent[index]])
    take(made, old, sent[5:])
    assert made.head("plant-1/gate-a") == (sent[-1].seq, sent[-1].hash.hex())
    punches = [record.id for record in sent if record.kind == "punch"]
    assert sorted(counted(made)) == sorted(set(punches))
    assert "fork" not in {what for what, _ in alarms(made)}
