"""`./scripts/trace-syscalls`: which system calls `kiosk run` and `kiosk-sync run` make at work.

strace(1) follows the real programs while people punch by face and by badge (pictures for a camera,
a serial reader on a pseudo terminal), a page of the screen is fetched, records are delivered to a
real broker and headquarters, the broker goes away and comes back, and both are ended by SIGTERM.
What was called goes into tests/systemd/traced; printed is what the unit's filter does not allow,
with the reason why that does no harm. Exit code 1 when there is a call without a reason.

What this machine has not got (a V4L2 or Pi camera, GPIO, evdev) is not traced: those adapters make
open, read, ioctl, mmap and poll calls.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tty
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from morning.broker import free_port
from morning.cast import Person, packaged_people
from morning.doorway import enrol, pictures_of
from morning.photos import fetch_photos
from morning.server import end
from morning.stage import Line, Stage, program
from tracing.filters import REFUSED, allowed, filter_of

ROOT = Path(__file__).resolve().parents[2]
_TRACED = ROOT / "tests" / "systemd" / "traced"
_WITHIN_S = 180.0  # a traced start takes about 20 s on two cores
_BADGE = "0042"


class Traced:
    """One daemon under strace; `calls` after `end`."""

    def __init__(self, name: str, config: Path, folder: Path, hear: threading.Event) -> None:
        self._record = folder / f"{name}.strace"
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            # -c counts, -U name prints the names only; root may trace a process that dumps no core.
            strace = ["strace", "-f", "-qq", "-c", "-U", "name", "-o", str(self._record)]
            self.process = subprocess.Popen(
                [*strace, *program(name), "run", "--config", str(config)], stderr=log
            )
        self._hear = hear

    def wait_for(self, event: str, times: int = 1) -> None:
        """Until the daemon has logged that so often; raises `RuntimeError` with its last words."""
        deadline = time.monotonic() + _WITHIN_S
        while (text := self._log.read_text()).count(event) < times:
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"no {event} in {self._log.name}: {text.splitlines()[-3:]}")
            self._hear.wait(0.1)

    def end(self) -> set[str]:
        """End the daemon in order; the names of what it called."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        (daemon,) = children.read_text().split()
        os.kill(int(daemon), signal.SIGTERM)
        if self.process.wait(_WITHIN_S) != 0:
            raise RuntimeError(f"{self._log.name}: {self._log.read_text().splitlines()[-3:]}")
        words = set(re.findall(r"^\s*([a-z][a-z0-9_]+)\s*$", self._record.read_text(), re.M))
        return words - {"syscall", "total"}  # the heading and the last line

    def close(self) -> None:
        """Leave nothing running."""
        end(self.process, signal.SIGKILL, 5.0)


def main() -> int:
    """Trace, print, compare."""
    with tempfile.TemporaryDirectory(prefix="kiosk-trace-") as folder, ExitStack() as stack:
        calls = _trace(Path(folder), stack)
    code = 0
    for unit, made in calls.items():
        (_TRACED / f"{unit}.txt").write_text("\n".join(sorted(made)) + "\n")
        outside = sorted(made - allowed(filter_of(ROOT / "systemd" / f"{unit}.service")))
        print(f"{unit}: {len(made)} calls")
        for call in outside:
            print(f"  not allowed: {call} ({REFUSED.get(call, 'NO REASON: add it to the filter')})")
            code |= call not in REFUSED
    return code


def _cast(weights: Path) -> list[Person]:
    return packaged_people(weights, fetch_photos(ROOT / ".cache" / "photos"))


def _trace(folder: Path, stack: ExitStack) -> dict[str, set[str]]:
    weights = ROOT / ".cache" / "models"
    people = [person for person in _cast(weights) if person.number][:2]
    pictures_of(people, folder / "door", frames=12, gap=10)
    master, slave = os.openpty()
    tty.setraw(slave)
    port = free_port()
    camera: dict[str, str | int | float] = {
        "source": "pictures",
        "path": str(folder / "door"),
        "fps": 10,
        "at_end": "repeat",
    }
    unheard = threading.Event()  # never set: the logs are files

    def hear(_name: str, _line: Line) -> None:
        """Headquarters' own log is of no concern here."""

    stage = Stage(folder / "stage", weights, datetime.now(UTC), camera, "on", hear)
    stack.callback(stage.close)
    with stage.config.open("a") as settings:
        settings.write(f'[badge]\nsource = "serial"\ndevice = "{os.ttyname(slave)}"\n')
        settings.write("[decision]\nrepeat_s = 0\n")
        settings.write(f"[screen]\nenabled = true\nport = {port}\n")
    stage.config.write_text(stage.config.read_text().replace("= true\n\n[ind", "= false\n\n[ind"))
    stage.prepare()
    enrol(stage, people, folder)
    stage.broker.start()
    stage.start("hq")
    sync = Traced("sync", stage.config, folder, unheard)
    stack.callback(sync.close)
    kiosk = Traced("kiosk", stage.config, folder, unheard)
    stack.callback(kiosk.close)
    kiosk.wait_for('"ready"')
    kiosk.wait_for('"presentation"')
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=30) as page:
        page.read()
    os.write(master, _BADGE.encode() + b"\r")
    kiosk.wait_for("unknown_badge")
    sync.wait_for('"confirmed"', 2)
    stage.broker.stop()
    sync.wait_for('"broker_lost"')
    stage.broker.start()
    sync.wait_for('"broker_connected"', 2)
    return {"kiosk": kiosk.end(), "kiosk-sync": sync.end()}


if __name__ == "__main__":
    sys.exit(main())
