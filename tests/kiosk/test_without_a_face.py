"""`kiosk run` where nothing can be recognised: badges go on, also across a restart."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kiosk.settings import load
from kiosk.stores import Stores, open_stores
from tests.kiosk.made import now
from tests.kiosk.ordered import TOML, ordered_terminal

SETTINGS = (
    TOML
    + """
[camera]
source = "v4l2"
device = 99
[recognition]
weights = "no-weights"
[badge]
source = "serial"
device = "{device}"
[decision]
repeat_s = 3600
[indicators]
pins = "mock"
"""
)


class Terminal:
    """A running daemon: what it logs, line by line, and a badge reader on a pseudo terminal."""

    def __init__(self, config: Path, master: int) -> None:
        self._master = master
        kiosk = Path(sys.executable).parent / "kiosk"
        self.process = subprocess.Popen(
            [str(kiosk), "run", "--config", str(config)], stderr=subprocess.PIPE, text=True
        )
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if line.startswith("{"):  # OpenCV has its own to say of a camera that is not there
                self._lines.put(json.loads(line))

    def wait_for(self, event: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The next line of that event; raises `queue.Empty`."""
        while True:
            line = self._lines.get(timeout=timeout_s)
            if line["event"] == event:
                return line

    def end(self) -> None:
        """Gone, with its pipe."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def badge(self, code: bytes) -> dict[str, Any]:
        """Hold up a badge, again until the reader is open; what came of it."""
        while True:
            os.write(self._master, code + b"\r")
            try:
                return self.wait_for("presentation", 2.0)
            except queue.Empty:
                assert self.process.poll() is None


@contextmanager
def running(config: Path, master: int) -> Iterator[Terminal]:
    terminal = Terminal(config, master)
    try:
        terminal.wait_for("ready")
        yield terminal
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(30) == 0
    finally:
        terminal.end()


def bodies(stores: Stores, *kinds: str) -> list[dict[str, Any]]:
    contents = [record.content() for record in stores.ledger.records(0, 1000)]
    return [content.body for content in contents if content.kind in kinds]


def test_without_weights_and_camera_badges_are_punches_and_the_window_outlasts_a_restart(
    tmp_path: Path,
) -> None:
    ordered_terminal(tmp_path)
    master, slave = os.openpty()
    tty.setraw(slave)
    config = tmp_path / "kiosk.toml"
    config.write_text(SETTINGS.format(device=os.ttyname(slave)))
    with open_stores(load(config)) as stores:
        stores.register.upsert("1002", "Name", "en", "active", None, now())
        stores.register.set_badge("1002", stores.badge_key.badge("0042"), now())
    with running(config, master) as terminal:
        assert terminal.badge(b"0043")["decision"] == "unknown_badge"
        assert terminal.badge(b"0042")["decision"] == "punch"
    with running(config, master) as terminal:
        assert terminal.badge(b"0042")["decision"] == "repeat"
    with open_stores(load(config)) as stores:
        faults = [body["code"] for body in bodies(stores, "fault")]
        (punch,) = bodies(stores, "punch")
        repeats = bodies(stores, "repeat")
        boots = bodies(stores, "boot")
        assert stores.gallery.consents("1002") == []
    assert (punch["person"], punch["method"], punch["direction"]) == ("1002", "badge", "in")
    assert {body["person"] for body in repeats} == {"1002"}
    assert {"models_unavailable", "camera_unavailable"} <= set(faults)
    assert len(faults) == len(set(faults)), "a fault that stands is told once"
    assert {"models_unavailable", "camera_unavailable"} <= set(boots[1]["faults"])
    os.close(slave)
    os.close(master)
