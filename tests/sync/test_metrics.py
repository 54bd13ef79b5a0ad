"""What node_exporter finds on a terminal: every number of the status, with a broker or without."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from morning.broker import Broker
from morning.pki import Authority
from store.database import open_database
from store.keys import create_keys, load_database_key
from store.settings import load_settings
from sync.contract.status import Status, build_status, parse_status
from sync.courier import Courier
from sync.daemon import run
from sync.metrics import exposition
from sync.metrics_file import MetricsFile
from sync.reception import REFUSALS
from sync.settings import Settings
from sync.stopping import Stop
from sync.transport_memory import MemoryBroker, MemoryTransport
from tests.sync.made import GATE_A, HQ_KEY, NOON, Clock, MemoryOutbox, head_of, receipt, until

Samples = dict[tuple[str, str], float]
REPORT: dict[str, Any] = {
    "faults": ("disk_nearly_full", "too_hot"),
    "clock_synchronised": True,
    "clock_error_ms": 12,
    "disk_free": 400_000_000,
    "disk_size": 31_000_000_000,
    "temperature_c": 81.5,
    "power": ("undervoltage_occurred",),
    "certificate_expires": NOON,
    "ca_expires": NOON,
}
FULL = parse_status(
    build_status(
        state="online",
        now=NOON,
        head=12,
        confirmed=5,
        version="0.1.0",
        fault="ledger_forked",
        refused={"forged": 3},
        receipt_time=NOON,
        report=REPORT,
    )
)
BARE = parse_status(build_status(state="online", now=NOON, head=0, confirmed=0, version="0.1.0"))


def read(text: str) -> Samples:
    """By name and the one label's value, as the library's own parser reads them."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics(status: Status, *, connected: bool = True) -> Samples:
    return read(exposition(status, connected=connected).decode())


def test_every_number_of_the_status_is_a_metric_in_its_base_unit() -> None:
    found = metrics(FULL)
    refused = {k: v for k, v in found.items() if k[0] == "kiosk_refused_messages_total"}
    flags = {k[1] for k, v in found.items() if k[0] == "kiosk_power_flag" and v == 1}
    assert refused == {("kiosk_refused_messages_total", r): 3 * (r == "forged") for r in REFUSALS}
    assert flags == {"undervoltage_occurred"}
    assert {k: v for k, v in found.items() if k not in refused and "power" not in k[0]} == {
        ("kiosk_info", "0.1.0"): 1,
        ("kiosk_connected", ""): 1,
        ("kiosk_ledger_head", ""): 12,
        ("kiosk_confirmed", ""): 5,
        ("kiosk_outbox_records", ""): 7,
        ("kiosk_last_receipt_timestamp_seconds", ""): NOON.timestamp(),
        ("kiosk_clock_synchronised", ""): 1,
        ("kiosk_clock_error_seconds", ""): 0.012,
        ("kiosk_disk_free_bytes", ""): 400_000_000,
        ("kiosk_disk_size_bytes", ""): 31_000_000_000,
        ("kiosk_temperature_celsius", ""): 81.5,
        ("kiosk_fault", "disk_nearly_full"): 1,
        ("kiosk_fault", "too_hot"): 1,
        ("kiosk_fault", "ledger_forked"): 1,
        ("kiosk_certificate_expiry_timestamp_seconds", "certificate"): NOON.timestamp(),
        ("kiosk_certificate_expiry_timestamp_seconds", "ca"): NOON.timestamp(),
    }


def test_what_is_not_told_has_no_metric() -> None:
    text = exposition(BARE, connected=False).decode()
    assert {name for name, _ in read(text)} == {
        "kiosk_info",
        "kiosk_connected",
        "kiosk_ledger_head",
        "kiosk_confirmed",
        "kiosk_outbox_records",
        "kiosk_refused_messages_total",
    }
    assert "kiosk_temperature" not in text


def test_every_metric_says_what_it_is() -> None:
    for family in text_string_to_metric_families(exposition(FULL, connected=True).decode()):
        assert family.documentation.endswith("."), family.name
        assert family.type == ("counter" if "refused" in family.name else "gauge"), family.name


@given(st.text(min_size=1, max_size=64))
def test_a_code_of_any_text_breaks_no_line(code: str) -> None:
    found = metrics(BARE.model_copy(update={"faults": (code,)}))
    assert len([key for key in found if key[0] == "kiosk_fault"]) == 1
    assert ("kiosk_ledger_head", "") in found


def test_promtool_has_nothing_to_say() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool (Debian: apt-get install prometheus)")
    done = subprocess.run(
        [promtool, "check", "metrics"],
        input=exposition(FULL, connected=True),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class Post:
    """A courier on a broker in memory, and its metrics file."""

    def __init__(self, path: Path, outbox: MemoryOutbox | None = None) -> None:
        self.path, self.clock, self.outbox = path, Clock(), outbox or MemoryOutbox()
        self.courier = Courier(
            GATE_A, self.outbox, HQ_KEY.public_key(), Random(1), self.clock, version="0.1.0"
        )
        self.broker = MemoryBroker()
        self.transport = MemoryTransport(self.broker, "gate-a", will=self.courier.will)
        self.file = MetricsFile(path, 60.0, self.clock)

    def turn(self) -> None:
        self.courier.step(self.transport)
        self.file.keep(self.courier, connected=self.transport.connection is not None)

    def read(self, name: str) -> float:
        return read(self.path.read_text())[name, ""]


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path / "kiosk.prom")


def test_without_a_broker_the_backlog_is_still_seen_to_grow(post: Post) -> None:
    post.turn()
    assert (post.read("kiosk_connected"), post.read("kiosk_outbox_records")) == (0, 0)
    post.outbox.punch(3)
    post.clock.pass_s(59)
    post.turn()
    assert post.read("kiosk_outbox_records") == 0, "a minute is soon enough"
    post.clock.pass_s(1)
    post.turn()
    assert (post.read("kiosk_connected"), post.read("kiosk_outbox_records")) == (0, 3)


def test_a_status_that_was_sent_and_a_lost_broker_are_written_at_once(post: Post) -> None:
    post.transport.start()
    post.turn()
    assert post.read("kiosk_connected") == 1
    post.outbox.punch(2)
    post.clock.pass_s(1)
    post.turn()
    assert post.read("kiosk_ledger_head") == 2
    post.broker.stop()
    post.turn()
    assert post.read("kiosk_connected") == 0


def test_the_last_receipt_is_told_by_its_own_time(post: Post) -> None:
    post.outbox.punch(2)
    post.outbox.save_receipt(receipt(head_of(post.outbox.ledger[:1])), head_of(post.outbox.ledger))
    post = Post(post.path, post.outbox)  # a new process
    post.turn()
    assert post.read("kiosk_last_receipt_timestamp_seconds") == NOON.timestamp()
    assert post.read("kiosk_outbox_records") == 1
    assert parse_status(post.courier.status()).receipt_time == NOON


def test_anybody_can_read_the_file_and_nothing_else_is_left(post: Post) -> None:
    before = os.umask(0o077)
    try:
        post.turn()
    finally:
        os.umask(before)
    assert stat.S_IMODE(post.path.stat().st_mode) == 0o644
    assert [entry.name for entry in post.path.parent.iterdir()] == ["kiosk.prom"]


def test_a_file_that_cannot_be_written_is_said_once_and_delivery_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    post = Post(tmp_path / "later" / "kiosk.prom")
    post.transport.start()
    caplog.set_level(logging.INFO, "sync.metrics")
    for _ in range(3):
        post.outbox.punch()
        post.clock.pass_s(60)
        post.turn()
    events = [m for m in post.broker.history if m.topic.endswith("/events")]
    assert len(events) == 3
    assert [record.message for record in caplog.records] == ["metrics_not_written"]
    post.path.parent.mkdir()
    post.clock.pass_s(60)
    post.turn()
    assert post.read("kiosk_ledger_head") == 3
    assert caplog.records[-1].message == "metrics_written_again"


def test_a_disk_that_fills_up_leaves_the_old_file_whole(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.turn()
    before = post.path.read_bytes()

    def full(fd: int, mode: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("sync.metrics_file.os.fchmod", full)
        post.clock.pass_s(60)
        post.turn()
    assert post.path.read_bytes() == before
    assert [entry.name for entry in post.path.parent.iterdir()] == ["kiosk.prom"]


@pytest.fixture
def config(tmp_path: Path, authority: Authority) -> Path:
    create_keys(tmp_path / "keys")
    (tmp_path / "data").mkdir()
    with load_database_key(tmp_path / "keys", "ledger") as key:
        open_database(tmp_path / "data" / "ledger.db", key, create=True).close()
    tls = authority.client("plant-1/gate-a", datetime.now(UTC))
    path = tmp_path / "kiosk.toml"
    path.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "Europe/Berlin"\n'
        '[store]\ndirectory = "data"\nkeys = "keys"\n[hq]\npublic_key = "keys/signing.pub"\n'
        f'[mqtt]\nhost = "localhost"\nport = 1\nca = "{tls.ca}"\nkey = "{tls.key}"\n'
        f'certificate = "{tls.certificate}"\nstatus_every_s = 1\n'
        '[status]\nmetrics_file = "kiosk.prom"\n'
    )
    return path


@pytest.fixture
def stop() -> Iterator[Stop]:
    stop = Stop()
    yield stop
    stop.request()


def start(config: Path, stop: Stop) -> threading.Thread:
    settings = load_settings(config, Settings)
    thread = threading.Thread(
        target=run, args=(settings, config.parent / "keys", stop, Random(1), "0.1.0")
    )
    thread.start()
    return thread


def told(config: Path) -> Samples:
    path = config.parent / "kiosk.prom"
    return read(path.read_text()) if path.exists() else {}


def test_the_daemon_writes_them_where_nobody_listens(config: Path, stop: Stop) -> None:
    thread = start(config, stop)
    until(lambda: told(config).get(("kiosk_connected", "")) == 0, "a file that says so")
    stop.request()
    thread.join(30)
    found = told(config)
    assert found["kiosk_certificate_expiry_timestamp_seconds", "certificate"] > NOON.timestamp()
    assert found["kiosk_disk_size_bytes", ""] > found["kiosk_disk_free_bytes", ""] > 0


def test_the_daemon_tells_whether_the_real_broker_is_there(
    config: Path, stop: Stop, broker: Broker
) -> None:
    config.write_text(config.read_text().replace("port = 1\n", f"port = {broker.port}\n"))
    thread = start(config, stop)
    until(lambda: told(config).get(("kiosk_connected", "")) == 1, "connected")
    stop.request()
    thread.join(30)
    assert told(config)["kiosk_connected", ""] == 0, "who ended is not connected"
