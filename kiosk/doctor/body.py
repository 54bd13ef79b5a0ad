"""The machine beneath: disk, its fsync, temperature, power, clock."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

from kiosk.doctor.finding import Finding, failure, not_checked, ok, warning
from store.discipline import Discipline
from store.machine import Health
from store.settings import StatusSection

# A punch waits for the ledger's fsync and for its mark's; somebody is served within half a second
# (README), of which two fsyncs of 50 ms take a fifth and two of 250 ms all.
SLOW_FSYNC_MS, STUCK_FSYNC_MS = 50.0, 250.0
_FSYNCS = 9
_PAGE = b"\0" * 4096  # SQLite's page
_SURE_MS = 1000  # less than a second matters to nobody's pay (kiosk.timekeeper)


def disk_space(health: Health, status: StatusSection) -> Finding:
    """Room for the ledger."""
    name = "disk space"
    if health.disk_free is None:
        return failure(name, "the data directory's disk does not answer", "check the card; --fix")
    free_mb = health.disk_free // 1_000_000
    says = f"{free_mb} MB free, {status.disk_low_mb} MB are the least"
    if free_mb < status.disk_low_mb:
        return failure(name, says, "make room: old logs, old backups; or a bigger card")
    if free_mb < 2 * status.disk_low_mb:
        return warning(name, says, "it will not last: make room or plan a bigger card")
    return ok(name, says)


def measure_fsync(directory: Path, elapsed: Callable[[], float]) -> float:
    """The median time in ms to write a page and fsync it, in a file that has no name.

    Raises OSError.
    """
    times = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(_FSYNCS):
            before = elapsed()
            file.write(_PAGE)
            file.flush()
            os.fsync(file.fileno())
            times.append(elapsed() - before)
    return median(times) * 1000


def disk_fsync(measure: Callable[[], float]) -> Finding:
    """How long a commit waits for the card."""
    name = "disk fsync"
    try:
        took_ms = measure()
    except OSError as error:
        return failure(
            name,
            f"the data directory cannot be written: {error.strerror}",
            "check its owner (kiosk), the mount and the card; --fix makes it",
        )
    says = f"{took_ms:.1f} ms a write, at most {SLOW_FSYNC_MS:.0f} wanted"
    if took_ms > STUCK_FSYNC_MS:
        return failure(name, says, "every punch waits for this: change the card")
    if took_ms > SLOW_FSYNC_MS:
        return warning(name, says, "a slow or worn card: plan to change it")
    return ok(name, says)


def temperature(health: Health, status: StatusSection) -> Finding:
    """The processor's heat."""
    name = "temperature"
    if health.temperature_c is None:
        return not_checked(name, "this machine has no sensor that the kernel shows")
    most = status.temperature_high_c
    says = f"{health.temperature_c:.0f} degrees C, {most:.0f} are the most"
    if health.temperature_c >= most:
        return failure(name, says, "it slows down: shade, a heat sink, air holes in the case")
    if health.temperature_c >= most - 10:
        return warning(name, says, "little is left for a hot day: shade or a heat sink")
    return ok(name, says)


def power(health: Health) -> Finding:
    """What a Raspberry Pi says of its supply."""
    name = "power"
    if health.power is None:
        return not_checked(name, "this machine does not tell (no Raspberry Pi)")
    found = ", ".join(sorted(health.power))
    if "undervoltage" in health.power:
        return failure(name, f"now: {found}", "a weak supply: use the Pi's own, and its cable")
    if health.power:
        return warning(
            name, f"now or since the start: {found}", "check supply, cable and cooling, start again"
        )
    return ok(name, "the supply held and nothing was slowed down since the start")


def clock(discipline: Discipline) -> Finding:
    """The wall clock, as the kernel has it from the NTP daemon."""
    name = "clock"
    if not discipline.synchronised:
        return failure(
            name,
            "not synchronised: punches are stamped as of an unsure clock",
            "`timedatectl`; `systemctl enable --now systemd-timesyncd`; is the NTP server reached?",
        )
    says = f"synchronised, estimated error {discipline.error_ms} ms"
    if discipline.error_ms is not None and discipline.error_ms > _SURE_MS:
        return warning(name, says, "the NTP server is far or bad: `timedatectl timesync-status`")
    return ok(name, says)
