"""Stands in for `systemctl`: the few words that kiosk-update says, done with real processes.

`systemctl.py supervise UNIT` is the unit's main loop: as systemd with the real unit it starts the
program again two seconds after it ended with anything but 0. `world.json` in SYSTEMCTL_HOME says
what each unit runs; `UNIT.pid` there is the main process while there is one, `UNIT.loop` the loop.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

HOME = Path(os.environ["SYSTEMCTL_HOME"])
_AGAIN_S = 2.0


def main(words: list[str]) -> int:
    unit = words[-1]
    match words[0]:
        case "show":
            sys.stdout.write(f"{_number(f'{unit}.pid')}\n")
        case "reset-failed":
            return 0
        case "restart":
            stop(unit)
            log = (HOME / f"{unit}.log").open("ab")
            loop = [sys.executable, __file__, "supervise", unit]
            subprocess.Popen(
                loop, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        case "start":
            world = json.loads((HOME / "world.json").read_text())
            log = (HOME / f"{unit}.log").open("ab")
            try:
                for command in world[unit]["start"]:
                    subprocess.run(command, check=True, stderr=log)
            except subprocess.CalledProcessError:
                return 1
            finally:
                subprocess.run(world[unit]["after"], check=True)
        case "supervise":
            supervise(unit)
        case "stop":
            stop(unit)
    return 0


def supervise(unit: str) -> None:
    (HOME / f"{unit}.loop").write_text(str(os.getpid()))
    command = json.loads((HOME / "world.json").read_text())[unit]
    while True:
        child = subprocess.Popen(command)
        (HOME / f"{unit}.pid").write_text(str(child.pid))
        code = child.wait()
        (HOME / f"{unit}.pid").unlink()
        if code == 0:
            return
        time.sleep(_AGAIN_S)


def stop(unit: str) -> None:
    """End the loop, then its program."""
    for name in (f"{unit}.loop", f"{unit}.pid"):
        pid = _number(name)
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if name.endswith("loop") else signal.SIGTERM)
            while _runs(pid):
                time.sleep(0.02)
        (HOME / name).unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _number(name: str) -> int:
    try:
        return int((HOME / name).read_text())
    except (FileNotFoundError, ValueError):
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
