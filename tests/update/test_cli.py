"""`kiosk-update` as a technician types it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.errors import NotAllowedError
from kiosk.update import cli, site
from kiosk.update.errors import BusyError, RefusedReleaseError, UnhealthyError, UntrustedError
from kiosk.update.layout import Layout
from kiosk.update.site import alone
from tests.update.world import Behaviour, World, build, release

Call = Callable[..., Result]


@pytest.fixture
def call(terminal: World, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Gives a command on the terminal, whose settings have keys that nobody knows yet."""
    section = terminal.site().section
    config = terminal.folder / "kiosk.toml"
    config.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "UTC"\n[later]\nkey = 1\n'
        f'[update]\nroot = "{section.root}"\npublic_key = "{section.public_key}"\n'
        f'pulse = "{section.pulse}"\nwatch_minutes = 0.5\n'
    )
    config.chmod(0o644)
    monkeypatch.setattr(cli, "Systemd", lambda: terminal)
    monkeypatch.setattr(cli, "Site", partial(site.Site, build=build))

    class Clock:
        def __init__(self, zone: str) -> None:
            self.now = terminal.now

    monkeypatch.setattr(cli, "SystemClock", Clock)

    def invoke(*words: str | Path) -> Result:
        arguments = [*map(str, words), "--config", str(config)]
        return CliRunner().invoke(cli.cli, arguments)

    return invoke


def test_a_release_is_checked_installed_shown_and_taken_back(
    terminal: World, call: Call, tmp_path: Path
) -> None:
    file = release(tmp_path / "stick", "1.1")
    checked = call("check", file)
    assert checked.stdout.startswith("release 1.1 of 2026-11-24T12:00:00Z is genuine")
    assert "can be taken back: yes" in checked.stdout
    assert terminal.layout.versions() == ["1.0"]
    assert not terminal.layout.incoming.exists()
    assert call("install", file).stdout.splitlines()[0] == "release 1.1 runs"
    said = json.loads(call("status", "--json").stdout)
    assert (said["current"], said["step"], said["last"]["result"]) == ("1.1", "idle", "installed")
    assert call("rollback").stdout.splitlines()[0] == "release 1.0 runs"


def test_one_that_waits_says_so_and_is_not_an_error(
    terminal: World, call: Call, tmp_path: Path
) -> None:
    terminal.utc = terminal.utc.replace(hour=12)
    done = call("install", release(tmp_path / "stick", "1.1"))
    assert done.exit_code == 0
    assert "release 1.1: ready; switched to in the hours of [update]" in done.stdout
    terminal.utc = terminal.utc.replace(hour=2)
    assert call("resume").stdout.splitlines()[0] == "release 1.1 runs"
    assert call("resume").exit_code == 0


def test_what_was_taken_back_is_an_error_once(terminal: World, call: Call, tmp_path: Path) -> None:
    terminal.behaviours = {"1.1": Behaviour(faults=("camera_lost",))}
    done = call("install", release(tmp_path / "stick", "1.1"))
    assert isinstance(done.exception, UnhealthyError)
    assert done.exception.exit_code == 8
    assert "new faults: camera_lost; went back" in str(done.exception)
    assert call("resume").exit_code == 0
    assert "1.1 rolled_back: new faults: camera_lost" in call("status").stdout


def test_only_one_works_at_a_time(terminal: World, call: Call) -> None:
    with alone(Layout(terminal.layout.root)):
        assert isinstance(call("resume").exception, BusyError)
        assert call("status").exit_code == 0


def test_an_old_release_is_refused(terminal: World, call: Call, tmp_path: Path) -> None:
    done = call("install", release(tmp_path / "stick", "0.9"))
    assert isinstance(done.exception, RefusedReleaseError)
    assert call("install", "--downgrade", release(tmp_path / "stick", "0.9")).exit_code == 0
    assert terminal.version == "0.9"


@pytest.mark.parametrize("name", ["kiosk.toml", "release.pub"])
def test_what_others_can_write_says_nothing_to_root(
    terminal: World, call: Call, tmp_path: Path, name: str
) -> None:
    (terminal.folder / name).chmod(0o666)
    done = call("install", release(tmp_path / "stick", "1.1"))
    assert isinstance(done.exception, UntrustedError)
    assert terminal.layout.versions() == ["1.0"]


def test_it_is_roots_or_the_owners(
    terminal: World, call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: terminal.layout.root.stat().st_uid + 4711)
    monkeypatch.setattr(cli, "_require_trust", lambda _: None)
    done = call("install", release(tmp_path / "stick", "1.1"))
    assert isinstance(done.exception, NotAllowedError)
