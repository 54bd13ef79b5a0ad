"""All checks in the order of `CHECKS`; the daemon may run meanwhile, nothing of it is touched."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kiosk.cameras import open_camera
from kiosk.clock import SystemClock
from kiosk.doctor import body, camera, inputs, keys, lamps, ledger, mending, models, network, units
from kiosk.doctor.checks import CHECKS
from kiosk.doctor.finding import Finding, failure, ok, warning
from kiosk.doctor.machine import Machine
from kiosk.errors import KioskError
from kiosk.indicators import GpioIndicator
from kiosk.overrides import Overrides
from kiosk.readers import open_panel
from kiosk.settings import BadgeSection, KeypadSection, Settings, load
from recognizer.errors import RecognizerError
from recognizer.manifest import load_manifest
from recognizer.opening import Parts, open_parts
from recognizer.pipeline import Recognizer, RecognizerSettings
from recognizer.quality import QualitySettings
from store.discipline import KernelClock
from store.errors import SettingsError
from store.keys import keys_directory
from store.machine import read_health

SEALED = Path("etc/kiosk/sealed")  # where docs/keys.md and the drop-ins have them
Ready = Callable[[], None]
"""Asks somebody to stand before the camera, and waits."""


@dataclass(frozen=True, slots=True)
class Read:
    """The settings that count, and the line on them; None where they cannot be used."""

    settings: Settings | None
    finding: Finding


def read_settings(config: Path) -> Read:
    """The settings with headquarters' changes."""
    try:
        settings, invalid = Overrides(load(config)).settings()
    except SettingsError as error:
        mistakes = "; ".join(error.mistakes)
        return Read(None, failure("settings", f"{config}: {mistakes}", "correct the file"))
    if invalid is not None:
        says = f"headquarters' settings are passed over: {' '.join(invalid.split())}"
        return Read(settings, warning("settings", says, "headquarters sends them anew"))
    return Read(settings, ok("settings", f"{config} is valid"))


@dataclass(frozen=True, slots=True)
class Examined:
    """The findings in order, and what the ledger says (for the bundle)."""

    findings: tuple[Finding, ...]
    said: ledger.Said | None


def examine(
    config: Path,
    settings: Settings,
    machine: Machine,
    recognizer: Callable[[], RecognizerSettings],
    ask: lamps.Ask | None,
    ready: Ready | None,
    *,
    assumed: bool = False,
) -> Examined:
    """Look at everything. `ask` and `ready` None: nobody is there to be asked."""
    s, runs = settings, machine.daemon_runs()
    directory, key_folder = s.store.directory, keys_directory(s.store.keys)
    looked = {
        which: ledger.database(directory, key_folder, which) for which in ("ledger", "gallery")
    }
    said = looked["ledger"].said
    health = read_health(directory, machine.root)
    parts, wrong = _parts(s, recognizer)
    only_buttons = s.model_copy(update={"badge": BadgeSection(), "keypad": KeypadSection()})
    loud = s.indicators.model_copy(update={"quiet": (), "volume": 100})
    found = [
        *_camera(s, said, parts, recognizer, ready, runs=runs),
        lamps.held()
        if runs
        else lamps.lamps(
            lambda: GpioIndicator(loud, SystemClock(s.terminal.zone)), ask, assumed=assumed
        ),
        inputs.badge_reader(s.badge),
        inputs.keypad(s.keypad),
        inputs.buttons(s.buttons, lambda: open_panel(only_buttons).close(), in_use=runs),
        inputs.screen(s.screen, in_use=runs),
        models.weights(
            s.recognition.weights, s.recognition.pack, load_manifest(), pad=s.pad.mode == "on"
        ),
        *(models.networks(parts, machine.elapsed) if parts else models.unopened(wrong)),
        *(one.finding for one in looked.values()),
        body.disk_space(health, s.status),
        body.disk_fsync(lambda: body.measure_fsync(directory, machine.elapsed)),
        keys.key_files(key_folder, directory, machine.root / SEALED),
        keys.key_sealing(machine.root / SEALED, key_folder),
        body.clock(KernelClock().discipline()),
        *network.network(machine, config, as_user=_is_root_with(network.SYNC_USER)),
        body.temperature(health, s.status),
        body.power(health),
        units.units(machine, screen=s.screen.enabled),
        units.hardening(machine),
        units.timers(machine),
        ledger.backup(s.backup, s.terminal, machine.now()),
        ledger.versions(said, metadata.version("kiosk"), runs=runs),
        units.groups(group.gr_name for group in grp.getgrall()),
        ledger.faults(said),
        mending.leftovers(directory, key_folder, machine.now()),
    ]
    order = list(CHECKS)
    return Examined(tuple(sorted(found, key=lambda one: order.index(one.name))), said)


def _parts(
    settings: Settings, recognizer: Callable[[], RecognizerSettings]
) -> tuple[Parts | None, str]:
    try:
        return open_parts(settings.recognition.weights, recognizer()), ""
    except (RecognizerError, KioskError) as error:
        return None, " ".join(str(error).split())


def _camera(
    s: Settings,
    said: ledger.Said | None,
    parts: Parts | None,
    recognizer: Callable[[], RecognizerSettings],
    ready: Ready | None,
    *,
    runs: bool,
) -> list[Finding]:
    if runs and s.camera.source in ("picamera2", "v4l2"):
        return camera.held(said)
    if ready is not None:
        ready()
    faces = None if parts is None else Recognizer(parts, recognizer()).embed_photo
    least = s.recognition.min_face_px
    quality = QualitySettings(min_face_px=least, **s.quality.model_dump())
    return camera.opened(lambda: open_camera(s.camera), s.camera.fps, quality, faces)


def _is_root_with(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return os.geteuid() == 0
