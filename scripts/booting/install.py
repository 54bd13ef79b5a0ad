"""Puts the project into a bare Debian root as a terminal has it, with a headquarters beside it.

The wheel is built from this checkout and installed by the root's own pip into /opt/kiosk; what it
depends on is this environment's site-packages, shown read-only. Units, users and drop-ins are the
repository's. Broker and headquarters are units of this test, on the container's loopback.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path

from morning.cast import Person
from morning.doorway import pictures_of
from morning.pki import Authority

ROOT = Path(__file__).resolve().parents[2]
SITE, TERMINAL = "plant-1", "gate-a"
SHOWN = {
    "/opt/kiosk-packages": Path(sysconfig.get_paths()["purelib"]),
    "/opt/kiosk-models": ROOT / ".cache" / "models",
}
_TERMINAL = f"""\
[terminal]
site = "{SITE}"
name = "{TERMINAL}"
zone = "Europe/Berlin"
[store]
directory = "/var/lib/kiosk"
keys = "/run/kiosk-keys"
[hq]
public_key = "/etc/kiosk/hq.pub"
[mqtt]
host = "127.0.0.1"
ca = "/etc/kiosk/tls/ca.pem"
certificate = "/etc/kiosk/tls/{SITE}_{TERMINAL}.pem"
key = "/etc/kiosk/tls/{SITE}_{TERMINAL}.key"
reconnect_most_s = 5
keepalive_s = 5
[camera]
source = "pictures"
path = "/opt/kiosk-door"
fps = 5
at_end = "repeat"
[recognition]
weights = "/opt/kiosk-models"
[pad]
mode = "off"
[enrolment]
require_pad = false
[decision]
repeat_s = 0
[indicators]
pins = "mock"
[screen]
enabled = true
"""
_HQ = """\
[mqtt]
host = "127.0.0.1"
ca = "/etc/kiosk/tls/ca.pem"
certificate = "/etc/kiosk/tls/hq.pem"
key = "/etc/kiosk/tls/hq.key"
reconnect_most_s = 5
[database]
url = "sqlite:////srv/hq/hq.db"
[hq]
signing_key = "/srv/hq/keys/hq.key"
"""
_BROKER = """\
user root
listener 8883 127.0.0.1
cafile /etc/kiosk/tls/ca.pem
certfile /etc/kiosk/tls/server.pem
keyfile /etc/kiosk/tls/server.key
require_certificate true
use_identity_as_username true
"""
_UNITS = {
    "test-broker": "/usr/sbin/mosquitto -c /srv/broker.conf",
    "test-hq": "/opt/kiosk/bin/kiosk-hq run --config /srv/hq/hq.toml",
}


def install(root: Path, people: list[Person]) -> None:
    """All that can be done before the machine is up."""
    _install_wheel(root)
    system = root / "etc" / "systemd" / "system"
    for kind in ("service", "timer", "socket"):
        for unit in (ROOT / "systemd").glob(f"*.{kind}"):
            shutil.copy(unit, system)
    for folder in ("sealed", "screen"):
        for dropin in (ROOT / "systemd" / folder).glob("*.conf"):
            _write(system / f"{dropin.name.removesuffix('.conf')}.d/{folder}.conf", dropin)
    for users in (ROOT / "systemd").glob("*.sysusers"):
        _write(root / "usr/lib/sysusers.d" / f"{users.stem}.conf", users)
    for name, command in _UNITS.items():
        (system / f"{name}.service").write_text(f"[Service]\nType=exec\nExecStart={command}\n")
    # As the unit says, but the pause is hardly longer than StartLimitIntervalSec, not five minutes.
    _text(system / "kiosk-again@.timer.d/test.conf", "[Timer]\nOnActiveSec=\nOnActiveSec=125\n")
    authority = Authority(root / "etc/kiosk/tls", datetime.now(UTC))
    authority.server(datetime.now(UTC))
    authority.client(f"{SITE}/{TERMINAL}", datetime.now(UTC))
    authority.client("hq", datetime.now(UTC))
    (root / "srv/hq").mkdir(parents=True)
    (root / "srv/broker.conf").write_text(_BROKER)
    (root / "srv/hq/hq.toml").write_text(_HQ)
    (root / "etc/kiosk/kiosk.toml").write_text(_TERMINAL)
    pictures_of(people, root / "opt/kiosk-door", frames=12, gap=10)


def _install_wheel(root: Path) -> None:
    source, wheels = root / "root/source", root / "root/wheels"
    for name in ("kiosk", "recognizer", "store", "sync", "hq", "models"):
        shutil.copytree(ROOT / name, source / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", str(wheels), str(source)], check=True)
    (wheel,) = wheels.iterdir()
    inside = ["chroot", str(root)]
    subprocess.run([*inside, "python3", "-m", "venv", "/opt/kiosk"], check=True)
    pip = [*inside, "/opt/kiosk/bin/pip", "-q", "--disable-pip-version-check"]
    words = ["install", "--no-deps", "--no-index", f"/root/wheels/{wheel.name}"]
    subprocess.run([*pip, *words], check=True)
    (packages,) = (root / "opt/kiosk/lib").glob("python3.*/site-packages")
    (packages / "packages.pth").write_text("/opt/kiosk-packages\n")
    if packages.parent.name != f"python3.{sys.version_info.minor}":
        raise RuntimeError(f"the root has {packages.parent.name}, the packages are of another")
    for folder in SHOWN:
        (root / folder.lstrip("/")).mkdir()


def versions(root: Path) -> str:
    """Which systemd the root has, as its package says."""
    status = (root / "var/lib/dpkg/status").read_text()
    (entry,) = (e for e in status.split("\n\n") if e.startswith("Package: systemd\n"))
    return json.dumps(next(line for line in entry.splitlines() if line.startswith("Version")))


def _write(target: Path, source: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _text(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
