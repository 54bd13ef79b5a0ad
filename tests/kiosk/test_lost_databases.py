"""`kiosk run` on databases that cannot be gone on with: it goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.cameras import Frame
from kiosk.indicators import Signal
from kiosk.settings import load
from kiosk.stores import open_stores
from recognizer.pipeline import RecognizerSettings, open_recognizer
from store.errors import ReplacedDatabaseError, RolledBackError, UnsoundDatabaseError, WrongKeyError
from tests.kiosk.made import Lamps
from tests.kiosk.made import door as made_door
from tests.kiosk.made import terminal as bare_terminal
from tests.kiosk.ordered import ordered_terminal
from tests.kiosk.test_restart import SETTINGS


def terminal(folder: Path, weights: Path) -> Path:
    """A terminal that has worked, with a camera that shows an empty room twice."""
    ordered_terminal(folder)
    (folder / "room").mkdir()
    for name in ("a", "b"):
        picture = np.full((480, 640, 3), 90, dtype=np.uint8)
        cv2.imwrite(str(folder / "room" / f"{name}.png"), picture)
    config = folder / "kiosk.toml"
    text = SETTINGS.format(weights=weights).replace('at_end = "repeat"', 'at_end = "stop"')
    config.write_text(text)
    assert run(config).returncode == 0
    return config


def run(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "kiosk"), "run", "--config", str(config)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def codes(config: Path) -> list[str]:
    with open_stores(load(config)) as stores:
        records = stores.ledger.records(0, 10_000)
    return [r.content().body["code"] for r in records if r.kind == "fault"]


@pytest.mark.slow
def test_a_damaged_ledger_and_gallery_are_set_aside_by_the_start(
    tmp_path: Path, weights_dir: Path
) -> None:
    config = terminal(tmp_path, weights_dir)
    for name in ("ledger", "gallery"):
        path = tmp_path / f"{name}.db"
        content = bytearray(path.read_bytes())
        content[500] ^= 1
        path.write_bytes(content)
    with pytest.raises((UnsoundDatabaseError, WrongKeyError)), open_stores(load(config)):
        pass  # a command of the command line does not begin anew
    done = run(config)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("database_set_aside") == 2
    assert {"ledger_damaged", "gallery_damaged"} <= set(codes(config))
    assert (tmp_path / "quarantine" / "ledger-2" / "ledger.db").exists()
    assert run(config).returncode == 0
    assert codes(config).count("ledger_damaged") == 1


@pytest.mark.slow
def test_an_old_ledger_is_set_aside_by_the_start_alone(tmp_path: Path, weights_dir: Path) -> None:
    config = terminal(tmp_path, weights_dir)
    old = (tmp_path / "ledger.db").read_bytes()
    assert run(config).returncode == 0
    (tmp_path / "ledger.db").write_bytes(old)
    with pytest.raises(RolledBackError), open_stores(load(config)):
        pass
    assert run(config).returncode == 0
    assert codes(config)[-1] == "ledger_rolled_back"


class _Room:
    """An empty room, and the ledger's file taken away after the first look."""

    def __init__(self, ledger: Path) -> None:
        self._ledger = ledger

    def frames(self) -> Iterator[Frame]:
        picture = np.full((480, 640, 3), 90, dtype=np.uint8)
        yield Frame(picture, 0.0)
        self._ledger.rename(self._ledger.with_name("taken"))
        self._ledger.write_bytes(b"")
        yield Frame(picture[:, :, 0], 0.1)
        for n in range(20):  # so many that are no pictures are a fault, which cannot be written
            yield Frame(picture[:, :, 0], 0.2 + n / 15)

    def close(self) -> None:
        """Nothing to give back."""


def test_a_door_whose_ledger_was_replaced_shows_it_and_ends(
    tmp_path: Path, weights_dir: Path
) -> None:
    settings, lamps = bare_terminal(tmp_path), Lamps()
    eyes = open_recognizer(weights_dir, RecognizerSettings(pad=False))
    with open_stores(settings) as stores:
        door = made_door(settings, stores, eyes, lamps)
        with pytest.raises(ReplacedDatabaseError):
            door.run(_Room(settings.store.directory / "ledger.db"))
    assert lamps.shown[-1] is Signal.FAULT
