"""Punches as payroll gets them: local times over every change of clocks, and odd records."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hq.cli import main
from hq.punches import Punches, local_text
from store.records import Stop
from tests.hq.databases import Databases
from tests.hq.made import Gate, Office, hq_settings, open_office
from tests.hq.pi import PiClock
from tests.sync.made import GATE_A, GATE_B, NOON

pytestmark = pytest.mark.usefixtures("left_as_found")


@pytest.fixture
def offices(databases: Databases) -> Iterator[Office]:
    """Headquarters that knows gates A and B."""
    made = open_office(databases.ready(), GATE_A, GATE_B)
    yield made
    made.database.close()


@pytest.mark.parametrize(
    ("utc", "local"),
    [
        # Clocks put forward: there is no 02:30 on this day
        ("2026-03-29T00:59:59.999999Z", "2026-03-29T01:59:59.999999+01:00"),
        ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00.000000+02:00"),
        # Clocks put back: 02:30 is twice, an hour apart
        ("2026-10-25T00:30:00Z", "2026-10-25T02:30:00.000000+02:00"),
        ("2026-10-25T01:30:00Z", "2026-10-25T02:30:00.000000+01:00"),
    ],
)
def test_a_local_time_tells_its_offset_over_every_change_of_clocks(utc: str, local: str) -> None:
    moment = datetime.fromisoformat(utc)
    text = local_text(moment, "Europe/Berlin")
    assert text == local
    assert datetime.fromisoformat(text) == moment


@pytest.mark.parametrize("zone", ["Atlantis/Centre", "", "../../etc/passwd", "\x00", None, 7])
def test_a_zone_that_is_not_known_here_leaves_the_time_without_a_local_one(zone: object) -> None:
    assert local_text(NOON, zone) is None


def test_the_offset_is_that_of_the_right_day_not_of_1970(offices: Office) -> None:
    clock, gate = PiClock(datetime(2026, 7, 1, 6, 0, tzinfo=UTC)), Gate(offices)
    offices.now = clock.truth + timedelta(hours=1)
    clock.pass_s(30)
    gate.tell(clock.now())
    clock.synchronise()
    gate.tell(clock.now(), Stop(reason="tests"))
    [punch] = Punches(offices.database).read()
    assert punch["local"] == "2026-07-01T08:00:30.000000+02:00"
    assert punch["recorded"] == "1970-01-01T00:00:30.000000Z"


def test_a_zone_changed_in_the_settings_moves_no_earlier_punch(offices: Office) -> None:
    clock, gate = PiClock(NOON), Gate(offices)
    clock.synchronise()
    gate.tell(clock.now())
    clock.zone = "America/New_York"
    gate.tell(clock.now())
    assert [(p["time"], p["local"], p["zone"]) for p in Punches(offices.database).read()] == [
        (
            "2026-03-02T12:00:00.000000Z",
            "2026-03-02T13:00:00.000000+01:00",
            "Europe/Berlin",
        ),
        (
            "2026-03-02T12:00:00.000000Z",
            "2026-03-02T07:00:00.000000-05:00",
            "America/New_York",
        ),
    ]


def test_while_following_a_time_is_corrected_once(offices: Office) -> None:
    offices.now = NOON + timedelta(hours=1)
    clock, gate, punches = PiClock(NOON), Gate(offices), Punches(offices.database)
    gate.tell(clock.now())
    [first] = punches.read()
    assert (first["settled"], first["corrects"], first["time"]) == (False, None, None)
    assert list(punches.read()) == []
    gate.tell(clock.now())
    [second] = punches.read()
    clock.pass_s(5)
    clock.synchronise()
    gate.tell(clock.now(), Stop(reason="tests"))
    again = list(punches.read())
    assert [(p["id"], p["corrects"]) for p in again] == [(first["id"], 1), (second["id"], 2)]
    assert {p["time"] for p in again} == {"2026-03-02T12:00:00.000000Z"}
    clock.pass_s(5)
    gate.tell(clock.now(), Stop(reason="tests"))
    assert list(punches.read()) == []


def test_another_terminals_clock_says_nothing(offices: Office) -> None:
    """The boots have one name here: clones of a card that boot before they have a boot id."""
    clock = PiClock(NOON)
    Gate(offices, GATE_A).tell(clock.now())
    clock.synchronise()
    Gate(offices, GATE_B).tell(clock.now())
    [wrong, right] = Punches(offices.database).read()
    assert (wrong["terminal"], wrong["sure"], wrong["time"]) == ("gate-a", "bounded", None)
    assert (right["terminal"], right["sure"]) == ("gate-b", "synchronised")


@pytest.mark.parametrize("more", [{}, {"boot": 7}, {"monotonic_ns": "x", "boot": "b"}])
def test_a_record_that_tells_no_clocks_is_reported_and_bounded(
    offices: Office, more: dict[str, Any]
) -> None:
    offices.now = NOON + timedelta(hours=1)
    gate = Gate(offices)
    gate.tell_raw(PiClock(NOON).now(), {"utc": "2026-03-02T12:00:00.000000Z", **more})
    [punch] = Punches(offices.database).read()
    assert (punch["recorded"], punch["sure"]) == ("2026-03-02T12:00:00.000000Z", "bounded")
    assert (punch["time"], punch["latest"]) == (None, punch["received"])


def test_the_command_shows_local_time_error_and_sureness(tmp_path: Path) -> None:
    office = open_office(f"sqlite:///{tmp_path / 'hq.db'}", GATE_A)
    office.now = NOON + timedelta(hours=1)
    config = hq_settings(tmp_path)
    clock, gate = PiClock(NOON), Gate(office)
    gate.tell(clock.now())
    words = ["punches", "--config", str(config)]
    line = CliRunner().invoke(main, words).stdout
    assert line.startswith(
        "between 2026-01-01T00:00:00.000000Z and 2026-03-02T13:00:00.000000Z  bounded  plant-1/"
    )
    clock.pass_s(10)
    clock.synchronise()
    gate.tell(clock.now(), Stop(reason="tests"))
    line = CliRunner().invoke(main, words).stdout
    assert line.startswith("2026-03-02T13:00:00.000000+01:00  corrected ±6 ms  plant-1/gate-a  #1")
    assert "recorded 1970-01-01T00:00:00.000000Z" in line
    [punch] = json.loads(CliRunner().invoke(main, [*words, "--json"]).stdout)
    assert (punch["time"], punch["error_ms"]) == ("2026-03-02T12:00:00.000000Z", 6)
    office.database.close()
