"""What the updater asks of systemd, and the machine's clocks."""

from __future__ import annotations

import subprocess
import time
from typing import Protocol

from kiosk.update.errors import PreparationError, UpdateError

KIOSK, SYNC, TRIAL = "kiosk.service", "kiosk-sync.service", "kiosk-update-trial.service"
_QUICK_S = 60.0  # what systemd answers at once
_TRIAL_S = 2 * 3600.0  # as TimeoutStartSec= of the unit


class World(Protocol):
    """What is around the updater; tests have one of their own."""

    def main_pid(self, unit: str) -> int:
        """The unit's main process; 0 while there is none."""

    def restart(self, unit: str) -> None:
        """Start the unit anew, also one that systemd has given up; does not wait until it is up."""

    def try_databases(self) -> None:
        """Run the trial of `candidate`; raises `PreparationError` when it fails."""

    def monotonic_s(self) -> float:
        """Seconds since boot, sleep included."""

    def pause(self, seconds: float) -> None:
        """Let time pass."""


class Systemd:
    """The real one."""

    def main_pid(self, unit: str) -> int:
        """See `World`."""
        said = self._ask("show", "--property=MainPID", "--value", unit).strip()
        return int(said) if said.isdigit() else 0

    def restart(self, unit: str) -> None:
        """See `World`."""
        self._ask("reset-failed", unit, check=False)
        self._ask("restart", "--no-block", unit)

    def try_databases(self) -> None:
        """See `World`."""
        try:
            self._ask("start", TRIAL, timeout_s=_TRIAL_S)
        except UpdateError as error:
            raise PreparationError(
                "the release failed its trial on a copy of the databases; nothing was changed; "
                f"`journalctl -u {TRIAL}` says why"
            ) from error

    def monotonic_s(self) -> float:
        """See `World`."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def pause(self, seconds: float) -> None:
        """See `World`."""
        time.sleep(seconds)

    def _ask(self, *words: str, check: bool = True, timeout_s: float = _QUICK_S) -> str:
        try:
            done = subprocess.run(
                ["systemctl", *words],
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout_s,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateError(f"systemctl {' '.join(words)}: {type(error).__name__}") from error
        if check and done.returncode != 0:
            said = done.stderr.strip().splitlines()
            raise UpdateError(f"systemctl {' '.join(words)}: {said[-1] if said else 'failed'}")
        return done.stdout
