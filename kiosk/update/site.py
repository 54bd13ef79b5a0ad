"""What every step of an update works with: the releases, the settings, the machine around."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kiosk.update.environment import build
from kiosk.update.errors import BusyError
from kiosk.update.health import STALE_S
from kiosk.update.layout import Layout
from kiosk.update.pulse import Pulse, read_pulse
from kiosk.update.settings import UpdateSection
from kiosk.update.units import KIOSK, SYNC, World
from store.records import Instant


@dataclass(frozen=True, slots=True)
class Site:
    """One terminal's updates. `build(target, wheels)` makes an environment."""

    section: UpdateSection
    world: World
    now: Callable[[], Instant]
    build: Callable[[Path, Sequence[Path]], None] = build

    @property
    def layout(self) -> Layout:
        """The directory of releases."""
        return Layout(self.section.root)

    def pulse(self) -> tuple[int, Pulse | None]:
        """The daemon's process, and its newest beat if it is that process's and not stale."""
        pid = self.world.main_pid(KIOSK)
        pulse = read_pulse(self.section.pulse)
        if pulse is None or pulse.pid != pid:
            return pid, None
        # One from the future is of an earlier boot, where the settings have it on a disk.
        return pid, pulse if 0 <= self.age_s(pulse) <= STALE_S else None

    def age_s(self, pulse: Pulse) -> float:
        """How long ago it beat."""
        return self.world.monotonic_s() - pulse.monotonic_ns / 1e9

    def sync_runs(self) -> bool:
        """Whether kiosk-sync has a process."""
        return self.world.main_pid(SYNC) != 0


@contextmanager
def alone(layout: Layout) -> Iterator[None]:
    """Be the one kiosk-update at work; raises `BusyError` when another is, and `OSError`."""
    layout.root.mkdir(parents=True, exist_ok=True)
    handle = os.open(layout.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(
                "another kiosk-update is at work; `kiosk-update status` shows how far"
            ) from None
        yield
    finally:
        os.close(handle)
