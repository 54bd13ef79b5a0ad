"""The units as systemd itself reads them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tracing.filters import REFUSED, allowed, filter_of

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


def lines_of(name: str) -> list[str]:
    return (UNITS / name).read_text().splitlines()


@pytest.mark.usefixtures("units")
@pytest.mark.parametrize("name", ["kiosk", "kiosk-sync"])
def test_the_filter_lets_through_what_the_daemon_was_seen_to_call(name: str) -> None:
    traced = set((Path(__file__).parent / "traced" / f"{name}.txt").read_text().split())
    assert len(traced) > 50
    may = allowed(filter_of(UNITS / f"{name}.service"))
    assert traced - may <= set(REFUSED)
    assert not may & {"mount", "ptrace", "bpf", "init_module", "reboot", "setuid", "io_uring_setup"}


@pytest.mark.parametrize(("name", "watchdog_s"), [("kiosk", 30), ("kiosk-sync", 90)])
def test_a_daemon_that_hangs_or_fails_is_started_again(name: str, watchdog_s: int) -> None:
    lines = lines_of(f"{name}.service")
    assert {"Type=notify", f"WatchdogSec={watchdog_s}", "Restart=on-failure"} <= set(lines)
    assert "OnFailure=kiosk-again@%N.timer" in lines
    again = dict(line.split("=", 1) for line in lines_of("kiosk-again@.timer") if "=" in line)
    assert (again["Unit"], again["OnActiveSec"]) == ("%i.service", "5min")
    limits = dict(line.split("=", 1) for line in lines if line.startswith("StartLimit"))
    # The burst must fit into the interval, or the limit is never met; the timer comes after it.
    (rest,) = (line.split("=")[1] for line in lines if line.startswith("RestartSec="))
    burst, interval_s = int(limits["StartLimitBurst"]), int(limits["StartLimitIntervalSec"])
    assert burst * (int(rest) + 5) <= interval_s < 300


@pytest.mark.parametrize("name", ["kiosk", "kiosk-sync"])
def test_back_off_is_asked_only_of_a_systemd_that_knows_it(name: str) -> None:
    """252 warns of RestartSteps= and passes over it: `systemd-analyze verify` above says so."""
    assert "RestartSteps=" not in (UNITS / f"{name}.service").read_text()
    dropin = lines_of(f"v254/{name}.service.conf")
    assert {"RestartSteps=8", "RestartMaxDelaySec=60"} <= set(dropin)


def test_the_process_that_sees_faces_has_no_network() -> None:
    assert "PrivateNetwork=yes" in (UNITS / "kiosk.service").read_text().splitlines()


@pytest.mark.parametrize("name", ["kiosk", "kiosk-backup", "kiosk-retention"])
def test_what_opens_the_databases_gets_the_sealed_keys(name: str) -> None:
    loaded = [line for line in lines_of(f"sealed/{name}.service.conf") if "=" in line]
    keys = {line.split("=")[1].split(":")[0] for line in loaded}
    assert {"ledger.key", "gallery.key", "templates.key", "badges.key", "signing.key"} <= keys


def test_every_group_that_the_daemon_is_put_into_is_made() -> None:
    (line,) = (text for text in lines_of("kiosk.service") if text.startswith("SupplementaryG"))
    made = [text.split()[1] for text in lines_of("kiosk-devices.sysusers") if text[:2] == "g "]
    assert set(line.split("=")[1].split()) == set(made)


def test_the_process_on_the_network_has_no_devices() -> None:
    assert "PrivateDevices=yes" in (UNITS / "kiosk-sync.service").read_text().splitlines()


DAILY = ("kiosk-backup", "kiosk-certificate", "kiosk-retention")


@pytest.mark.parametrize("name", DAILY)
def test_a_daily_job_is_made_up_for_and_spread(name: str) -> None:
    lines = (UNITS / f"{name}.timer").read_text().splitlines()
    assert "Persistent=true" in lines
    assert any(line.startswith("RandomizedDelaySec=") for line in lines)


@pytest.mark.parametrize("name", DAILY)
def test_a_daily_job_has_no_network_and_no_device(name: str) -> None:
    lines = (UNITS / f"{name}.service").read_text().splitlines()
    assert {"PrivateNetwork=yes", "PrivateDevices=yes", "Type=oneshot"} <= set(lines)
    assert "SystemCallFilter=@system-service adjtimex clock_adjtime" in lines


@pytest.mark.usefixtures("units")  # systemd-analyze is there
@pytest.mark.parametrize("name", ["kiosk", "kiosk-sync", *DAILY])
def test_every_unit_can_ask_whether_the_clock_is_synchronised(name: str) -> None:
    """ProtectClock, and @system-service alone, refuse adjtimex(2) also for reading."""
    unit = UNITS / f"{name}.service"
    assert "ProtectClock=" not in [line.split("=")[0] + "=" for line in lines_of(unit.name)]
    assert {"adjtimex", "clock_adjtime"} <= allowed(filter_of(unit))


def test_the_sync_process_can_write_where_debians_node_exporter_reads() -> None:
    lines = (UNITS / "kiosk-sync.service").read_text().splitlines()
    assert "ReadWritePaths=-/var/lib/prometheus/node-exporter" in lines


@pytest.mark.parametrize(
    ("name", "tenths"), [("kiosk", 20), ("kiosk-sync", 15), *((name, 15) for name in DAILY)]
)
def test_a_unit_is_no_more_exposed_than_wanted(name: str, tenths: int, units: list[Path]) -> None:
    (unit,) = (unit for unit in units if unit.name == f"{name}.service")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={tenths}", str(unit)],
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
