"""The units as systemd itself reads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

UNITS = Path(__file__).resolve().parents[2] / "systemd"
KINDS = ("service", "timer", "socket")


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units with this environment's programs in place of /opt/kiosk's."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed (Debian: apt-get install systemd)")
    copies = []
    for unit in sorted(file for kind in KINDS for file in UNITS.glob(f"*.{kind}")):
        copy = tmp_path / unit.name
        programs = str(Path(sys.executable).parent)
        text = unit.read_text().replace("/opt/kiosk/bin", programs)
        for link in ("updater", "candidate"):
            text = text.replace(f"/opt/kiosk/{link}/bin", programs)
        # cage is there on terminals with a display only: any program stands in for it.
        copy.write_text(text.replace("/usr/bin/cage", sys.executable))
        copies.append(copy)
        dropins = tmp_path / f"{unit.name}.d"
        dropins.mkdir()
        for folder in ("sealed", "screen", "update"):
            for dropin in (UNITS / folder).glob(f"{unit.name}.conf"):
                (dropins / f"{folder}.conf").write_text(dropin.read_text())
    return copies


def test_systemd_finds_nothing_wrong_with_the_units(units: list[Path]) -> None:
    assert {unit.name for unit in units} >= {"kiosk.service", "kiosk-sync.service"}
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, units)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == 0


def test_the_process_that_sees_faces_has_no_network() -> None:
    assert "PrivateNetwork=yes" in (UNITS / "kiosk.service").read_text().splitlines()


def test_the_process_on_the_network_has_no_devices() -> None:
    assert "PrivateDevices=yes" in (UNITS / "kiosk-sync.service").read_text().splitlines()


@pytest.mark.parametrize("name", ["kiosk", "kiosk-sync"])
def test_the_daemons_can_ask_the_clock_whether_it_is_right(name: str) -> None:
    """Under ProtectClock adjtimex is refused: every punch would count as of an unsure clock."""
    text = (UNITS / f"{name}.service").read_text()
    assert "ProtectClock=" not in text
    filters = [line for line in text.splitlines() if line.startswith("SystemCallFilter=")]
    assert all({"adjtimex", "clock_adjtime"} <= set(line.split()) for line in filters)


DAILY = ("kiosk-backup", "kiosk-retention")


@pytest.mark.parametrize("name", DAILY)
def test_a_daily_job_is_made_up_for_and_spread(name: str) -> None:
    lines = (UNITS / f"{name}.timer").read_text().splitlines()
    assert "Persistent=true" in lines
    assert any(line.startswith("RandomizedDelaySec=") for line in lines)


@pytest.mark.parametrize("name", DAILY)
def test_a_daily_job_has_no_network_and_no_device(name: str) -> None:
    lines = (UNITS / f"{name}.service").read_text().splitlines()
    assert {"PrivateNetwork=yes", "PrivateDevices=yes", "User=kiosk", "Type=oneshot"} <= set(lines)
    assert "SystemCallFilter=@system-service adjtimex clock_adjtime" in lines


@pytest.mark.parametrize("name", ["kiosk", "kiosk-sync", *DAILY])
def test_every_unit_can_ask_whether_the_clock_is_synchronised(name: str) -> None:
    """ProtectClock, and @system-service alone, refuse adjtimex(2) also for reading."""
    lines = (UNITS / f"{name}.service").read_text().splitlines()
    assert not [line for line in lines if line.startswith("ProtectClock=")]
    for line in lines:
        if line.startswith("SystemCallFilter="):
            assert {"adjtimex", "clock_adjtime"} <= set(line.split())


def test_the_sync_process_can_write_where_debians_node_exporter_reads() -> None:
    lines = (UNITS / "kiosk-sync.service").read_text().splitlines()
    assert "ReadWritePaths=-/var/lib/prometheus/node-exporter" in lines


@pytest.mark.parametrize("name", DAILY)
def test_a_daily_job_is_no_more_exposed_than_measured(name: str, units: list[Path]) -> None:
    (unit,) = (unit for unit in units if unit.name == f"{name}.service")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:]


def test_the_screen_is_handed_to_the_process_without_a_network_and_to_loopback_only() -> None:
    lines = (UNITS / "kiosk-screen.socket").read_text().splitlines()
    assert [line for line in lines if line.startswith("Listen")] == ["ListenStream=127.0.0.1:8470"]
    assert "Service=kiosk.service" in lines
    assert "Sockets=kiosk-screen.socket" in (UNITS / "screen" / "kiosk.service.conf").read_text()


def test_the_browser_reaches_this_machine_only_and_keeps_nothing() -> None:
    text = (UNITS / "kiosk-browser.service").read_text()
    assert {"IPAddressDeny=any", "IPAddressAllow=localhost"} <= set(text.splitlines())
    assert "http://127.0.0.1:8470/" in text
    assert "--incognito" in text
    assert "--user-data-dir=/run/" in text
