"""provision.sh without a machine to change: its text, its answers, and what it would do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kiosk.settings import load
from store.settings import load_settings
from sync.settings import Settings as SyncSettings
from tests.provision.shell import ANSWERS, ROOT, called, provision

PLACES = (Path("/etc"), Path("/var/lib"), Path("/opt"), Path("/usr/lib/sysusers.d"))
SCRIPTS = ("provision.sh", "make-bundle", "provision-test")


def test_shellcheck_finds_nothing_in_the_scripts() -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed (Debian: apt-get install shellcheck)")
    done = subprocess.run(
        ["shellcheck", "-x", *(f"scripts/{name}" for name in SCRIPTS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_dry_run_says_every_step_and_changes_nothing(
    answers: Path,
) -> None:
    before = [sorted(folder.iterdir()) for folder in PLACES]
    done = provision("--dry-run", "--answers", answers)
    assert done.returncode == 0, done.stderr
    told = [line.split()[:2] for line in done.stdout.splitlines()]
    assert {name for _, name in told} >= {
        "packages",
        "users",
        "directories",
        "program",
        "settings",
        "models",
        "keys",
        "certificate",
        "watchdog",
        "logs",
        "updates",
        "units",
        "firewall",
        "report",
    }
    assert {outcome for outcome, _ in told} <= {"would", "skip"}
    assert [sorted(folder.iterdir()) for folder in PLACES] == before


def test_every_mistake_of_the_answers_is_told_at_once_and_nothing_in_them_is_run(
    answers: Path, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    answers.write_text(
        f"SITE=$(touch {ran})\nNAME=Gate A\nZONE=Europe/Atlantis\nBROKER=b\nBROKER_PORT=99999\n"
        f"CAMERA=film\nCOLOUR=blue\nBROKER_CA=/nowhere/ca.pem\nHQ_KEY={tmp_path}/hq.pub\n"
    )
    done = provision("--dry-run", "--answers", answers)
    assert done.returncode == 2
    for key in ("SITE", "NAME", "ZONE", "BROKER_PORT", "CAMERA", "COLOUR", "BROKER_CA"):
        assert key in done.stderr
    assert not ran.exists()


def test_without_answers_and_without_anybody_to_ask_it_ends() -> None:
    done = provision("--dry-run")
    assert done.returncode == 2
    assert "--answers FILE" in done.stderr


@pytest.mark.parametrize(
    "more",
    [{}, {"SCREEN": "yes", "LANGUAGE": "zh_CN", "PAD": "off", "BROKER_PORT": "18883"}],
)
def test_the_settings_that_it_writes_are_settings_for_both_daemons(
    more: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "kiosk.toml"
    file.write_text(called("settings_text", ANSWERS | more, setup="sealing_works() { true; }"))
    settings = load(file)
    assert settings.terminal.zone == "Europe/Berlin"
    assert settings.store.keys == Path("/run/kiosk-keys")
    assert settings.screen.enabled == bool(more)
    assert load_settings(file, SyncSettings).mqtt.port == int(more.get("BROKER_PORT", "8883"))


def test_nothing_comes_in_and_only_the_broker_time_and_names_go_out() -> None:
    text = called("firewall_text", ANSWERS | {"BROKER_ADDRESSES": "192.0.2.7", "UPDATES": "no"})
    assert text.count("policy drop;") == 3
    incoming, _, rest = text.partition("chain forward")
    outgoing = rest.partition("chain out")[2]
    ports = [line.strip() for line in incoming.splitlines() if "dport" in line]
    assert ports == [  # address configuration
        "udp sport 67 udp dport 68 accept",
        "udp sport 547 udp dport 546 accept",
    ]
    assert [line.strip() for line in outgoing.splitlines() if "dport" in line] == [
        "udp sport 68 udp dport 67 accept",
        "udp sport 546 udp dport 547 accept",
        "meta l4proto { tcp, udp } th dport 53 accept",
        "udp dport 123 accept",
        "ip daddr { 192.0.2.7 } meta skuid kiosk-sync tcp dport 8883 accept",
    ]


def test_security_updates_and_ssh_are_holes_for_whom_they_are_for() -> None:
    text = called("firewall_text", ANSWERS | {"SSH_FROM": "10.0.0.0/24,2001:db8::/64"})
    assert "ip saddr { 10.0.0.0/24 } tcp dport 22 accept" in text
    assert "ip6 saddr { 2001:db8::/64 } tcp dport 22 accept" in text
    assert "meta skuid _apt tcp dport { 80, 443 } accept" in text
    assert "meta skuid kiosk-sync tcp dport 8883 accept" in text  # no address named: any


def test_a_pi_gets_lgpio_and_the_camera_from_its_own_archive() -> None:
    names = called("packages_wanted", ANSWERS | {"CAMERA": "picamera2", "PINS": "auto"}).split()
    assert {"python3-libcamera", "python3-picamera2", "python3-lgpio", "python3-evdev"} <= set(
        names
    )
    assert "python3-lgpio" not in called("packages_wanted", ANSWERS).split()
