"""A terminal around the updater: time that stands until somebody waits, a daemon, releases.

What a program does follows from its version (`Behaviour`), as with a real one. Making a new `World`
over the same folder is the power coming back.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from minisign import KeyPair

from kiosk.update.errors import PreparationError
from kiosk.update.layout import Layout
from kiosk.update.manifest import DatabaseSchema, Manifest
from kiosk.update.pulse import Pulse
from kiosk.update.settings import UpdateSection
from kiosk.update.site import Site
from kiosk.update.units import KIOSK, SYNC
from releasing.bundling import describe, write
from store.records import Instant

KEYS = KeyPair.generate()
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
NIGHT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
_AGAIN_S = 2.0  # RestartSec= of the unit


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a version does once it runs. `lives_s`: until it crashes, again and again."""

    ready_s: float = 5.0
    lives_s: float = 1e9
    silent_after_s: float = 1e9
    faults: tuple[str, ...] = ()
    confirmed: bool = True
    trial: bool = True


@dataclass(slots=True)
class World:
    """See `kiosk.update.units.World`. `people_until_s`: somebody is at the door until then."""

    folder: Path
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    utc: datetime = NIGHT
    people_until_s: float = 0.0
    boots: int = 1
    running: bool = True
    sync: int = 9000
    restarts: list[str] = field(default_factory=list)
    ended_before_people_left: bool = False
    _time_s: float = 0.0
    _pid: int = 1000
    _version: str | None = None
    _since_s: float = 0.0
    _starts_at_s: float | None = None

    def __post_init__(self) -> None:
        self._pid += self.boots * 100_000
        if self.running:
            self._start()

    @property
    def layout(self) -> Layout:
        return Layout(self.folder / "opt")

    @property
    def version(self) -> str | None:
        """What the daemon runs as."""
        return self._version

    @property
    def pulse_file(self) -> Path:
        """In memory on a real machine: gone with each boot."""
        return self.folder / f"pulse-{self.boots}.json"

    def site(self) -> Site:
        section = UpdateSection(
            root=self.layout.root,
            public_key=self.folder / "release.pub",
            pulse=self.pulse_file,
            watch_minutes=0.5,
        )
        return Site(section, self, self.now, build)

    def now(self) -> Instant:
        utc = self.utc + timedelta(seconds=self._time_s)
        return Instant(utc=utc, zone="UTC", boot="b", monotonic_ns=0, synchronised=True, error_ms=1)

    def main_pid(self, unit: str) -> int:
        if unit == SYNC:
            return self.sync
        return self._pid if self._version is not None else 0

    def restart(self, unit: str) -> None:
        self.restarts.append(unit)
        if unit == KIOSK:
            if self._busy():
                self.ended_before_people_left = True
            self._start()

    def try_databases(self) -> None:
        version = self.layout.version_at("candidate")
        if version is None or not self._does(version).trial:
            raise PreparationError("the trial failed")

    def monotonic_s(self) -> float:
        return self._time_s

    def pause(self, seconds: float) -> None:
        self._time_s += seconds
        if self._starts_at_s is not None and self._time_s >= self._starts_at_s:
            self._start()
        if self._version is None:
            return
        age_s, does = self._time_s - self._since_s, self._does(self._version)
        if age_s >= does.lives_s or (self.layout.asked.exists() and self._quiet()):
            self._version, self._starts_at_s = None, self._time_s + _AGAIN_S
        elif does.ready_s <= age_s < does.silent_after_s:
            self._beat(does)

    def _start(self) -> None:
        self._pid += 1
        self._version = self.layout.version_at("current")
        self._since_s, self._starts_at_s = self._time_s, None

    def _does(self, version: str) -> Behaviour:
        return self.behaviours.get(version, Behaviour())

    def _busy(self) -> bool:
        return self._time_s < self.people_until_s

    def _quiet(self) -> bool:
        return self._time_s >= self.people_until_s + 30

    def _beat(self, does: Behaviour) -> None:
        pulse = Pulse(
            program=str(self.layout.release(str(self._version))),
            pid=self._pid,
            monotonic_ns=int(self._time_s * 1e9),
            quiet=self._quiet(),
            faults=does.faults,
            began=10,
            head=10,
            receipt=10 if does.confirmed else 9,
        )
        self.pulse_file.write_text(pulse.model_dump_json())


def build(target: Path, wheels: Sequence[Path]) -> None:
    """Stands in for pip: a program of the wheel's content."""
    (target / "bin").mkdir(parents=True)
    (target / "bin" / "kiosk").write_bytes(wheels[0].read_bytes())


def manifest(version: str, folder: Path, **changes: object) -> tuple[Manifest, list[Path]]:
    """A release's manifest, and its one wheel."""
    wheel = folder / f"kiosk-{version}-py3-none-any.whl"
    wheel.write_bytes(version.encode())
    said = describe(version, "2026-11-24T12:00:00Z", PYTHON, "any", [wheel])
    return said.model_copy(update=changes), [wheel]


def release(folder: Path, version: str, keys: KeyPair = KEYS, **changes: object) -> Path:
    """A signed release in `folder`."""
    folder.mkdir(exist_ok=True)
    said, wheels = manifest(version, folder, **changes)
    file = folder / f"kiosk-{version}.tar"
    write(file, said, wheels, keys.secret_key)
    return file


def schema(version: int, oldest: int) -> DatabaseSchema:
    return DatabaseSchema(version=version, oldest=oldest)
