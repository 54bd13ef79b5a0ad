"""A Debian root that boots in systemd-nspawn: made, started, entered, powered off.

- The container has a network of its own with loopback only: nothing leaves it.
- Only the processes that `Machine` started are signalled, by their own ids. `stop` powers off; what
  does not end in time is killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_BOOT_WITHIN_S = 60.0
_POWEROFF = signal.SIGRTMIN + 4  # systemd(1)
_COMMAND_S = 120.0


class MachineError(RuntimeError):
    """The container did not do what it was asked; the message has its words."""


class Machine:
    """`root` is the tree to boot; `shown` are the host's folders in it, read-only."""

    def __init__(self, root: Path, shown: Mapping[str, Path]) -> None:
        self.root = root
        self._shown = shown
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0

    def start(self) -> None:
        """Boot, until systemd says that it is up; raises `MachineError`."""
        words = ["systemd-nspawn", "-q", "-D", str(self.root), "--register=no", "--keep-unit"]
        words += ["-M", "kiosk-boot-test", "--private-network", "--boot"]
        words += [f"--bind-ro={host}:{inside}" for inside, host in self._shown.items()]
        with (self.root.parent / "console.log").open("wb") as console:
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self.until("the container's init", lambda: self._find_init() is not None, 60.0)
        self._init = self._find_init() or 0
        self.until("systemd is up", self._is_up, _BOOT_WITHIN_S)

    def stop(self) -> bool:
        """Power off; True when it ended by itself within a minute."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return process is None
        try:
            if self._init:
                os.kill(self._init, _POWEROFF)
            process.wait(60 if self._init else 0)
        except (subprocess.TimeoutExpired, ProcessLookupError):
            process.kill()
            process.wait()
            return False
        return process.returncode == 0

    def run(self, *words: str, user: str | None = None, check: bool = True) -> str:
        """Run a command inside and give its stdout; raises `MachineError` when it fails."""
        if user is not None:
            words = ("runuser", "-u", user, "--", *words)
        done = subprocess.run(
            ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "--", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )
        if check and done.returncode != 0:
            raise MachineError(f"{' '.join(words)}: {done.stderr.strip()[-800:]}")
        return done.stdout

    def ask(self, *words: str) -> Any:
        """Run a command that prints JSON."""
        return json.loads(self.run(*words))

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", unit, f"--property={name}", "--value").strip()

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The journal's entries that match, oldest first."""
        text = self.run("journalctl", "-q", "--no-pager", "-o", "json", *matches, check=False)
        return [json.loads(line) for line in text.splitlines()]

    def until(self, what: str, holds: Callable[[], bool], within_s: float) -> float:
        """Wait until it holds and give the seconds that took; raises `MachineError`."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() - began > within_s:
                raise MachineError(f"not within {within_s:.0f} s: {what}")
            time.sleep(0.2)
        return time.monotonic() - began

    def _find_init(self) -> int | None:
        """The child that is number 1 of its own namespace; one before it only makes the tree."""
        process = self._process
        if process is None or process.poll() is not None:
            raise MachineError("systemd-nspawn ended at once; look whether another boot test runs")
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            status = Path(f"/proc/{pid}/status")
            try:
                lines = status.read_text().splitlines()
            except FileNotFoundError:  # it is gone already
                continue
            if any(line.split() == ["NSpid:", pid, "1"] for line in lines):
                return int(pid)
        return None

    def _is_up(self) -> bool:
        state = self.run("systemctl", "is-system-running", check=False).strip()
        return state in ("running", "degraded")
