"""`kiosk run` ended by an order: in order, with the code that systemd starts it again for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from kiosk.commands.run import RESTART
from kiosk.overrides import Overrides, State
from kiosk.settings import load
from kiosk.stores import open_stores
from tests.kiosk.ordered import TOML, kinds, ordered_terminal, post

SETTINGS = (
    TOML
    + """
[camera]
source = "pictures"
path = "room"
pace = "every-frame"
at_end = "repeat"
[recognition]
weights = "{weights}"
[pad]
mode = "off"
[indicators]
pins = "mock"
"""
)
MARGIN = "[decision]\nmargin = {}\n"
IN_A_CENTURY = "2126-01-01T00:00:00Z"


def run(config: Path) -> subprocess.CompletedProcess[str]:
    kiosk = Path(sys.executable).parent / "kiosk"
    return subprocess.run(
        [str(kiosk), "run", "--config", str(config)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_settings_go_back_from_a_failed_start_and_others_come_into_force_by_a_restart(
    tmp_path: Path, weights_dir: Path
) -> None:
    ordered_terminal(tmp_path)
    (tmp_path / "room").mkdir()
    cv2.imwrite(str(tmp_path / "room" / "a.png"), np.full((480, 640, 3), 90, dtype=np.uint8))
    config = tmp_path / "kiosk.toml"
    config.write_text(SETTINGS.format(weights=weights_dir))
    own = load(config)
    overrides = Overrides(own)
    overrides.put(1, MARGIN.format(0.1))
    overrides.begin()
    overrides.ready()
    overrides.put(2, MARGIN.format(0.4))
    overrides.begin()  # and this start fails
    with open_stores(own) as stores:
        settings = {"settings": MARGIN.format(0.3)}
        post(stores, "configure", 3, arguments=settings, expires=IN_A_CENTURY)
    done = run(config)
    assert done.returncode == RESTART, done.stderr
    waiting = State(number=3, text=MARGIN.format(0.3), previous=MARGIN.format(0.1), trial="waiting")
    assert overrides.state == waiting
    with open_stores(own) as stores:
        post(stores, "reboot_daemon", 4, expires=IN_A_CENTURY)
    done = run(config)
    assert done.returncode == RESTART, done.stderr
    assert overrides.state == waiting.model_copy(update={"trial": "no"})
    with open_stores(own) as stores:
        first = ["configuration", "boot", "configuration", "command_done", "stop"]
        assert kinds(stores) == [*first, "boot", "command_done", "stop"]
        bodies = [record.content().body for record in stores.ledger.records(0, 100)]
    assert [bodies[0]["why"], bodies[2]["why"]] == ["start failed", "ordered"]
    assert [bodies[4]["reason"], bodies[7]["reason"]] == ["configuration", "ordered"]
    assert {"embedder"} < set(bodies[1]["models"])
    assert bodies[1]["versions"]["sqlcipher"].startswith("4.")


def test_the_unit_starts_it_again_for_that_code() -> None:
    unit = Path(__file__).resolve().parents[2] / "systemd" / "kiosk.service"
    assert f"RestartForceExitStatus={RESTART}" in unit.read_text().splitlines()
