"""Headquarters' answers and corrections become records, once, together with their command."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.own_records import MyRecords
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.ledger import Record
from store.orders import GiveAnswer, MakeCorrection
from store.own_records import OwnRecords
from store.records import (
    Answer,
    Correction,
    DeclaredPunch,
    Dispute,
    Instant,
    Punch,
    TimeCorrection,
)
from tests.kiosk.ordered import NOW, at, kinds, ordered, ordered_terminal, post, replies

ME, OTHER = "4711", "4712"
EIGHT, NINE = "2026-11-24T08:00:00Z", at(-3600)
DAY = date(2026, 11, 24)


class World:
    """A terminal that trusts a headquarters, and an employee's records on it."""

    def __init__(self, folder: Path, stores: Stores, station: Station) -> None:
        self.stores, self.station, self._nth = stores, station, 0
        self.own = OwnRecords(stores.ledger_db)
        self.mine = MyRecords(stores.ledger, self.own, "Europe/Berlin", 90)

    def punch(self, person: str = ME, time: Instant = NINE) -> Record:
        body = Punch(person=person, method="face", direction="in")
        return self.stores.ledger.append(body, time)

    def dispute(self, about: str | None = None, person: str = ME) -> Record:
        body = Dispute(
            person=person,
            about=about,
            day="2026-11-24",
            claim="other" if about else "missing",
            reason="it was eight",
        )
        return self.stores.ledger.append(body, NOW)

    def answer(self, answers: str, outcome: str = "approved", **said: Any) -> tuple[str, str]:
        self._nth += 1
        who = {"approved_by": "8"} if outcome == "approved" else {}
        said = {"person": ME, "by": "7", "why": "the gate was shut", **who, **said}
        arguments = {"answers": answers, "outcome": outcome, **said}
        return ordered(self.stores, self.station, "answer", self._nth, **arguments)

    def correct(self, action: str, **said: Any) -> tuple[str, str]:
        self._nth += 1
        said = {"person": ME, "by": "7", "approved_by": "8", "why": "seen", **said}
        return ordered(self.stores, self.station, "correct", self._nth, action=action, **said)

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        found = self.stores.ledger.records(0, 1000)
        return [record.content().body for record in found if record.kind == kind]

    def shown(self) -> list[tuple[str, bool]]:
        entries = self.mine.day(ME, DAY, NOW).entries
        return [(f"{e.stands.utc:%H:%M}", e.counts is not None) for e in entries]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    settings = ordered_terminal(tmp_path)
    with open_stores(settings) as stores:
        yield World(tmp_path, stores, Station(settings, Overrides(settings)))


def test_an_approved_dispute_leaves_answer_and_correction_with_the_command(world: World) -> None:
    nine = world.punch()
    dispute = world.dispute(nine.id)
    assert world.shown() == [("05:00", True)]
    assert world.answer(dispute.id, action="changed", utc=EIGHT) == (
        "done",
        "answer and correction",
    )
    assert kinds(world.stores)[-3:] == ["answer", "correction", "command_done"]
    [answer], [correction] = world.bodies("answer"), world.bodies("correction")
    assert Answer.model_validate(answer) == Answer(
        person=ME,
        answers=dispute.id,
        outcome="approved",
        by="7",
        approved_by="8",
        why="the gate was shut",
    )
    assert Correction.model_validate(correction) == Correction(
        person=ME,
        action="changed",
        corrects=nine.id,
        utc=datetime.fromisoformat(EIGHT),
        by="7",
        approved_by="8",
        why="the gate was shut",
        answers=dispute.id,
    )
    assert world.shown() == [("08:00", True)]
    [asked] = world.mine.asked(ME)
    assert asked.state == "approved"


def test_a_refusal_is_an_answer_and_corrects_nothing(world: World) -> None:
    nine = world.punch()
    dispute = world.dispute(nine.id)
    assert world.answer(dispute.id, "refused") == ("done", "answer")
    assert kinds(world.stores)[-2:] == ["answer", "command_done"]
    assert world.shown() == [("05:00", True)]
    [asked] = world.mine.asked(ME)
    assert asked.state == "refused"


def test_not_me_is_cancelled_and_a_missing_punch_is_added(world: World) -> None:
    nine = world.punch()
    world.answer(world.dispute(nine.id).id, action="cancelled")
    world.answer(world.dispute().id, action="added", utc=EIGHT, direction="in")
    assert world.shown() == [("05:00", False), ("08:00", True)]


def test_an_approved_declaration_counts_from_when_it_was_declared(world: World) -> None:
    declared = DeclaredPunch(person=ME, direction="out")
    record = world.stores.ledger.append(declared, at(-1800))
    assert world.answer(record.id, action="added")[0] == "done"
    [correction] = world.bodies("correction")
    assert (correction["corrects"], correction["answers"]) == (None, record.id)
    assert (correction["utc"], correction["direction"]) == ("2026-11-24T05:30:00.000000Z", "out")
    assert world.shown() == [("05:30", True)]


def test_a_declaration_before_the_clock_was_right_counts_from_when_it_was_made(
    world: World,
) -> None:
    wrong = {"utc": datetime(1970, 1, 1, tzinfo=UTC), "synchronised": False}
    record = world.stores.ledger.append(
        DeclaredPunch(person=ME), at(-1800).model_copy(update={**wrong, "monotonic_ns": 1})
    )
    right = at(-900).model_copy(update={"monotonic_ns": 1 + 900 * 10**9})
    world.stores.ledger.append(TimeCorrection(reason="synchronised", offset_ms=1), right)
    world.answer(record.id, action="added")
    assert world.shown() == [("05:30", True)]


def test_nothing_is_answered_twice(world: World) -> None:
    dispute = world.dispute(world.punch().id)
    world.answer(dispute.id, "refused")
    before = len(world.bodies("answer"))
    outcome, detail = world.answer(dispute.id, action="cancelled")
    assert (outcome, detail.split(";")[0]) == ("refused", "answered already")
    assert len(world.bodies("answer")) == before
    assert world.bodies("correction") == []


def test_a_command_that_comes_twice_is_done_once(world: World) -> None:
    dispute = world.dispute(world.punch().id)
    said = {"person": ME, "answers": dispute.id, "outcome": "approved", "action": "cancelled"}
    document = post(
        world.stores, "answer", 5, arguments={**said, "by": "7", "approved_by": "8", "why": "w"}
    )
    world.stores.delivery.post_inbox("command", document)
    obey(world.stores, world.station, NOW)
    world.stores.delivery.post_inbox("command", document)
    obey(world.stores, world.station, NOW)
    assert len(world.bodies("answer")) == len(world.bodies("correction")) == 1
    assert [outcome for outcome, _ in replies(world.stores)] == ["done"]


def test_a_crash_before_the_commit_leaves_neither_answer_nor_correction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispute = world.dispute(world.punch().id)
    delivery = type(world.stores.delivery)

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "seen_command", power_cut)
        with pytest.raises(KeyboardInterrupt):
            world.answer(dispute.id, action="cancelled")
    assert world.bodies("answer") == world.bodies("correction") == []
    obey(world.stores, world.station, NOW)
    assert kinds(world.stores)[-3:] == ["answer", "correction", "command_done"]
    assert len(world.bodies("correction")) == 1


def test_nothing_is_decided_about_anothers_record(world: World) -> None:
    theirs = world.punch(OTHER)
    dispute = world.dispute(theirs.id, OTHER)
    before = kinds(world.stores)
    for outcome, _ in (
        world.answer(dispute.id, action="cancelled"),
        world.answer(theirs.id, action="cancelled"),
        world.answer("nothing", "refused"),
        world.correct("cancelled", corrects=theirs.id),
        world.correct("cancelled", corrects="nothing"),
    ):
        assert outcome == "refused"
    assert kinds(world.stores)[len(before) :] == ["command_done"] * 5


@pytest.mark.parametrize(
    ("about", "said"),
    [
        (False, {"action": "cancelled"}),  # there is nothing to cancel
        (False, {"action": "changed", "utc": EIGHT}),
        (False, {"action": "added"}),  # when?
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_refused(
    world: World, about: bool, said: dict[str, Any]
) -> None:
    dispute = world.dispute(world.punch().id if about else None)
    assert world.answer(dispute.id, **said)[0] == "refused"
    assert world.bodies("answer") == []


def test_headquarters_corrects_of_its_own_accord(world: World) -> None:
    nine = world.punch()
    assert world.correct("changed", corrects=nine.id, direction="out") == ("done", "correction")
    assert world.correct("added", utc=EIGHT) == ("done", "correction")
    [_, added] = world.mine.day(ME, DAY, NOW).entries
    assert world.correct("cancelled", corrects=added.id)[0] == "done"
    entries = world.mine.day(ME, DAY, NOW).entries
    assert [(e.stands.direction, e.counts is not None) for e in entries] == [
        ("out", True),
        (None, False),
    ]


ANSWER = {"person": ME, "answers": "r", "by": "7", "why": "w"}
APPROVED = {**ANSWER, "outcome": "approved", "approved_by": "8"}
CORRECT = {"person": ME, "by": "7", "approved_by": "8", "why": "w", "corrects": "r"}


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (GiveAnswer, {**APPROVED, "action": "cancelled", "approved_by": "7"}),
        (GiveAnswer, {**APPROVED, "action": "cancelled", "approved_by": ME}),
        (GiveAnswer, {**APPROVED, "action": "cancelled", "approved_by": None}),
        (GiveAnswer, {**APPROVED, "action": "cancelled", "utc": EIGHT}),
        (GiveAnswer, {**APPROVED, "action": "changed"}),
        (GiveAnswer, {**APPROVED, "action": "cancelled", "why": ""}),
        (GiveAnswer, APPROVED),
        (GiveAnswer, {**ANSWER, "outcome": "refused", "action": "cancelled"}),
        (MakeCorrection, {**CORRECT, "action": "cancelled", "approved_by": "7"}),
        (MakeCorrection, {**CORRECT, "action": "cancelled", "approved_by": ME}),
        (MakeCorrection, {**CORRECT, "action": "cancelled", "corrects": None}),
        (MakeCorrection, {**CORRECT, "action": "added", "utc": EIGHT}),
        (MakeCorrection, {**CORRECT, "action": "added", "corrects": None}),
        (MakeCorrection, {**CORRECT, "action": "changed"}),
    ],
)
def test_arguments_that_say_too_little_or_that_one_person_decided_are_malformed(
    model: type[GiveAnswer | MakeCorrection], arguments: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(arguments)


def test_the_command_is_refused_where_one_person_decided(world: World) -> None:
    dispute = world.dispute(world.punch().id)
    refused = world.answer(dispute.id, action="cancelled", approved_by="7")
    assert refused == ("refused", "malformed arguments")
