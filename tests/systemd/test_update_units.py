"""The units, the drop-in and the sudo rule of kiosk-update."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.roles import TABLE, Right
from kiosk.update.settings import UpdateSection
from kiosk.update.units import TRIAL

UNITS = Path(__file__).resolve().parents[2] / "systemd"
ROOT = UpdateSection().root


def lines(name: str) -> list[str]:
    return (UNITS / name).read_text().splitlines()


def test_what_finishes_an_update_is_the_last_program_that_proved_healthy() -> None:
    started = [ln for ln in lines("kiosk-update-check.service") if ln.startswith("ExecStart=")]
    assert started == [
        f"ExecStart={ROOT}/updater/bin/kiosk-update resume --config /etc/kiosk/kiosk.toml"
    ]


def test_it_is_tried_at_boot_and_again_and_holds_up_no_boot() -> None:
    timer = lines("kiosk-update-check.timer")
    assert {"OnBootSec=30s", "OnCalendar=*:0/5", "WantedBy=timers.target"} <= set(timer)
    assert "[Install]" not in lines("kiosk-update-check.service")


def test_the_present_program_copies_and_the_new_one_has_the_copies_alone() -> None:
    steps = [line for line in lines(TRIAL) if line.startswith("Exec")]
    assert [step.split(" --config")[0] for step in steps] == [
        f"ExecStart={ROOT}/updater/bin/python -I -m kiosk.update.trial copy",
        f"ExecStart={ROOT}/candidate/bin/python -I -m kiosk.update.trial attempt",
        f"ExecStopPost={ROOT}/updater/bin/python -I -m kiosk.update.trial drop",
    ]
    assert {"User=kiosk", "PrivateNetwork=yes"} <= set(lines(TRIAL))


def test_the_pulse_is_where_the_daemon_may_write() -> None:
    assert "RuntimeDirectory=kiosk" in lines("update/kiosk.service.conf")
    assert UpdateSection().pulse.parent == Path("/run/kiosk")


def test_only_who_may_update_is_let_through_by_sudo() -> None:
    (rule,) = [line for line in lines("kiosk-update.sudoers") if line.startswith("%")]
    assert rule == f"%kiosk-technician ALL=(root) {ROOT}/updater/bin/kiosk-update"
    assert TABLE[Right.UPDATE] == {"technician"}


# Measured with systemd 252: 1.7 and 1.2.
@pytest.mark.parametrize(("name", "most"), [("kiosk-update-check.service", 20), (TRIAL, 15)])
def test_they_are_no_more_exposed_than_measured(name: str, most: int) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}"]
    done = subprocess.run(
        [*command, str(UNITS / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-200:]
