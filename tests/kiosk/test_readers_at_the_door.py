"""`kiosk run` with nothing but a serial badge reader: no camera, no weights, and still punches."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.settings import load
from kiosk.stores import open_stores
from tests.kiosk.made import now, terminal
from tests.kiosk.test_readers import LONG_S, Port

CODE = "0009127734"
SETTINGS = """
[terminal]
site = "plant-1"
name = "gate-a"
zone = "UTC"
[store]
directory = "."
keys = "keys"
[hq]
public_key = "hq.pub"
[camera]
source = "v4l2"
device = "/dev/none"
[recognition]
weights = "none"
[indicators]
pins = "mock"
[badge]
source = "serial"
device = "reader"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A terminal with 1001, who never gave a face, and badge and reader."""
    with open_stores(terminal(tmp_path)) as stores:
        stores.gallery.add_person("1001", "A", "en", now())
        stores.register.set_badge("1001", stores.badge_key.badge(CODE), now())
    config = tmp_path / "kiosk.toml"
    config.write_text(SETTINGS)
    return config


def events(daemon: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """What the daemon logs, as it does."""
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if line.startswith("{"):
            yield json.loads(line)


def test_a_badge_is_a_punch_where_there_is_neither_camera_nor_model(config: Path) -> None:
    port = Port(config.parent)
    kiosk = Path(sys.executable).parent / "kiosk"
    daemon = subprocess.Popen(
        [str(kiosk), "run", "--config", str(config)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=config.parent,
    )
    too_late = threading.Timer(3 * LONG_S, daemon.kill)
    too_late.start()
    try:
        said = []
        for event in events(daemon):
            said.append(event)
            if {"ready", "reader_ready"} == {e["event"] for e in said} & {"ready", "reader_ready"}:
                break
        port.type(f"{CODE}\r\n".encode())
        for event in events(daemon):
            said.append(event)
            if event["event"] == "presentation":
                break
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=LONG_S) == 0
    finally:
        too_late.cancel()
        daemon.kill()
        daemon.wait()
        assert daemon.stderr is not None
        daemon.stderr.close()
    with open_stores(load(config)) as stores:
        records = [record.content() for record in stores.ledger.records(0, 100)]
    punches = [record.body for record in records if record.kind == "punch"]
    assert [(p["person"], p["method"], p["model"]) for p in punches] == [("1001", "badge", None)]
    assert not [event for event in said if CODE in str(event) or "1001" in str(event)]
