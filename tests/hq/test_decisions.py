"""Headquarters sees what is disputed and declared, decides, and counts what was decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event, select

from hq.cli import main
from hq.decisions import (
    QUESTIONS,
    Decision,
    answer,
    correct,
    incident_lines,
    question_lines,
)
from hq.errors import DecisionError, UnknownRecordError, UnknownTerminalError
from hq.keys import create_keys
from hq.months import month_lines
from hq.punches import Punches
from hq.reports import lines_of_kinds
from hq.tables import COMMANDS
from store.records import (
    Answer,
    Correction,
    DeclaredPunch,
    Dispute,
    FaceFailed,
    Instant,
    MonthConfirmed,
    Punch,
    Rejection,
)
from sync.contract.documents import Command, open_command
from tests.hq.databases import Databases
from tests.hq.made import Gate, Office, hq_settings, open_office
from tests.hq.pi import PiClock
from tests.sync.made import GATE_A, GATE_B, HQ_KEY, NOON

pytestmark = pytest.mark.usefixtures("left_as_found")
ME = "4711"
LATER = NOON + timedelta(days=7)
EIGHT = NOON - timedelta(hours=4)
BY = Decision(by="7", approved_by="8", why="seen at the gate")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = open_office(f"sqlite:///{tmp_path / 'hq.db'}", GATE_A, GATE_B)
    yield made
    made.database.close()


@pytest.fixture
def offices(databases: Databases) -> Iterator[Office]:
    """Headquarters on each kind of database."""
    made = open_office(databases.new(), GATE_A)
    yield made
    made.database.close()


@pytest.fixture
def gate(office: Office) -> Gate:
    return Gate(office)


def at(seconds: float = 0) -> Instant:
    clock = PiClock(NOON + timedelta(seconds=seconds))
    clock.synchronise()
    return clock.now()


def dispute(about: str | None = None, **said: Any) -> Dispute:
    claim = "other" if about else "missing"
    words = {"day": "2026-03-02", "claim": claim, "reason": "I was here at 8", **said}
    return Dispute(person=ME, about=about, **words)


def correction(action: str, **said: Any) -> Correction:
    words = {"person": ME, "by": "7", "approved_by": "8", "why": "w", **said}
    return Correction(action=action, **words)


def sent(office: Office) -> list[Command]:
    with office.database.read() as connection:
        rows = connection.execute(select(COMMANDS.c.document).order_by(COMMANDS.c.id)).all()
    return [open_command(HQ_KEY.public_key(), GATE_A, row.document) for row in rows]


def decide(office: Office, record_id: str, decision: Decision = BY, cancel: bool = False) -> Any:
    answer(office.database, HQ_KEY, record_id, "approved", decision, cancel, NOON, LATER)
    return sent(office)[-1].arguments


def questions(office: Office, everything: bool = False) -> list[dict[str, Any]]:
    return question_lines(office.database, QUESTIONS, NOON, everything)


def test_open_questions_are_listed_until_the_terminal_has_written_the_answer(
    offices: Office,
) -> None:
    office, gate = offices, Gate(offices)
    nine = gate.tell(at(-3 * 3600), Punch(person=ME, method="face", direction="in"))
    asked = gate.tell(at(), dispute(nine, claim="wrong_time", should_be=EIGHT))
    told = gate.tell(at(1), DeclaredPunch(person=ME, direction="out"))
    first, second = questions(office)
    assert (first["id"], first["claim"], first["state"]) == (asked, "wrong_time", "open")
    assert (first["punch"]["id"], first["punch"]["recorded"][11:16]) == (nine, "09:00")
    assert (second["id"], second["kind"], second["direction"]) == (told, "declared_punch", "out")
    decide(office, asked)
    assert [one["command"] for one in questions(office)] == ["sent", None]
    late = question_lines(office.database, QUESTIONS, LATER, False)
    assert [one["command"] for one in late] == ["expired", None]
    gate.tell(at(2), Answer(person=ME, answers=asked, outcome="approved", by="7", why="w"))
    assert [one["id"] for one in questions(office)] == [told]
    assert [one["state"] for one in questions(office, everything=True)] == ["approved", "open"]


def test_an_approval_says_what_counts_by_what_the_dispute_says(office: Office, gate: Gate) -> None:
    nine = gate.tell(at(-3 * 3600), Punch(person=ME, method="face", direction="in"))
    said = ("action", "utc", "direction")
    eight = "2026-03-02T08:00:00.000000Z"
    out = replace(BY, direction="out")
    for body, decision, cancel, wanted in (
        (dispute(nine, claim="wrong_time", should_be=EIGHT), BY, False, ("changed", eight, None)),
        (dispute(nine, claim="not_me"), BY, False, ("cancelled", None, None)),
        (dispute(nine, claim="not_me"), out, False, ("changed", None, "out")),
        (dispute(nine), BY, True, ("cancelled", None, None)),
        (
            dispute(nine, claim="wrong_direction", should_be=EIGHT),
            out,
            False,
            ("changed", None, "out"),
        ),
        (dispute(should_be=EIGHT), out, False, ("added", eight, "out")),
        (dispute(), replace(BY, utc=EIGHT), False, ("added", eight, None)),
        (DeclaredPunch(person=ME), BY, False, ("added", None, None)),
    ):
        arguments = decide(office, gate.tell(at(), body), decision, cancel)
        assert tuple(arguments[name] for name in said) == wanted
        assert (arguments["person"], arguments["by"], arguments["approved_by"]) == (ME, "7", "8")


def test_what_is_left_open_or_decided_by_one_person_is_signed_by_nobody(
    office: Office, gate: Gate
) -> None:
    nine = gate.tell(at(-3 * 3600), Punch(person=ME, method="face"))
    about, missing = gate.tell(at(), dispute(nine)), gate.tell(at(1), dispute())
    declared = gate.tell(at(2), DeclaredPunch(person=ME))
    for record_id, decision, cancel in (
        (about, BY, False),
        (about, replace(BY, utc=EIGHT), True),
        (missing, BY, False),
        (missing, BY, True),
        (declared, BY, True),
        (declared, replace(BY, approved_by=None), False),
        (declared, replace(BY, approved_by="7"), False),
        (declared, replace(BY, approved_by=ME), False),
    ):
        with pytest.raises(DecisionError):
            decide(office, record_id, decision, cancel)
    with pytest.raises(DecisionError, match="refusal corrects nothing"):
        answer(office.database, HQ_KEY, about, "refused", BY, True, NOON, LATER)
    with pytest.raises(UnknownRecordError):
        decide(office, nine)
    assert sent(office) == []


def test_nothing_is_answered_while_an_answer_is_on_its_way_or_there(
    office: Office, gate: Gate
) -> None:
    declared = gate.tell(at(), DeclaredPunch(person=ME))
    decide(office, declared)
    with pytest.raises(DecisionError, match="on its way"):
        decide(office, declared)
    gate.tell(at(1), Answer(person=ME, answers=declared, outcome="refused", by="7", why="w"))
    with pytest.raises(DecisionError, match="answered already"):
        decide(office, declared)
    assert len(sent(office)) == 1


def test_headquarters_corrects_of_its_own_accord_only_what_is_this_persons(
    office: Office, gate: Gate
) -> None:
    nine = gate.tell(at(-3 * 3600), Punch(person=ME, method="face"))
    theirs = gate.tell(at(), Punch(person="4712", method="face"))

    def send(action: Any, corrects: str | None, decision: Decision = BY, target: Any = None) -> Any:
        args = (office.database, HQ_KEY, ME, action, corrects, target, decision, NOON, LATER)
        return correct(*args)[0]

    assert send("cancelled", nine) == GATE_A
    assert sent(office)[-1].arguments["corrects"] == nine
    assert send("added", None, replace(BY, utc=EIGHT), GATE_A) == GATE_A
    with pytest.raises(UnknownRecordError):
        send("cancelled", theirs)
    nowhere = replace(GATE_A, terminal="gate-z")
    with pytest.raises(UnknownTerminalError):
        send("added", None, replace(BY, utc=EIGHT), nowhere)
    for action, corrects, decision, target in (
        ("changed", nine, BY, None),
        ("added", None, BY, GATE_A),
        ("added", None, replace(BY, utc=EIGHT), None),
        ("cancelled", nine, replace(BY, approved_by="7"), None),
        ("cancelled", nine, BY, GATE_B),
    ):
        with pytest.raises(DecisionError):
            send(action, corrects, decision, target)
    assert len(sent(office)) == 2


def counted(punches: Punches) -> list[tuple[str, str, str | None, bool]]:
    """(id, HH:MM, direction, counts) of what is told."""
    return [(p["id"], p["time"][11:16], p["direction"], p["counts"]) for p in punches.read()]


def test_punches_are_told_with_what_counts_and_what_was(office: Office, gate: Gate) -> None:
    changed = gate.tell(at(-3 * 3600), Punch(person=ME, method="face", direction="in"))
    gone = gate.tell(at(), Punch(person=ME, method="face", direction="in"))
    gate.tell(at(1), correction("changed", corrects=changed, utc=EIGHT, direction="out"))
    gate.tell(at(2), correction("cancelled", corrects=gone))
    added = gate.tell(at(3), correction("added", utc=EIGHT, direction="in"))
    first, second, third = Punches(office.database).read()
    assert (first["time"], first["sure"]) == ("2026-03-02T08:00:00.000000Z", "decided")
    assert (first["local"], first["direction"]) == ("2026-03-02T09:00:00.000000+01:00", "out")
    assert (first["was"]["time"], first["was"]["direction"]) == (
        "2026-03-02T09:00:00.000000Z",
        "in",
    )
    assert first["recorded"] == "2026-03-02T09:00:00.000000Z"
    assert [(d["action"], d["by"], d["approved_by"]) for d in first["decisions"]] == [
        ("changed", "7", "8")
    ]
    assert (second["counts"], second["time"]) == (False, "2026-03-02T12:00:00.000000Z")
    assert (third["id"], third["method"], third["sure"]) == (added, None, "decided")
    assert [line["corrects"] for line in (first, second, third)] == [None, None, None]


def test_while_following_a_corrected_punch_is_told_once_more(office: Office, gate: Gate) -> None:
    punches = Punches(office.database)
    record = gate.tell(at(), Punch(person=ME, method="face", direction="in"))
    assert counted(punches) == [(record, "12:00", "in", True)]
    gate.tell(at(1), correction("changed", corrects=record, utc=EIGHT))
    assert counted(punches) == [(record, "08:00", "in", True)]
    gate.tell(at(2), correction("cancelled", corrects=record))
    gate.tell(at(3), correction("cancelled", corrects="nothing"))
    gate.tell(at(4), correction("cancelled", corrects=record, person="4712"))
    [line] = punches.read()
    assert (line["id"], line["corrects"], line["counts"]) == (record, 1, False)
    added = gate.tell(at(5), correction("added", utc=EIGHT))
    assert counted(punches) == [(added, "08:00", None, True)]
    gate.tell(at(6), correction("changed", corrects=added, direction="out"))
    assert counted(punches) == [(added, "08:00", "out", True)]
    assert counted(punches) == []


def test_a_correction_settles_a_time_that_no_clock_tells(office: Office, gate: Gate) -> None:
    office.now = NOON + timedelta(hours=1)
    record = gate.tell(PiClock(NOON).now(), Punch(person=ME, method="face"))
    another = at().model_copy(update={"boot": "boot-2"})
    gate.tell(another, correction("changed", corrects=record, utc=EIGHT))
    [line] = Punches(office.database).read()
    assert (line["time"], line["sure"], line["was"]["time"]) == (
        "2026-03-02T08:00:00.000000Z",
        "decided",
        None,
    )


def test_incidents_are_failed_faces_attacks_and_declared_punches(
    office: Office, gate: Gate
) -> None:
    gate.tell(at(), FaceFailed(attempts=3, reason="unknown"))
    gate.tell(at(1), Rejection(reason="attack", frames=9))
    gate.tell(at(2), Rejection(reason="unknown", frames=9))
    gate.tell(at(3), DeclaredPunch(person=ME))
    lines = incident_lines(office.database)
    assert [line["kind"] for line in lines] == ["face_failed", "rejection", "declared_punch"]
    assert (lines[0]["attempts"], "person" in lines[0]) == (3, False)


def test_a_month_shows_what_counts_at_each_terminal_and_if_just_that_was_confirmed(
    office: Office,
) -> None:
    gate, other = Gate(office), Gate(office, GATE_B)
    late = gate.tell(at(-3 * 3600), Punch(person=ME, method="face", direction="in"))
    gone = gate.tell(at(), Punch(person=ME, method="face"))
    gate.tell(at(1), Punch(person="4712", method="face"))
    february = datetime.fromisoformat("2026-02-28T23:30+01:00")
    gate.tell(at(2), correction("added", utc=february))
    gate.tell(at(3), correction("cancelled", corrects=gone))
    early = gate.tell(at(4), correction("added", utc=EIGHT))
    other.tell(at(), Punch(person=ME, method="badge"))
    digest = hashlib.sha256(f"{early}\n{late}".encode()).hexdigest()
    gate.tell(at(5), MonthConfirmed(person=ME, month="2026-03", punches=2, digest=digest))
    here, there = month_lines(office.database, ME, "2026-03")
    assert [one["id"] for one in here["punches"]] == [early, late]
    assert (here["digest"], here["holds"]) == (digest, True)
    assert here["confirmed"] == "2026-03-02T12:00:05.000000Z"
    assert (there["terminal"], len(there["punches"]), there["confirmed"]) == ("gate-b", 1, None)
    gate.tell(at(6), correction("cancelled", corrects=early))
    assert not month_lines(office.database, ME, "2026-03")[0]["holds"]
    [before] = month_lines(office.database, ME, "2026-02")
    assert len(before["punches"]) == 1
    assert month_lines(office.database, "nobody", "2026-03") == []
    with pytest.raises(DecisionError):
        month_lines(office.database, ME, "2026-13")


def test_questions_are_found_without_reading_the_punches(office: Office) -> None:
    plans: list[str] = []
    with office.database.read() as connection:

        @event.listens_for(connection, "before_cursor_execute")
        def explain(_: Any, cursor: Any, sql: str, parameters: Any, *__: Any) -> None:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
            plans.append("; ".join(row[3] for row in cursor.fetchall()))

        lines_of_kinds(connection, QUESTIONS)
    plan = plans[-1]  # the first is BEGIN
    assert "SEARCH events USING INDEX ix_events_kind_record_id (kind=?)" in plan


class Desk:
    """The command line over a filled database."""

    def __init__(self, folder: Path) -> None:
        create_keys(folder / "hq-keys")
        self._config = hq_settings(folder)
        self.office = open_office(f"sqlite:///{folder / 'hq.db'}", GATE_A)

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(main, [*words, "--config", str(self._config)])


def test_the_command_line_lists_answers_and_corrects(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    gate = Gate(desk.office)
    nine = gate.tell(at(-3 * 3600), Punch(person=ME, method="face", direction="in"))
    asked = gate.tell(at(), dispute(nine, claim="wrong_direction", reason="out\x1b[2J"))
    gate.tell(at(1), DeclaredPunch(person=ME, direction="in"))
    gate.tell(at(2), FaceFailed(attempts=3, reason="unknown"))
    line = desk("disputes").stdout
    assert asked in line
    assert "\x1b" not in line
    [declared] = json.loads(desk("declared", "--json").stdout)
    assert declared["direction"] == "in"
    assert "3 times  unknown" in desk("incidents").stdout
    who = ("--by", "7", "--why", "seen")
    alone = desk("answer", asked, "approve", *who, "--direction", "out")
    assert (alone.exit_code, alone.stderr.count("\n")) == (2, 1)
    done = desk("answer", asked, "approve", *who, "--approved-by", "8", "--direction", "out")
    assert (done.exit_code, done.stdout.split()[0]) == (0, "plant-1/gate-a")
    assert "answer sent" in desk("disputes").stdout
    assert "1 punches  not confirmed\n  2026-03-02T10:00" in desk("month", ME, "2026-03").stdout
    two = ("--by", "7", "--approved-by", "8", "--why", "seen")
    assert desk("correct", ME, "change", "--record", nine, *two, "--utc", "08:00").exit_code == 2
    naive = desk("correct", ME, "change", "--record", nine, *two, "--utc", "2026-03-02T08:00")
    assert "offset" in naive.stderr
    utc = ("--utc", "2026-03-02T08:00+01:00")
    assert desk("correct", ME, "change", "--record", nine, *two, *utc).exit_code == 0
    assert desk("correct", ME, "add", "--terminal", "plant-1/gate-a", *two, *utc).exit_code == 0
    assert desk("correct", ME, "cancel", "--record", "nothing", *two).exit_code == 1
    desk.office.database.close()


def test_the_command_shows_what_counts_and_with_all_what_was(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    gate = Gate(desk.office)
    changed = gate.tell(at(-3 * 3600), Punch(person=ME, method="face", direction="in"))
    gone = gate.tell(at(), Punch(person=ME, method="face"))
    gate.tell(at(1), correction("changed", corrects=changed, direction="out"))
    gate.tell(at(2), correction("cancelled", corrects=gone))
    assert [p["id"] for p in json.loads(desk("punches", "--json").stdout)] == [changed]
    assert len(json.loads(desk("punches", "--all", "--json").stdout)) == 2
    [line] = desk("punches").stdout.splitlines()
    assert "face  out" in line
    shown, cancelled = desk("punches", "--all").stdout.splitlines()
    assert "was 2026-03-02T10:00:00.000000+01:00 in  changed by 7, approved by 8: w" in shown
    assert "does not count" in cancelled
    desk.office.database.close()


def test_the_time_of_a_decision_is_in_utc(office: Office, gate: Gate) -> None:
    declared = gate.tell(at(), DeclaredPunch(person=ME))
    nine = datetime.fromisoformat("2026-03-02T09:00+01:00")
    assert decide(office, declared, replace(BY, utc=nine))["utc"] == "2026-03-02T08:00:00.000000Z"
