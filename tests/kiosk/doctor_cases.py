"""Every line of the doctor made well and made wrong: one case a level, of machines made up."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kiosk.callers import GROUPS
from kiosk.cameras import Frame
from kiosk.doctor import body, camera, inputs, keys, lamps, ledger, mending, models, network, units
from kiosk.doctor.examination import read_settings
from kiosk.doctor.finding import Finding, Level
from kiosk.doctor.ledger import Said
from kiosk.doctor.machine import Answer, Machine
from kiosk.errors import CameraError, IndicatorError, ReaderError
from kiosk.sealing import NAMES
from kiosk.settings import BadgeSection, ButtonsSection, KeypadSection, ScreenSection
from kiosk.stores import open_stores
from recognizer.errors import ModelError
from recognizer.faces import Face
from recognizer.manifest import load_manifest
from recognizer.pipeline import PhotoFace
from recognizer.quality import Quality, QualitySettings
from store.backup import BackupSection
from store.discipline import Discipline
from store.keys import DatabaseName
from store.machine import Health
from store.records import Boot
from store.settings import StatusSection, Terminal
from tests.kiosk.made import Lamps, settings_file, terminal

OK, LEFT, WARN, FAIL = Level.OK, Level.NOT_CHECKED, Level.WARNING, Level.FAILURE
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
STATUS, GOOD, T = StatusSection(), QualitySettings(), Terminal(site="p", name="g", zone="UTC")
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"


@dataclass(frozen=True)
class Case:
    name: str
    level: Level
    make: Callable[[Path], Finding | Sequence[Finding]]

    def find(self, folder: Path) -> Finding:
        made = self.make(folder)
        found = [made] if isinstance(made, Finding) else made
        [one] = [finding for finding in found if finding.name == self.name]
        return one


class Pictures:
    """A camera of so many frames a second."""

    def __init__(self, image: NDArray[np.uint8], fps: float = 15, count: int = 99) -> None:
        self._frames, self.closed = [Frame(image, n / fps) for n in range(count)], False

    def frames(self) -> Iterator[Frame]:
        yield from self._frames

    def close(self) -> None:
        self.closed = True


def grey(dark: int = 60, bright: int = 190) -> NDArray[np.uint8]:
    image = np.full((48, 64, 3), dark, dtype=np.uint8)
    image[:, 32:] = bright
    return image


def face(**changed: float) -> PhotoFace:
    fair = dict.fromkeys(
        ("clipped", "yaw", "pitch", "roll", "brow_light", "eyes_light", "mouth_detail"), 1.0
    )
    fair |= {"face_px": 90, "eyes_px": 40, "sharpness": 0.5, "score": 1}
    fair |= {"highlight": 190, "shadow": 60, "contrast": 40} | changed
    landmarks = np.zeros((5, 2), dtype=np.float32)
    return PhotoFace(Face((0, 0, 90, 90), landmarks, 1.0), Quality(**fair, reason=None), None)


def shown(
    *faces: PhotoFace, fps: float = 15, image: NDArray[np.uint8] | None = None
) -> list[Finding]:
    picture = grey() if image is None else image
    return camera.opened(lambda: Pictures(picture, fps), 15, GOOD, lambda _: list(faces))


def broken(_: object) -> list[PhotoFace]:
    raise ModelError("the network failed")


def no_camera() -> Pictures:
    raise CameraError("camera 0 cannot be opened")


def no_pins() -> Lamps:
    raise IndicatorError("no pins")


def no_buttons() -> object:
    raise ReaderError("no pins")


def said(*faults: str, version: str = "1") -> Said:
    boot = Boot(version=version, settings_digest="0" * 64, versions={}, models={}, faults=())
    return Said(boot, frozenset(faults), {"boot": 1})


def stores(
    folder: Path,
    which: DatabaseName = "ledger",
    harm: Callable[[Path], object] | None = None,
) -> Finding:
    with open_stores(terminal(folder)):
        pass
    if harm is not None:
        harm(folder / f"{which}.db")
    return ledger.database(folder, folder / "keys", which).finding


def garble(file: Path) -> None:
    raw = bytearray(file.read_bytes())
    raw[5000:5100] = bytes(100)
    file.write_bytes(raw)


def key_files(folder: Path, harm: Callable[[Path], object] = lambda _: None) -> Finding:
    terminal(folder)
    harm(folder / "keys")
    return keys.key_files(folder / "keys", folder, folder / "sealed")


def all_sealed(folder: Path) -> Finding:
    sealing(folder, TPM)
    return keys.key_files(folder / "run", folder, folder)


class Refusing(type(Path())):  # type: ignore[misc]
    """A folder of somebody else's; tests run as root, whom nothing is refused."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        raise PermissionError(13, "Permission denied")

    def iterdir(self) -> Iterator[Path]:
        raise PermissionError(13, "Permission denied")


def sealing(folder: Path, seal: str | None, *names: str) -> Finding:
    for name in names or NAMES:
        if seal is not None:
            raw = base64.b64encode(bytes.fromhex(seal) + bytes(64))
            (folder / f"{name}.cred").write_bytes(raw)
    return keys.key_sealing(folder, folder / "keys")


EXPOSED = {"security": "exposure level for k: 3.1"}
HOST, TPM, NULL = (
    "5a1c6a86df9d4096b1d5a65e0862f19a",
    "0c7cc07b117645919c4b0bea08bc20fe",
    "058469daf6f54324800549da0f8ea2fb",
)


def booted(folder: Path, answers: dict[str, str] | None = None, there: bool = True) -> Machine:
    """systemd runs; what its tools say is `answers` by verb, else that all is well."""
    (folder / "run/systemd/system").mkdir(parents=True)
    says = {"is-active": "active", "is-enabled": "enabled", "is-failed": "inactive"}
    says["security"] = "→ Overall exposure level for x.service: 1.4 OK"
    says |= answers or {}
    return Machine(folder, lambda words: Answer(0, says[words[1]]) if there else None)


def without_a_browser(folder: Path) -> Finding:
    """Counts only where there is a screen."""
    booted(folder)

    def run(words: Sequence[str]) -> Answer:
        there = "browser" not in words[2]
        return Answer(0, {"is-active": "active", "is-enabled": "enabled"}[words[1]] * there)

    machine = Machine(folder, run)
    assert units.units(machine).level is OK
    return units.units(machine, screen=True)


def networked(answer: Answer | None) -> list[Finding]:
    return network.network(Machine(run=lambda _: answer), Path("k.toml"), as_user=False)


def asked_to_join(folder: Path) -> list[Finding]:
    """With nothing wrong but that the answer is not here."""
    (folder / "join-request").write_bytes(b"asked")
    machine = Machine(run=lambda _: line("certificate", "ok"))
    return network.network(machine, folder / "k.toml", as_user=False)


def line(name: str, level: str) -> Answer:
    mend = "" if level == "ok" else "do it"
    return Answer(0, f'[{{"name":"{name}","level":"{level}","says":"so","mend":"{mend}"}}]')


def backups(folder: Path, age: timedelta | None) -> Finding:
    if age is not None:
        (folder / f"p.g.{NOW - age:%Y%m%dT%H%M%SZ}.age").touch()
    return ledger.backup(BackupSection(directory=folder, recipients=(RECIPIENT,)), T, NOW)


def left(folder: Path, hours: float) -> Finding:
    file = folder / ".kiosk.toml.partial"
    file.touch()
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    return mending.leftovers(folder, folder, NOW + timedelta(hours=hours))


def weights(folder: Path, content: bytes | None, pad: bool = True) -> Finding:
    if content is not None:
        (folder / "mtcnn_onet.onnx").write_bytes(content)
    return models.weights(folder, "open", load_manifest(), pad=pad)


def device(folder: Path, source: str) -> Finding:
    (folder / "reader").touch()
    path = folder / "reader"
    return inputs.badge_reader(BadgeSection.model_validate({"source": source, "device": path}))


def absent(folder: Path) -> BadgeSection:
    return BadgeSection(source="serial", device=folder / "none")


def settings(folder: Path, more: str) -> Finding:
    terminal(folder)
    file = settings_file(folder)
    file.write_text(file.read_text() + more)
    return read_settings(file).finding


def tried(apart: float, wanted: bool = True) -> models.Tried:
    vector = np.full(4, 0.5, dtype=np.float32)
    return models.Tried(1.0, vector + np.float32(apart), vector if wanted else None)


def raising() -> float:
    raise OSError(5, "Input/output error")


HEALTH = Health(10**11, 10**12, 50.0, frozenset())
KEYPAD = KeypadSection(source="usb", device=Path("/nowhere/keypad"))
PRESSED = ButtonsSection(undo=5)
SCREEN = ScreenSection(enabled=True, port=1025)
MATRIX = KeypadSection(source="matrix")

CASES = [
    Case("settings", OK, lambda f: settings(f, "")),
    Case("settings", FAIL, lambda f: settings(f, "[camera]\nfsp = 3\n")),
    Case("camera", OK, lambda _: shown(face())),
    Case("camera", OK, lambda _: camera.held(said("too_hot"))),
    Case("camera", LEFT, lambda _: camera.held(None)),
    Case("camera", FAIL, lambda _: camera.held(said("camera_lost"))),
    Case("camera", FAIL, lambda _: camera.opened(no_camera, 15, GOOD, None)),
    Case("camera", FAIL, lambda _: camera.opened(lambda: Pictures(grey(), 15, 1), 15, GOOD, None)),
    Case("frame rate", OK, lambda _: shown(fps=14)),
    Case("frame rate", WARN, lambda _: shown(fps=10)),
    Case("frame rate", FAIL, lambda _: shown(fps=5)),
    Case("frame rate", LEFT, lambda _: camera.held(said())),
    Case("focus", OK, lambda _: shown(face())),
    Case("focus", FAIL, lambda _: shown(face(sharpness=0.1))),
    Case("focus", LEFT, lambda _: shown()),
    Case("focus", LEFT, lambda _: camera.opened(lambda: Pictures(grey()), 15, GOOD, broken)),
    Case("exposure", OK, lambda _: shown(face())),
    Case("exposure", FAIL, lambda _: shown(face(highlight=60))),
    Case("exposure", FAIL, lambda _: shown(face(shadow=200))),
    Case("exposure", FAIL, lambda _: shown(image=grey(100, 101))),
    Case("exposure", LEFT, lambda _: camera.opened(no_camera, 15, GOOD, None)),
    Case("face at 60 cm", OK, lambda _: shown(face())),
    Case("face at 60 cm", FAIL, lambda _: shown(face(face_px=70))),
    Case("face at 60 cm", LEFT, lambda _: shown()),
    Case("lamps and buzzer", OK, lambda _: lamps.lamps(Lamps, lambda _: True)),
    Case("lamps and buzzer", FAIL, lambda _: lamps.lamps(Lamps, lambda what: "red" not in what)),
    Case("lamps and buzzer", FAIL, lambda _: lamps.lamps(no_pins, lambda _: True)),
    Case("lamps and buzzer", LEFT, lambda _: lamps.lamps(Lamps, None)),
    Case("lamps and buzzer", LEFT, lambda _: lamps.held()),
    Case("badge reader", OK, lambda _: inputs.badge_reader(BadgeSection())),
    Case("badge reader", OK, lambda f: device(f, "serial")),
    Case("badge reader", FAIL, lambda f: inputs.badge_reader(absent(f))),
    Case("keypad", OK, lambda _: inputs.keypad(KeypadSection())),
    Case("keypad", LEFT, lambda _: inputs.keypad(MATRIX)),
    Case("keypad", FAIL, lambda _: inputs.keypad(KEYPAD)),
    Case("buttons", OK, lambda _: inputs.buttons(ButtonsSection(), no_buttons, in_use=False)),
    Case("buttons", OK, lambda _: inputs.buttons(PRESSED, lambda: None, in_use=False)),
    Case("buttons", LEFT, lambda _: inputs.buttons(PRESSED, no_buttons, in_use=True)),
    Case("buttons", FAIL, lambda _: inputs.buttons(PRESSED, no_buttons, in_use=False)),
    Case("screen", OK, lambda _: inputs.screen(ScreenSection(), in_use=True)),
    Case("screen", LEFT, lambda _: inputs.screen(SCREEN, in_use=False)),
    Case("screen", FAIL, lambda _: inputs.screen(SCREEN, in_use=True)),
    Case("models", FAIL, lambda f: weights(f, None)),
    Case("models", FAIL, lambda f: weights(f, b"not it")),
    Case("models", FAIL, lambda f: models.weights(f, "no", load_manifest(), pad=True)),
    Case("model latency", OK, lambda _: models.latency(60)),
    Case("model latency", WARN, lambda _: models.latency(200)),
    Case("model latency", FAIL, lambda _: models.latency(300)),
    Case("model latency", FAIL, lambda _: models.unopened("no weights")),
    Case("model answer", OK, lambda _: models.answer(tried(5e-6))),
    Case("model answer", FAIL, lambda _: models.answer(tried(2e-5))),
    Case("model answer", FAIL, lambda _: models.answer(tried(float("nan")))),
    Case("model answer", LEFT, lambda _: models.answer(tried(0, wanted=False))),
    Case("database ledger", OK, stores),
    Case("database ledger", FAIL, lambda f: stores(f, "ledger", garble)),
    Case("database ledger", LEFT, lambda f: ledger.database(f, f / "none", "ledger").finding),
    Case("database ledger", LEFT, lambda f: stores(f, "ledger", Path.unlink)),
    Case("database gallery", OK, lambda f: stores(f, "gallery")),
    Case("database gallery", FAIL, lambda f: stores(f, "gallery", garble)),
    Case("disk space", OK, lambda _: body.disk_space(HEALTH, STATUS)),
    Case("disk space", WARN, lambda _: body.disk_space(Health(disk_free=8 * 10**8), STATUS)),
    Case("disk space", FAIL, lambda _: body.disk_space(replace(HEALTH, disk_free=10**8), STATUS)),
    Case("disk space", FAIL, lambda _: body.disk_space(Health(), STATUS)),
    Case("disk fsync", OK, lambda _: body.disk_fsync(lambda: 5.0)),
    Case("disk fsync", WARN, lambda _: body.disk_fsync(lambda: 60.0)),
    Case("disk fsync", FAIL, lambda _: body.disk_fsync(lambda: 300.0)),
    Case("disk fsync", FAIL, lambda _: body.disk_fsync(raising)),
    Case("key files", OK, key_files),
    Case("key files", OK, lambda f: key_files(f, lambda k: (k / "ledger.key").chmod(0o440))),
    Case("key files", WARN, lambda f: key_files(f, lambda k: (k / "badges.key").unlink())),
    Case("key files", FAIL, lambda f: key_files(f, lambda k: (k / "signing.key").unlink())),
    Case("key files", FAIL, lambda f: key_files(f, lambda k: (k / "gallery.key").chmod(0o440))),
    Case("key files", FAIL, lambda f: key_files(f, lambda k: k.chmod(0o750))),
    Case("key files", FAIL, lambda f: keys.key_files(f, f / "none", f)),
    Case("key files", LEFT, all_sealed),
    Case("key files", LEFT, lambda f: keys.key_files(f, Refusing(f), f)),
    Case("key sealing", LEFT, lambda f: keys.key_sealing(Refusing(f), f)),
    Case("key sealing", OK, lambda f: sealing(f, TPM)),
    Case("key sealing", WARN, lambda f: sealing(f, HOST)),
    Case("key sealing", WARN, lambda f: sealing(f, None)),
    Case("key sealing", FAIL, lambda f: sealing(f, NULL)),
    Case("key sealing", FAIL, lambda f: sealing(f, TPM, "ledger.key")),
    Case("key sealing", LEFT, lambda f: sealing(f, "00" * 16)),
    Case("clock", OK, lambda _: body.clock(Discipline(True, 3))),
    Case("clock", WARN, lambda _: body.clock(Discipline(True, 1500))),
    Case("clock", FAIL, lambda _: body.clock(Discipline(False, None))),
    *(
        Case(name, level, lambda _, n=name, v=level: networked(line(n, v.value)))  # type: ignore[misc]
        for name in network.NAMES
        for level in (OK, LEFT, WARN, FAIL)
    ),
    Case("dns", LEFT, lambda _: networked(None)),
    Case("dns", LEFT, lambda _: networked(Answer(2, "", "kiosk-sync: k.toml cannot be used"))),
    Case("receipt", LEFT, lambda _: networked(Answer(0, "[]"))),
    Case("certificate", FAIL, asked_to_join),
    Case("temperature", OK, lambda _: body.temperature(HEALTH, STATUS)),
    Case("temperature", WARN, lambda _: body.temperature(Health(temperature_c=75), STATUS)),
    Case("temperature", FAIL, lambda _: body.temperature(Health(temperature_c=81), STATUS)),
    Case("temperature", LEFT, lambda _: body.temperature(Health(), STATUS)),
    Case("power", OK, lambda _: body.power(HEALTH)),
    Case("power", WARN, lambda _: body.power(Health(power=frozenset({"undervoltage_occurred"})))),
    Case("power", FAIL, lambda _: body.power(Health(power=frozenset({"undervoltage"})))),
    Case("power", LEFT, lambda _: body.power(Health())),
    Case("units", OK, lambda f: units.units(booted(f))),
    Case("units", WARN, lambda f: units.units(booted(f, {"is-enabled": "disabled"}))),
    Case("units", FAIL, lambda f: units.units(booted(f, {"is-active": "failed"}))),
    Case("units", FAIL, lambda f: units.units(booted(f, {"is-active": ""}))),
    Case("units", LEFT, lambda f: units.units(booted(f, there=False))),
    Case("units", FAIL, without_a_browser),
    Case("units", LEFT, lambda f: units.units(Machine(f))),
    Case("hardening", OK, lambda f: units.hardening(booted(f))),
    Case(
        "hardening",
        WARN,
        lambda f: units.hardening(booted(f, EXPOSED)),
    ),
    Case("hardening", LEFT, lambda f: units.hardening(booted(f, {"security": "no such unit"}))),
    Case("hardening", LEFT, lambda f: units.hardening(Machine(f))),
    Case("timers", OK, lambda f: units.timers(booted(f))),
    Case("timers", FAIL, lambda f: units.timers(booted(f, {"is-failed": "failed"}))),
    Case("timers", FAIL, lambda f: units.timers(booted(f, {"is-active": "inactive"}))),
    Case("timers", LEFT, lambda f: units.timers(Machine(f))),
    Case("backup", OK, lambda f: backups(f, timedelta(hours=20))),
    Case("backup", WARN, lambda f: backups(f, timedelta(days=3))),
    Case("backup", WARN, lambda _: ledger.backup(None, T, NOW)),
    Case("backup", FAIL, lambda f: backups(f, timedelta(days=8))),
    Case("backup", FAIL, lambda f: backups(f, None)),
    Case("versions", OK, lambda _: ledger.versions(said(), "1", runs=True)),
    Case("versions", WARN, lambda _: ledger.versions(said(), "2", runs=True)),
    Case("versions", LEFT, lambda _: ledger.versions(None, "1", runs=False)),
    Case("groups", OK, lambda _: units.groups(GROUPS)),
    Case("groups", WARN, lambda _: units.groups(())),
    Case("groups", FAIL, lambda _: units.groups(("kiosk-auditor",))),
    Case("faults", OK, lambda _: ledger.faults(said())),
    Case("faults", WARN, lambda _: ledger.faults(said("too_hot"))),
    Case("faults", LEFT, lambda _: ledger.faults(None)),
    Case("leftovers", OK, lambda f: left(f, 0.5)),
    Case("leftovers", WARN, lambda f: left(f, 2)),
]
