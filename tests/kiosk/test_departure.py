"""A terminal goes out of service: its last record first, then nothing of it is left."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from kiosk import log
from kiosk.cli import cli
from kiosk.departure import depart
from kiosk.leaving import Note, decide, is_over, noted
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import open_stores
from store.chain import check_record
from store.departure import LEAVING, PROOF
from store.documents import open_document, seal_document
from store.files import place
from store.keys import load_public_key
from store.ledger import newest
from store.records import Instant, Punch
from store.settings import HqSection, StoreSection
from sync.contract.documents import build_receipt
from sync.contract.topics import Address
from sync.contract.verify import Head
from tests.killing import die_before, is_killed
from tests.kiosk.made import consenting, settings_file
from tests.kiosk.ordered import HQ, NOW, NUMBER, UTC_NOW, ordered, ordered_terminal


class Clock:
    """A clock that stands."""

    def now(self) -> Instant:
        return NOW


class Arriving(threading.Event):
    """Waits as `stopping` would; headquarters' receipt comes meanwhile, then the end."""

    def __init__(self, settings: Settings, key: Ed25519PrivateKey = HQ) -> None:
        super().__init__()
        self.settings, self.key, self.waits = settings, key, 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        if self.waits == 1:
            confirm(self.settings, self.key)
        return self.waits > 2


def confirm(settings: Settings, key: Ed25519PrivateKey = HQ) -> None:
    with open_stores(settings) as stores:
        head = stores.ledger.head()
        mine = Head(head.seq, head.hash)
        raw = build_receipt(key, Address("plant-1", "gate-a"), mine, UTC_NOW)
        stores.delivery.save_receipt(raw, head.seq, head.hash)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = ordered_terminal(tmp_path / "data")
    with open_stores(made) as stores:
        consenting(stores, NUMBER)
        stores.ledger.append(Punch(person=NUMBER, method="face"), NOW)
    return made


def station(settings: Settings) -> Station:
    return Station(settings, Overrides(settings))


def note_of(settings: Settings) -> Note:
    found = noted(settings)
    assert found is not None
    return found


def left_in(settings: Settings) -> list[str]:
    directory = settings.store.directory
    return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


def test_ordered_it_ends_as_for_a_restart_and_serves_nobody_after(settings: Settings) -> None:
    with open_stores(settings) as stores:
        at_work = station(settings)
        assert noted(settings) is None
        assert ordered(stores, at_work, "erase_terminal", 5) == ("done", "leaving")
        assert at_work.restart == "decommissioned"
        assert note_of(settings).why == "ordered"
        assert ordered(stores, at_work, "ping", 6) == ("done", "")  # what waits is answered


def test_the_last_record_is_delivered_before_anything_is_erased(settings: Settings) -> None:
    decide(settings, "ordered", at_once=False)
    public = load_public_key(settings.store.keys / "signing.pub")
    assert depart(settings, note_of(settings), Clock(), Arriving(settings)) == ()
    assert left_in(settings) == [PROOF]
    check_proof(settings, public)


def check_proof(settings: Settings, public: Ed25519PublicKey) -> None:
    """The proof says by the terminal's signature that it is over, and by headquarters' receipt."""
    proof = json.loads((settings.store.directory / PROOF).read_bytes())
    record = proof["record"]
    payload = record["payload"].encode()
    digest, previous = bytes.fromhex(record["hash"]), bytes.fromhex(record["previous"])
    signature = base64.b64decode(record["signature"])
    assert check_record(public, previous, payload, digest, signature)
    assert json.loads(payload)["kind"] == "decommission"
    assert json.loads(payload)["body"]["people"] == 1
    assert NUMBER not in record["payload"]
    receipt = open_document(HQ.public_key(), "receipt", json.dumps(proof["receipt"]).encode())
    assert receipt["hash"] == record["hash"]


def test_without_the_receipt_nothing_is_erased_and_the_next_start_goes_on(
    settings: Settings,
) -> None:
    decide(settings, "ordered", at_once=False)
    before = left_in(settings)
    forger = Ed25519PrivateKey.generate()
    assert depart(settings, note_of(settings), Clock(), Arriving(settings, forger)) is None
    assert set(before) <= set(left_in(settings))
    with open_stores(settings) as stores:
        kinds = [record.kind for record in stores.ledger.records(0, 100)]
        assert (kinds.count("decommission"), kinds[-1]) == (1, "decommission")
    assert depart(settings, note_of(settings), Clock(), Arriving(settings)) == ()


def test_a_lost_ledger_waits_to_know_its_numbers_before_the_last_record(
    settings: Settings,
) -> None:
    with open_stores(settings) as stores:
        stores.ledger.await_receipt("lost")
    decide(settings, "ordered", at_once=False)

    class Resuming(Arriving):
        """First headquarters' receipt for what it has, through the inbox; then for the rest."""

        def wait(self, timeout: float | None = None) -> bool:
            self.waits += 1
            if self.waits == 1:
                with open_stores(settings) as stores:
                    assert newest(stores.ledger_db, "decommission") is None
                    known = build_receipt(
                        HQ, Address("plant-1", "gate-a"), Head(40, b"h" * 32), UTC_NOW
                    )
                    stores.delivery.post_inbox("receipt", known)
            elif timeout:
                with open_stores(settings) as stores:
                    head = stores.ledger.head()
                    later = UTC_NOW + timedelta(seconds=self.waits)
                    mine = Head(head.seq, head.hash)
                    raw = build_receipt(HQ, Address("plant-1", "gate-a"), mine, later)
                    stores.delivery.save_receipt(raw, head.seq, head.hash)
            return self.waits > 9

    assert depart(settings, note_of(settings), Clock(), Resuming(settings)) == ()
    proof = json.loads((settings.store.directory / PROOF).read_bytes())
    assert json.loads(proof["record"]["payload"])["seq"] > 41


def test_a_note_that_the_terminal_did_not_sign_erases_nothing(settings: Settings) -> None:
    note = Note(site="plant-1", terminal="gate-a", why="ordered", at_once=True)
    forged = seal_document(HQ, "leaving", note.model_dump(mode="json"))
    for raw in (forged, b"", b"{}"):
        place(settings.store.directory / LEAVING, raw)
        assert noted(settings) is None


def test_a_proof_that_the_terminal_did_not_sign_ends_and_erases_nothing(
    settings: Settings,
) -> None:
    """Sync could have written it; it would have what is not delivered yet erased."""
    (settings.store.directory / PROOF).write_text(
        '{"site": "plant-1", "terminal": "gate-a", "record": {"payload": "{}", "previous": "", '
        '"hash": "", "signature": ""}}'
    )
    assert not is_over(settings)
    decide(settings, "ordered", at_once=False)
    forger = Ed25519PrivateKey.generate()
    assert depart(settings, note_of(settings), Clock(), Arriving(settings, forger)) is None
    assert (settings.store.directory / "ledger.db").exists()


def test_a_proof_without_a_note_serves_nobody_and_says_so(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log, "begin", lambda: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    decide(settings, "technician", at_once=True)
    depart(settings, note_of(settings), Clock(), threading.Event())
    config = settings_file(settings.store.directory)
    assert CliRunner().invoke(cli, ["run", "--config", str(config)]).exit_code == 0
    assert "out_of_service" in caplog.text
    assert left_in(settings) == [PROOF, "kiosk.toml"]


def test_a_technician_is_told_what_is_lost_and_what_is_left_to_do(settings: Settings) -> None:
    config = settings_file(settings.store.directory)
    asked = CliRunner().invoke(
        cli, ["decommission", "--at-once", "--config", str(config)], input="n\n"
    )
    assert "headquarters lacks 3 records" in asked.stderr
    assert noted(settings) is None
    words = ["decommission", "--at-once", "--yes", "--config", str(config)]
    told = CliRunner().invoke(cli, words)
    assert "3 records that headquarters lacked are lost" in told.output
    assert "kiosk-hq terminals decommission plant-1/gate-a --lost" in told.output
    assert left_in(settings) == [PROOF]


def test_keys_and_models_elsewhere_and_backups_are_treated_each_as_is_right(
    settings: Settings, tmp_path: Path
) -> None:
    """Weights stay, backups made here go, and what cannot be erased is said."""
    models, backups = settings.store.directory / "models", tmp_path / "backups"
    for folder in (models, backups):
        folder.mkdir()
    (models / "net.onnx").write_bytes(b"w")
    mine, others = "plant-1.gate-a.20260302T020000Z.age", "plant-1.gate-b.20260302T020000Z.age"
    for name in (mine, mine + ".sha256", others):
        (backups / name).write_bytes(b"x")
    changed = settings.model_copy(
        update={
            "recognition": settings.recognition.model_copy(update={"weights": models}),
            "backup": _backup(backups),
        }
    )
    decide(changed, "technician", at_once=True)
    depart(changed, note_of(changed), Clock(), threading.Event())
    assert left_in(changed) == [PROOF, "models/net.onnx"]
    assert [path.name for path in backups.iterdir()] == [others]


def _backup(directory: Path) -> object:
    from store.backup import BackupSection

    return BackupSection.model_construct(directory=directory)


def killed_at(settings: Settings, folder: Path, steps: int) -> bool:
    """Leave with a SIGKILL before that step, and again; whether the first one was killed."""
    shutil.copytree(settings.store.directory, folder)
    store = StoreSection(directory=folder, keys=folder / "keys")
    own = settings.model_copy(
        update={"store": store, "hq": HqSection(public_key=folder.parent / "hq.pub")}
    )
    decide(own, "ordered", at_once=True)

    def work() -> None:
        die_before(steps)
        depart(own, note_of(own), Clock(), threading.Event())

    killed = is_killed(work)
    if (note := noted(own)) is not None:
        depart(own, note, Clock(), threading.Event())
    assert left_in(own) == [PROOF], steps
    proof = json.loads((folder / PROOF).read_bytes())
    assert json.loads(proof["record"]["payload"])["kind"] == "decommission"
    shutil.rmtree(folder)
    return killed


def _movable(settings: Settings, tmp_path: Path) -> Settings:
    """Headquarters' key beside the copies: it is configuration and stays."""
    (settings.store.directory / "hq.pub").rename(tmp_path / "hq.pub")
    return settings.model_copy(update={"hq": HqSection(public_key=tmp_path / "hq.pub")})


@pytest.mark.parametrize("steps", [45, 58])
def test_killed_while_leaving_the_next_start_completes_it(
    settings: Settings, tmp_path: Path, steps: int
) -> None:
    assert killed_at(_movable(settings, tmp_path), tmp_path / "copy", steps)


@pytest.mark.soak
def test_killed_at_any_step_the_next_start_completes_it(settings: Settings, tmp_path: Path) -> None:
    own, steps = _movable(settings, tmp_path), 0
    while killed_at(own, tmp_path / "copy", steps):
        steps += 1
    assert steps > 50
