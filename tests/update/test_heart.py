"""The daemon tells that it lives, and ends when it is asked to and nobody is there."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kiosk.assembly import assemble
from kiosk.heart import Heart
from kiosk.overrides import Overrides
from kiosk.panel import NoPanel
from kiosk.patience import Tick
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from kiosk.update.pulse import ASKED, read_pulse
from kiosk.update.settings import UpdateSection
from store.machine import Health
from store.records import Fault, Instant
from tests.kiosk.made import Lamps, now, terminal


def later(seconds: float) -> Instant:
    return now().model_copy(update={"monotonic_ns": 1 + int(seconds * 1e9)})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path)


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        yield opened


@pytest.fixture
def section(tmp_path: Path) -> UpdateSection:
    return UpdateSection(root=tmp_path, pulse=tmp_path / "pulse.json")


def test_a_beat_says_who_where_and_how(stores: Stores, section: UpdateSection) -> None:
    heart = Heart(section, stores)
    stores.ledger.append(Fault(code="disk_low"), now())
    umask = os.umask(0o007)  # the unit's
    try:
        heart.beat(later(0), idle=True)
    finally:
        os.umask(umask)
    assert section.pulse.stat().st_mode & 0o777 == 0o644, "the updater has no capability to read it"
    pulse = read_pulse(section.pulse)
    assert pulse is not None
    assert (pulse.program, pulse.pid, pulse.monotonic_ns) == (sys.prefix, os.getpid(), 1)
    assert (pulse.faults, pulse.quiet) == (("disk_low",), False)
    assert (pulse.began, pulse.head, pulse.receipt) == (0, 1, 0)


def test_it_ends_when_asked_and_the_door_has_been_quiet(
    stores: Stores, section: UpdateSection
) -> None:
    heart = Heart(section, stores)
    heart.beat(later(0), idle=True)
    assert not heart.beat(later(40), idle=True), "nobody asked"
    (section.root / ASKED).touch()
    assert not heart.beat(later(41), idle=False)
    assert not heart.beat(later(70), idle=True), "somebody was here 29 s ago"
    assert heart.beat(later(72), idle=True)
    pulse = read_pulse(section.pulse)
    assert pulse is not None
    assert pulse.quiet


def test_a_pulse_that_cannot_be_written_stops_nobody(
    stores: Stores, section: UpdateSection, tmp_path: Path
) -> None:
    heart = Heart(section.model_copy(update={"pulse": tmp_path / "none" / "pulse.json"}), stores)
    assert not heart.beat(later(0), idle=True)


@dataclass(frozen=True, slots=True)
class At:
    """A clock that stands."""

    instant: Instant

    def now(self) -> Instant:
        return self.instant


class Ticks:
    """A camera that is waited for, for ever."""

    def frames(self) -> Iterator[Tick]:
        while True:
            yield Tick(0.0)


def test_the_daemon_ends_to_be_started_again(
    stores: Stores, settings: Settings, section: UpdateSection
) -> None:
    station = Station(settings, Overrides(settings), heart=Heart(section, stores))
    assert station.heart is not None
    station.heart.beat(later(0), idle=True)
    (section.root / ASKED).touch()
    door = assemble(
        settings,
        stores,
        None,
        None,
        None,
        Lamps(),
        NoPanel(),
        At(later(31)),
        threading.Event(),
        station,
        health=Health,
    )
    door.run(Ticks())
    assert station.restart == "update"


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"pid": -1}', b"\xff" * 40_000])
def test_what_is_no_pulse_is_none(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "pulse.json").write_bytes(raw)
    assert read_pulse(tmp_path / "pulse.json") is None


def test_a_link_is_not_followed(section: UpdateSection, stores: Stores, tmp_path: Path) -> None:
    Heart(section, stores).beat(later(0), idle=True)
    link = tmp_path / "link"
    link.symlink_to(section.pulse)
    assert read_pulse(section.pulse) is not None
    assert read_pulse(link) is None
