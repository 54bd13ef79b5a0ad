"""The command line for supervisors and auditors: one person's day, and what waits for an answer."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from kiosk.cli import cli
from kiosk.errors import OwnRecordsError
from kiosk.own_records import my_records
from kiosk.settings import Settings
from kiosk.stores import open_stores
from store.records import Answer, Correction, DeclaredPunch, Punch
from tests.kiosk.made import now, settings_file, terminal

MONDAY = date(2026, 3, 2)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A terminal where person 1001 disputed a punch that was then cancelled."""
    settings: Settings = terminal(tmp_path)
    path = settings_file(tmp_path)
    with path.open("a") as file:
        file.write("[retention]\npunches_days = 36500\n")
    with open_stores(settings) as stores:
        mine = my_records(stores, settings)
        punch = stores.ledger.append(Punch(person="1001", method="face", direction="in"), now())
        asked = mine.dispute("1001", MONDAY, "not_me", "I was ill", now(), about=punch.id)
        answer = Answer(person="1001", answers=asked.id, outcome="approved", by="7", why="sorry")
        stores.ledger.append(answer, now())
        stores.ledger.append(
            Correction(
                person="1001",
                action="cancelled",
                corrects=punch.id,
                by="7",
                approved_by="8",
                why="sorry",
            ),
            now(),
        )
        stores.ledger.append(Punch(person="1002", method="pin"), now())
        stores.ledger.append(DeclaredPunch(person="1002", direction="in"), now())
    return path


def call(config: Path, *words: str) -> str:
    done = CliRunner().invoke(cli, [*words, "--config", str(config)], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_a_persons_day_has_what_counts_what_was_asked_and_nobody_else(config: Path) -> None:
    shown = json.loads(call(config, "records", "1001", "--day", "2026-03-02", "--json"))
    [punch], [asked] = shown["punches"], shown["asked"]
    assert (punch["counts"], punch["corrected_by"]) == (False, "7, approved by 8: sorry")
    assert punch["time"] == "2026-03-02T06:00:00+00:00"
    assert (asked["claim"], asked["state"], asked["answer"]) == ("not_me", "approved", "sorry")
    assert "I was ill" in call(config, "records", "1001", "--day", "2026-03-02")
    today = json.loads(call(config, "records", "1001", "--json"))
    assert (today["day"], today["punches"]) == (datetime.now(UTC).date().isoformat(), [])


def test_what_waits_for_an_answer_is_listed(config: Path) -> None:
    [declared] = json.loads(call(config, "dispute", "list", "--json"))
    assert (declared["person"], declared["kind"], declared["claim"]) == (
        "1002",
        "declared_punch",
        "declared in",
    )
    everything = json.loads(call(config, "dispute", "list", "--all", "--json"))
    assert [one["state"] for one in everything] == ["approved", "open"]
    assert "declared in" in call(config, "dispute", "list")


def test_a_day_before_the_retention_period_ends_with_7(config: Path) -> None:
    day = (datetime.now(UTC) - timedelta(days=36_502)).date()
    words = ["records", "1001", "--day", day.isoformat(), "--config", str(config)]
    done = CliRunner().invoke(cli, words)
    assert isinstance(done.exception, OwnRecordsError)
    assert (done.exception.reason, done.exception.exit_code) == ("not_kept", 7)
