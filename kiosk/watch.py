"""From readings to faults: a pure state machine without a clock, a disk or a ledger.

Rules:
- A fault begins at once when its reading is past its bound.
- It ends when its reading was back over another, easier bound for `SETTLE_S` without a break: a
  value that trembles at a bound is one fault, not a hundred.
- A reading that a machine lacks (None) begins nothing, ends nothing and breaks nothing.
- What stands is decided here; a change counts when its record is on disk (`Watch.changed` is told).

    for change in watch.look(readings, now_s):
        …append the record…
        watch.changed(change)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

# Records of a flapping fault are at most two in so long.
SETTLE_S = 300.0
# Sync's default of how long certificates are watched before their end is the 30 days; a
# week is what a site needs to send somebody.
EXPIRING_DAYS, EXPIRING_SOON_DAYS = 30, 7
# From 80 °C on a Raspberry Pi of any model slows its processor down, and at 85 °C also its graphics
# (https://www.raspberrypi.org/documentation/hardware/raspberrypi/frequency-management.md,
# "Frequency management and thermal control"): the default. It counts as cooled 5 °C below.
_COOLED_C = 5.0
_DISK_ROOM = 1.25  # the disk has room again at so many times the bound


class Code(Enum):
    """The faults that are watched for; the value is the record's `code`."""

    DISK_NEARLY_FULL = "disk_nearly_full"
    TOO_HOT = "too_hot"
    UNDERVOLTAGE = "undervoltage"
    THROTTLED = "throttled"
    CLOCK_LOST = "clock_lost"
    CERTIFICATE_EXPIRING = "certificate_expiring"
    CERTIFICATE_EXPIRING_SOON = "certificate_expiring_soon"
    ATTACK_STREAK = "attack_streak"
    BAD_FRAMES = "bad_frames"
    BADGE_READER_LOST = "badge_reader_lost"
    BADGES_OF_ANOTHER_KEY = "badges_of_another_key"


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on it is a fault: bytes, degrees Celsius, attacks within the window."""

    disk_free: int = 500_000_000
    temperature_c: float = 80.0
    attacks: int = 5


@dataclass(frozen=True, slots=True)
class Readings:
    """What was found. `power` has the names of `store.machine.POWER_BITS`.

    `clock_held` is False when the wall clock was synchronised since the start and is no more, None
    while it never was. `expires_days` is None while nobody knows what day it is. `frames_bad` is
    None until the camera gave a good frame or many bad ones. `readers_lost` names badge readers
    and keypads that cannot be read, `foreign_badges` counts badges of no use under this key.
    """

    disk_free: int | None = None
    temperature_c: float | None = None
    power: frozenset[str] | None = None
    clock_held: bool | None = None
    expires_days: float | None = None
    attacks: int = 0
    frames_bad: bool | None = None
    readers_lost: tuple[str, ...] | None = None
    foreign_badges: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A fault begins or ends; `detail` is for people."""

    code: Code
    begins: bool
    detail: str = ""


class Verdict(Enum):
    """What one reading says of one fault."""

    WRONG = "past its bound"
    BETWEEN = "neither: as it was"
    FINE = "back over the easier bound"
    UNKNOWN = "not to be told"


def judge(readings: Readings, limits: Limits) -> Mapping[Code, tuple[Verdict, str]]:
    """What the readings say of every fault, each with its detail."""
    r, low = readings, limits.disk_free
    power = r.power
    return {
        Code.DISK_NEARLY_FULL: (
            _bound(None if r.disk_free is None else -r.disk_free, -low, -low * _DISK_ROOM),
            f"{(r.disk_free or 0) // 1_000_000} MB free",
        ),
        Code.TOO_HOT: (
            _bound(r.temperature_c, limits.temperature_c, limits.temperature_c - _COOLED_C),
            f"{r.temperature_c} degrees",
        ),
        # A dip shorter than the pause between two looks leaves only the `…_occurred` flag, which
        # stays until the machine starts anew.
        Code.UNDERVOLTAGE: _flags(power, {"undervoltage", "undervoltage_occurred"}),
        Code.THROTTLED: _flags(power, {"frequency_capped", "throttled", "soft_temperature_limit"}),
        Code.CLOCK_LOST: (_wrong(None if r.clock_held is None else not r.clock_held), ""),
        Code.CERTIFICATE_EXPIRING: _expiring(r.expires_days, EXPIRING_DAYS),
        Code.CERTIFICATE_EXPIRING_SOON: _expiring(r.expires_days, EXPIRING_SOON_DAYS),
        Code.ATTACK_STREAK: (_bound(r.attacks, limits.attacks, 0), f"{r.attacks} presentations"),
        Code.BAD_FRAMES: (_wrong(r.frames_bad), ""),
        Code.BADGE_READER_LOST: (
            _wrong(None if r.readers_lost is None else bool(r.readers_lost)),
            ", ".join(r.readers_lost or ()),
        ),
        Code.BADGES_OF_ANOTHER_KEY: (
            _wrong(None if r.foreign_badges is None else r.foreign_badges > 0),
            f"{r.foreign_badges} badges must be given anew",
        ),
    }


class Watch:
    """Which faults stand; `standing` has those that stood before the start."""

    def __init__(self, limits: Limits, standing: Iterable[str] = ()) -> None:
        self._limits = limits
        known = {code.value: code for code in Code}
        self._standing = {known[name] for name in standing if name in known}
        self._fine_since: dict[Code, float] = {}

    @property
    def standing(self) -> frozenset[Code]:
        """The faults that stand."""
        return frozenset(self._standing)

    def look(self, readings: Readings, now_s: float) -> list[Change]:
        """What begins or ends with these readings at `now_s`, monotonic seconds."""
        changes = []
        for code, (verdict, detail) in judge(readings, self._limits).items():
            if verdict is Verdict.WRONG and code not in self._standing:
                changes.append(Change(code, begins=True, detail=detail))
            if verdict in (Verdict.WRONG, Verdict.BETWEEN):
                self._fine_since.pop(code, None)
            elif verdict is Verdict.FINE and code in self._standing:
                since = self._fine_since.setdefault(code, now_s)
                if now_s - since >= SETTLE_S:
                    changes.append(Change(code, begins=False))
        return changes

    def changed(self, change: Change) -> None:
        """The change has its record."""
        self._fine_since.pop(change.code, None)
        if change.begins:
            self._standing.add(change.code)
        else:
            self._standing.discard(change.code)


def _bound(value: float | None, wrong_from: float, fine_to: float) -> Verdict:
    if value is None:
        return Verdict.UNKNOWN
    if value >= wrong_from:
        return Verdict.WRONG
    return Verdict.FINE if value <= fine_to else Verdict.BETWEEN


def _flags(power: frozenset[str] | None, wrong: set[str]) -> tuple[Verdict, str]:
    if power is None:
        return Verdict.UNKNOWN, ""
    found = sorted(power & wrong)
    return (Verdict.WRONG if found else Verdict.FINE), ", ".join(found)


def _wrong(wrong: bool | None) -> Verdict:
    if wrong is None:
        return Verdict.UNKNOWN
    return Verdict.WRONG if wrong else Verdict.FINE


def _expiring(days: float | None, bound: int) -> tuple[Verdict, str]:
    if days is None:
        return Verdict.UNKNOWN, ""
    return (Verdict.WRONG if days <= bound else Verdict.FINE), f"in {days:.0f} days"
