"""Real programs, wheels, signatures and databases: releases come, fail, and are taken back.

The only stand-in is for systemd (`tests.update.systemctl`). What a release does differently is
written into a copy of the project's own wheel. Takes two and a half minutes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
import subprocess
import sys
import sysconfig
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from kiosk.settings import load
from kiosk.stores import open_stores
from kiosk.update.layout import Layout
from kiosk.update.state import read_state
from kiosk.update.trial import FOLDER
from kiosk.update.units import KIOSK, TRIAL
from releasing.bundling import describe, write
from releasing.wheels import own_wheel
from store.records import Boot, Stop
from store.schema import LEDGER, unstamp
from tests.kiosk.ordered import ordered_terminal
from tests.kiosk.test_restart import SETTINGS
from tests.update.world import KEYS, PYTHON, schema

UPDATE = """
[update]
root = "{root}"
public_key = "release.pub"
pulse = "pulse.json"
ready_s = 30
watch_minutes = 0.1
"""
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
Edits = Mapping[str, tuple[tuple[str, str], ...]]
QUIET: Edits = {"kiosk/heart.py": (("_QUIET_NS = 30_000_000_000", "_QUIET_NS = 1_000_000_000"),)}


def variant(wheel: Path, folder: Path, version: str, edits: Edits) -> Path:
    """The project's wheel as another version, with texts replaced in its files."""
    folder.mkdir(exist_ok=True)
    made, old = folder / f"kiosk-{version}-py3-none-any.whl", wheel.name.split("-")[1]
    lines, waiting = [], dict(edits)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            for before, after in waiting.pop(name, ()):
                assert before.encode() in content
                content = content.replace(before.encode(), after.encode())
            to = name.replace(f"kiosk-{old}.dist-info", f"kiosk-{version}.dist-info")
            if name.endswith("METADATA"):
                said, new = f"\nVersion: {old}\n", f"\nVersion: {version}\n"
                content = content.replace(said.encode(), new.encode())
            if name.endswith("RECORD"):
                continue
            target.writestr(to, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            lines.append(f"{to},sha256={digest.decode()},{len(content)}\n")
        record = f"kiosk-{version}.dist-info/RECORD"
        target.writestr(record, "".join(lines) + f"{record},,\n")
    assert not waiting
    return made


@dataclass(frozen=True, slots=True)
class Terminal:
    """A terminal with real programs."""

    folder: Path
    wheel: Path
    environment: Mapping[str, str]

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "opt")

    @property
    def config(self) -> Path:
        return self.folder / "kiosk.toml"

    def release(self, version: str, edits: Edits, ledger: tuple[int, int] | None = None) -> Path:
        stick = self.folder / "stick"
        wheels = [variant(self.wheel, stick, version, {**QUIET, **edits}), dependencies(stick)]
        said = describe(version, "2026-11-24T12:00:00Z", PYTHON, "any", wheels)
        if ledger is not None:
            said = said.model_copy(update={"ledger": schema(*ledger)})
        file = stick / f"kiosk-{version}.tar"
        write(file, said, wheels, KEYS.secret_key)
        return file

    def command(self, *words: str, by: str = "updater") -> list[str]:
        program = Path(sys.executable).parent
        if by != "checkout":
            program = self.layout.root / by / "bin"
        return [str(program / "kiosk-update"), *words, "--config", str(self.config)]

    def update(self, *words: str, by: str = "updater") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words, by=by),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env=self.environment,
        )

    def step(self, name: str, link: str) -> list[str]:
        python = self.layout.root / link / "bin" / "python"
        words = ["-I", "-m", "kiosk.update.trial", name, "--config", str(self.config)]
        return [str(python), *words]

    def systemctl(self, *words: str) -> None:
        subprocess.run(["systemctl", *words], check=True, env=self.environment)

    def logs(self) -> str:
        """The ends of what the units said."""
        files = (self.folder / "systemd").glob("*.log")
        return "\n".join(file.read_text()[-2000:] for file in files)

    def story(self) -> list[str]:
        """What the ledger tells of starts and ends, once it is verified whole."""
        with open_stores(load(self.config)) as stores:
            stores.ledger.verify(stores.signer.public_key())
            told = []
            for record in stores.ledger.records(0, 1000):
                body = record.content().known_body()
                if isinstance(body, Boot):
                    told.append(f"boot {body.version}")
                elif isinstance(body, Stop):
                    told.append(f"stop {body.reason}")
            return told


def dependencies(folder: Path) -> Path:
    """A wheel that lends this environment's packages, in place of 200 MB of wheels."""
    made = folder / "lent-1-py3-none-any.whl"
    path = f"{sysconfig.get_path('purelib')}\n"
    with zipfile.ZipFile(made, "w") as archive:
        files = {
            "lent.pth": path,
            "lent-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: lent\nVersion: 1\n",
            "lent-1.dist-info/WHEEL": WHEEL,
        }
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr("lent-1.dist-info/RECORD", "".join(f"{name},,\n" for name in files))
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture
def terminal(tmp_path: Path, wheel: Path, weights_dir: Path) -> Iterator[Terminal]:
    """Release 1.0 runs, of this checkout."""
    ordered_terminal(tmp_path)
    (tmp_path / "room").mkdir()
    cv2.imwrite(str(tmp_path / "room" / "a.png"), np.full((480, 640, 3), 90, dtype=np.uint8))
    config = tmp_path / "kiosk.toml"
    text = SETTINGS.format(weights=weights_dir) + UPDATE.format(root=tmp_path / "opt")
    config.write_text(text.replace('"every-frame"', '"realtime"'))
    config.chmod(0o644)
    (tmp_path / "release.pub").write_bytes(bytes(KEYS.public_key) + b"\n")
    programs = tmp_path / "programs"
    programs.mkdir()
    script = programs / "systemctl"
    stand_in = Path(__file__).with_name("systemctl.py")
    script.write_text(f'#!/bin/sh\nexec {sys.executable} {stand_in} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "SYSTEMCTL_HOME": str(tmp_path / "systemd"),
    }
    made = Terminal(tmp_path, wheel, environment)
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "world.json").write_text(
        json.dumps(
            {
                KIOSK: [str(made.layout.root / "bin" / "kiosk"), "run", "--config", str(config)],
                TRIAL: {
                    "start": [made.step("copy", "updater"), made.step("attempt", "candidate")],
                    "after": made.step("drop", "updater"),
                },
            }
        )
    )
    first = made.update("install", str(made.release("1.0", {})), by="checkout")
    assert first.returncode == 0, first.stderr
    made.systemctl("restart", KIOSK)
    yield made
    made.systemctl("stop", KIOSK)


_LAST = f"_LEDGER_{LEDGER.version}),"
LEDGER_STEP = (
    (_LAST, f"{_LAST[:-2]}, ('CREATE TABLE later (a ANY) STRICT',)),"),
    ('FROM provisional)""",', f'FROM provisional)""", {LEDGER.version},'),
)


@pytest.mark.soak
def test_releases_come_and_go_and_the_ledger_goes_on(terminal: Terminal) -> None:
    done = terminal.update("install", "--now", str(terminal.release("1.1", {})))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("release 1.1 runs")

    dead = {"kiosk/commands/run.py": (("    log.begin()\n", "    raise SystemExit(1)\n"),)}
    done = terminal.update("install", "--now", str(terminal.release("1.2", dead)))
    assert done.returncode == 8, terminal.logs()
    assert "release 1.2 is not healthy: it did not become ready; went back" in done.stderr

    newer = (LEDGER.version + 1, LEDGER.version)
    dying = {
        "kiosk/daemon.py": (('        say("ready")\n', "        raise SystemExit(1)\n"),),
        "store/schema.py": LEDGER_STEP,
    }
    done = terminal.update("install", "--now", str(terminal.release("1.3", dying, newer)))
    assert done.returncode == 8, terminal.logs()
    assert "it starts again and again; went back" in done.stderr

    false = {"store/schema.py": LEDGER_STEP}
    done = terminal.update("install", "--now", str(terminal.release("1.4", false)))
    assert done.returncode == 1
    assert "failed its trial on a copy of the databases" in done.stderr
    assert terminal.layout.versions() == ["1.0", "1.1"]
    assert not (terminal.folder / FOLDER).exists()

    file = terminal.release("1.5", {})
    with subprocess.Popen(
        terminal.command("install", "--now", str(file)), env=terminal.environment
    ) as updater:
        while read_state(terminal.layout).step != "watching":
            assert updater.poll() is None
            time.sleep(0.05)
        updater.kill()
    assert terminal.layout.version_at("updater") == "1.1"
    done = terminal.update("resume")
    assert done.returncode == 0, done.stderr
    assert terminal.layout.version_at("updater") == "1.5"

    with open_stores(load(terminal.config)) as stores:
        stamp = stores.ledger_db.one("PRAGMA user_version", (), int)
    assert unstamp(stamp or 0) == newer
    story = terminal.story()
    assert story[:4] == ["boot 1.0", "stop update", "boot 1.1", "stop update"]
    assert "boot 1.2" not in story
    assert story.count("boot 1.3") >= 2
    assert story[-3:] == ["boot 1.1", "stop update", "boot 1.5"]
