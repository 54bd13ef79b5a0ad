"""The door with buttons, keypad and screen: what people do, what they see, what is on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from kiosk.cameras import Frame
from kiosk.indicators import Signal
from kiosk.panel import (
    Action,
    Agreed,
    Badged,
    Chose,
    Closed,
    Declared,
    Intent,
    StandInPanel,
    Typed,
    UndoAsked,
    Wanted,
)
from kiosk.poses import Pose
from kiosk.screen.requests import (
    Answer,
    ConditionWanted,
    Counter,
    Day,
    DayWanted,
    DisputeRaised,
    EnrolmentStopped,
    EnrolmentWanted,
    Month,
    MonthAgreed,
    MonthWanted,
    Oversight,
    OversightWanted,
    PosePassedOver,
    Refused,
    Request,
)
from kiosk.screen.view import View
from kiosk.settings import PunchesSection, ScreenSection, Settings
from kiosk.stores import Stores, open_stores
from recognizer.decision import Decision, DecisionPolicy, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face, Image
from recognizer.matcher import Matcher
from recognizer.pipeline import Look, TrackedFace
from recognizer.quality import Quality
from store.errors import DatabaseBusyError
from store.own_records import OwnRecords
from store.pins import PinHasher
from store.register import Agreement
from tests.kiosk.guided_made import frame as guided_frame
from tests.kiosk.guided_made import look as guided_look
from tests.kiosk.made import MODEL, Lamps, consenting, now, terminal
from tests.kiosk.made import door as made_door

BLACK = np.zeros((480, 640, 3), dtype=np.uint8)
GOOD = Quality(150, 70, 0, 0, 0, 0, 0.5, 200, 20, 50, 1, 1, 0.7, 1.0, None)
BOX = Face((250, 170, 140, 160), np.zeros((5, 2), dtype=np.float32), 1.0)
FPS = 10
ANNA, BEN = "1001", "1002"


class Stage:
    """Eyes, policy, camera and screen in one: who stands there when, and what they do."""

    model_digest = MODEL
    threshold, beyond, margin = 0.5, 0.0, 0.05

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.faces: list[tuple[float, float, str | None]] = []
        self.cues: dict[float, list[Action | Request]] = {}
        self.views: list[View] = []
        self.answers: list[Answer] = []
        self.pictures = 0
        self.at_s = 0.0
        self._asked: list[Request] = []
        self._done: list[Action] = []

    def stands(self, start_s: float, end_s: float, who: str | None) -> None:
        """Somebody is before the camera; None is a stranger."""
        self.faces.append((start_s, end_s, who))

    def cue(self, at_s: float, *what: Action | Request) -> None:
        """Somebody does, or the page asks, this."""
        self.cues.setdefault(round(at_s, 1), []).extend(what)

    # -- camera, eyes and policy

    def frames(self) -> Iterator[Frame]:
        for n in range(round(self.seconds * FPS)):
            self.at_s = round(n / FPS, 1)
            for what in self.cues.get(self.at_s, ()):
                if isinstance(what, BaseModel):
                    self._asked.append(what)
                else:
                    self._done.append(what)
            yield Frame(BLACK, self.at_s)

    def close(self) -> None:
        pass

    def _here(self) -> int | None:
        for n, (start_s, end_s, _) in enumerate(self.faces):
            if start_s <= self.at_s < end_s:
                return n
        return None

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        here = self._here()
        if here is None:
            return Look((), None)
        evidence = Evidence(here, at_s, BOX, GOOD, 0.99, False, np.ones(1, dtype=np.float32))
        return Look((TrackedFace(here, BOX),), evidence)

    def decide(self, evidence: Sequence[Evidence], matcher: Matcher) -> Decision:
        who = self.faces[evidence[-1].track][2]
        if len(evidence) < 3:
            return Decision(Verdict.UNDECIDED, None, 0.9, 0.5, len(evidence), None)
        verdict = Verdict.UNKNOWN if who is None else Verdict.ACCEPT
        return Decision(verdict, who, 0.9, 0.5, len(evidence), None)

    # -- screen

    @property
    def identifies(self) -> bool:
        return True

    @property
    def lost(self) -> tuple[str, ...]:
        return ()

    def actions(self) -> Sequence[Action]:
        done, self._done = self._done, []
        return done

    def show(self, view: View) -> None:
        if not self.views or view != self.views[-1]:
            self.views.append(view)

    def frame(self, image: Image, faces: Sequence[Face]) -> None:
        self.pictures += 1

    def serve(self, counter: Counter) -> None:
        asked, self._asked = self._asked, []
        self.answers += [counter.answer(request) for request in asked]

    def signals(self) -> list[Signal]:
        shown = [view.signal for view in self.views]
        return [s for n, s in enumerate(shown) if n == 0 or s is not shown[n - 1]]

    def shown(self, signal: Signal) -> View:
        return next(view for view in self.views if view.signal is signal)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return terminal(tmp_path).model_copy(update={"screen": ScreenSection(enabled=True)})


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        consenting(opened, ANNA)
        opened.register.upsert(ANNA, "Anna", "de", "active", None, now())
        opened.register.upsert(BEN, "Ben", "en", "active", None, now())
        opened.register.set_badge(BEN, opened.badge_key.badge("0042"), now())
        opened.register.set_pin(BEN, PinHasher().hash("2718"), now())
        yield opened


def play(settings: Settings, stores: Stores, stage: Stage) -> list[tuple[str, Mapping[str, Any]]]:
    """Run it; the records that it left."""
    before = stores.ledger.head().seq
    made_door(settings, stores, stage, Lamps(), stage, StandInPanel(), stage).run(stage)
    return [
        (record.kind, json.loads(record.payload)["body"])
        for record in stores.ledger.records(before, 1000)
    ]


def kinds(records: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    return [kind for kind, _ in records]


def test_a_face_sees_name_time_kind_and_todays_punches_and_then_nobody_does(
    settings: Settings, stores: Stores
) -> None:
    stage = Stage(20)
    stage.stands(1, 15, ANNA)
    records = play(settings, stores, stage)
    assert kinds(records) == ["punch"]
    assert (records[0][1]["direction"], records[0][1]["direction_by"]) == ("in", "alternating")
    view = stage.shown(Signal.ACCEPTED)
    assert (view.name, view.direction, view.method) == ("Anna", "in", "face")
    assert view.at is not None
    assert f"{view.at:%H:%M}" == "06:00"
    assert [line.time for line in view.punches] == ["06:00"]
    assert view.undo_s is not None
    last = stage.views[-1]
    assert (last.signal, last.name, last.punches) == (Signal.IDLE, None, ())
    still_there = [v for v in stage.views if v.signal is Signal.IDLE and v.name is not None]
    assert still_there == [], "a name is not left on the screen while its person stands about"
    assert stage.pictures == 200


def test_a_punch_is_taken_back_by_the_same_face_and_stays_on_record(
    settings: Settings, stores: Stores
) -> None:
    stage = Stage(12)
    stage.stands(1, 9, ANNA)
    stage.cue(4, UndoAsked())
    records = play(settings, stores, stage)
    assert kinds(records) == ["punch", "correction"]
    body = records[1][1]
    assert (body["action"], body["by"], body["person"]) == ("cancelled", ANNA, ANNA)
    assert Signal.UNDONE in stage.signals()
    again = Stage(5)
    again.stands(1, 4, ANNA)
    assert kinds(play(settings, stores, again)) == ["punch"], (
        "it was no punch, so this is no repeat"
    )


def test_who_comes_again_is_told_when_it_was_recorded(settings: Settings, stores: Stores) -> None:
    for expected in ("punch", "repeat"):
        stage = Stage(5)
        stage.stands(1, 4, ANNA)
        assert kinds(play(settings, stores, stage)) == [expected]
    view = stage.shown(Signal.ALREADY)
    assert view.at is not None
    assert f"{view.at:%H:%M}" == "06:00"
    assert [line.standing for line in view.punches] == ["counts", "repeat"]


def test_a_new_version_of_the_notice_is_asked_before_the_face_counts(
    settings: Settings, stores: Stores
) -> None:
    stores.register.agree(ANNA, Agreement("2001-01-01", "0" * 64, "form"), now())
    stage = Stage(12)
    stage.stands(1, 9, ANNA)
    stage.cue(5, Agreed(stores.notices.version))
    records = play(settings, stores, stage)
    assert kinds(records) == ["consent", "punch"]
    assert records[0][1]["text_version"] == stores.notices.version
    assert records[0][1]["text_digest"] == stores.notices.of("de").digest
    assert stage.shown(Signal.NOTICE).notice == stores.notices.version
    refusing = Stage(8)
    stores.register.agree(ANNA, Agreement("2001-01-01", "0" * 64, "form"), now())
    refusing.stands(1, 3, ANNA)
    refusing.cue(4, Badged("0042"))
    records = play(settings, stores, refusing)
    assert [body.get("reason") for kind, body in records if kind == "rejection"] == [
        "notice_not_accepted"
    ]
    assert [body["person"] for kind, body in records if kind == "punch"] == [BEN]


def test_badge_number_and_pin_and_a_declared_number_need_no_face(
    settings: Settings, stores: Stores
) -> None:
    stage = Stage(30)
    stage.cue(1, Typed(BEN, "9999"))
    stage.cue(4, Chose("break_start"), Typed(BEN, "2718"))
    stage.cue(8, Badged("0042"))
    stage.cue(12, Badged("nobody's"))
    stage.cue(16, Declared(ANNA))
    stage.cue(20, Declared("404"))
    records = play(settings, stores, stage)
    assert kinds(records) == [
        *("rejection", "punch", "repeat", "rejection", "declared_punch", "rejection"),
    ]
    assert (records[1][1]["method"], records[1][1]["direction"]) == ("pin", "break_start")
    assert [body["reason"] for kind, body in records if kind == "rejection"] == [
        *("wrong_pin", "unknown_badge", "unknown_number"),
    ]
    assert stage.shown(Signal.WRONG).refusal is not None
    assert (records[4][1]["person"], records[4][1]["direction"]) == (ANNA, "in")
    assert Signal.WAITING in stage.signals()


def test_a_face_that_fails_three_times_is_offered_the_badge_and_the_supervisor_hears(
    settings: Settings, stores: Stores
) -> None:
    stage = Stage(25)
    for start_s in (1.0, 6.0, 11.0):
        stage.stands(start_s, start_s + 2, None)
    stores.register.set_roles(BEN, ["supervisor"], now())
    stage.cue(16, Wanted(Intent.STAFF), Typed(BEN, "2718"))
    stage.cue(17, OversightWanted())
    records = play(settings, stores, stage)
    assert kinds(records).count("face_failed") == 1
    assert Signal.ASK_BADGE in stage.signals()
    (seen,) = stage.answers
    assert isinstance(seen, Oversight)
    assert [line.what for line in seen.lines] == ["face_failed"]


def test_a_direction_that_is_required_is_asked_for_on_the_screen(
    settings: Settings, stores: Stores
) -> None:
    asking = settings.model_copy(update={"punches": PunchesSection(mode="button", required=True)})
    stage = Stage(9)
    stage.stands(1, 8, ANNA)
    stage.cue(4, Chose("out"))
    records = play(asking, stores, stage)
    assert [body["direction"] for kind, body in records if kind == "punch"] == ["out"]
    assert stage.shown(Signal.CHOOSE).directions[:2] == ("in", "out")


def test_my_records_are_mine_and_disputed_and_confirmed_by_me_alone(
    settings: Settings, stores: Stores
) -> None:
    today = date(2026, 3, 2)
    morning = Stage(9)
    morning.stands(1, 3, ANNA)
    morning.cue(5, Badged("0042"))
    records = play(settings, stores, morning)
    annas = next(b for k, b in records if k == "punch" and b["person"] == ANNA)
    assert annas
    anna_id = next(
        r.id
        for r in stores.ledger.records(0, 1000)
        if r.kind == "punch" and ANNA.encode() in r.payload
    )
    stage = Stage(30)
    stage.cue(1, DayWanted())
    stage.cue(2, Wanted(Intent.RECORDS), Badged("0042"))
    stage.cue(4, DayWanted())
    stage.cue(5, Wanted(Intent.RECORDS), Typed(BEN, "2718"))
    stage.cue(6, DayWanted(), MonthWanted())
    theft = DisputeRaised(day=today, about=anna_id, claim="not_me", reason="mine?")
    stage.cue(7, theft, OversightWanted(), ConditionWanted())
    stage.cue(8, DisputeRaised(day=today, claim="missing", reason="I was here at 5"))
    stage.cue(9, MonthAgreed(month="2026-03", digest="0" * 64))
    stage.cue(10, Closed())
    stage.cue(11, DayWanted())
    records = play(settings, stores, stage)
    closed, badge_only, day, month, stolen, over, how, disputed, early, after = stage.answers
    assert isinstance(day, Day)
    assert [(line.method, line.direction) for line in day.punches] == [("badge", "in")]
    assert isinstance(month, Month)
    assert month.punches == 1
    assert isinstance(disputed, Day)
    assert [line.reason for line in disputed.disputes] == ["I was here at 5"]
    refused = (closed, badge_only, stolen, over, how, early, after)
    assert [r.reason for r in refused if isinstance(r, Refused)] == [
        *("closed", "closed", "stale", "not_allowed", "not_allowed", "not_over", "closed"),
    ]
    assert [body["person"] for kind, body in records if kind == "dispute"] == [BEN]
    session = stage.shown(Signal.OPENED).session
    assert session is not None
    assert (session.name, session.rights) == ("Ben", frozenset())


def test_whoever_has_no_role_enrols_nobody(settings: Settings, stores: Stores) -> None:
    stage = Stage(8)
    wanted = EnrolmentWanted(
        number="7",
        name="Cleo",
        language="en",
        identity_check="document",
        version=stores.notices.version,
    )
    stage.cue(1, Wanted(Intent.STAFF), Typed(BEN, "2718"))
    stage.cue(2, wanted)
    play(settings, stores, stage)
    assert stage.answers == [Refused(reason="not_allowed")]
    assert stores.gallery.person("7") is None


class Enrolee(Stage):
    """Somebody new, who takes each pose that the screen asks for."""

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        enrolment = self.views[-1].enrolment if self.views else None
        if enrolment is None and not self.faces:
            return Look((), None)
        pose = Pose(enrolment.pose) if enrolment else Pose.FRONT
        return guided_look(guided_frame(at_s, pose, person=7))


class Unturning(Enrolee):
    """Somebody new, who cannot turn the head."""

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        if not self.views or self.views[-1].enrolment is None:
            return Look((), None)
        return guided_look(guided_frame(at_s, Pose.FRONT, person=7))


def enrolling(stores: Stores, stage: Stage, **changes: str) -> None:
    """Ben, who is an enroller, has the notice accepted and enrols somebody new."""
    stores.register.set_roles(BEN, ["enroller"], now())
    given = {
        "number": "7",
        "name": "Cleo",
        "language": "es",
        "identity_check": "document",
        "version": stores.notices.version,
    }
    stage.cue(1, Wanted(Intent.STAFF), Typed(BEN, "2718"))
    stage.cue(2, EnrolmentWanted.model_validate({**given, **changes}))


def test_somebody_is_enrolled_on_the_screen_and_recognised_at_once(
    settings: Settings, stores: Stores
) -> None:
    stage = Enrolee(30)
    enrolling(stores, stage)
    stage.cue(20, EnrolmentStopped())
    stage.cue(21, Closed())
    before = stores.ledger.head().seq
    policy = DecisionPolicy(0.5)
    made_door(settings, stores, stage, Lamps(), policy, StandInPanel(), stage).run(stage)
    records = [r.content() for r in stores.ledger.records(before, 1000)]
    assert [r.kind for r in records] == ["consent", "enrolment"]
    body = records[-1].body
    assert (body["person"], body["by"], body["identity_check"]) == ("7", BEN, "document")
    assert (body["live"], body["templates"] >= 5) == (True, True)
    assert records[0].body["text_digest"] == stores.notices.of("es").digest
    phases = [view.enrolment.phase for view in stage.views if view.enrolment]
    assert [p for n, p in enumerate(phases) if n == 0 or p != phases[n - 1]] == [
        *("capture", "trial", "done"),
    ]
    assert {view.enrolment.pose for view in stage.views if view.enrolment} >= {"left", "up"}
    later = Enrolee(8)
    later.stands(1, 5, "7")
    made_door(settings, stores, later, Lamps(), policy, StandInPanel(), later).run(later)
    assert later.shown(Signal.ACCEPTED).name == "Cleo"


def test_poses_that_somebody_cannot_take_are_passed_over_on_the_screen(
    settings: Settings, stores: Stores
) -> None:
    stage = Unturning(40)
    enrolling(stores, stage)
    for frame in (3, 15, 17, 19):  # in front there is none to pass over, then left, right and up
        stage.cue(frame, PosePassedOver())
    policy = DecisionPolicy(0.5)
    made_door(settings, stores, stage, Lamps(), policy, StandInPanel(), stage).run(stage)
    assert stores.ledger.records(0, 1000)[-1].content().body["templates"] >= 5
    assert "done" in {view.enrolment.phase for view in stage.views if view.enrolment}


def test_an_enrolment_that_ends_with_the_session_keeps_nothing(
    settings: Settings, stores: Stores
) -> None:
    stage = Enrolee(10)
    enrolling(stores, stage)
    stage.cue(3, Badged("0042"))  # the session gives way to a punch
    policy = DecisionPolicy(0.5)
    made_door(settings, stores, stage, Lamps(), policy, StandInPanel(), stage).run(stage)
    assert stores.gallery.person("7") is None
    assert stage.views[-1].enrolment is None
    stale = Enrolee(6)
    enrolling(stores, stale, version="2001-01-01")
    made_door(settings, stores, stale, Lamps(), policy, StandInPanel(), stale).run(stale)
    assert stale.answers == [Refused(reason="notice_changed")]


def test_a_database_that_is_busy_ends_nothing_and_is_said(
    settings: Settings, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores.register.set_roles(BEN, ["enroller"], now())
    stage = Stage(30)
    stage.cue(1, Badged("0042"))
    stage.cue(5, Badged("0042"))
    stage.cue(9, Wanted(Intent.RECORDS), Typed(BEN, "2718"))
    stage.cue(11, DayWanted())
    stage.cue(15, DayWanted())
    read, own = stores.gallery.person, OwnRecords.between

    def busy(since_s: float, until_s: float, work: Any) -> Any:
        def maybe(*args: Any) -> Any:
            if since_s <= stage.at_s < until_s:
                raise DatabaseBusyError("somebody holds it")
            return work(*args)

        return maybe

    monkeypatch.setattr(stores.gallery, "person", busy(0, 4, read))
    monkeypatch.setattr(OwnRecords, "between", busy(10, 14, own))
    records = play(settings, stores, stage)
    assert kinds(records) == ["punch"]
    assert Signal.FAULT in stage.signals()
    assert [type(answer) for answer in stage.answers] == [Day]


def test_a_ledger_that_cannot_be_written_is_said_at_each_try_and_nothing_is_pretended(
    settings: Settings, stores: Stores
) -> None:
    stage = Stage(20)
    stage.cue(1, Badged("0042"))
    stage.cue(9, Badged("0042"))

    class ReadOnlyAtFirst(StandInPanel):
        """A panel that has the disk mended in between."""

        def actions(self) -> Sequence[Action]:
            wanted = 1 if stage.at_s < 5 else 0
            stores.ledger_db.execute(f"PRAGMA query_only = {wanted}")
            return ()

    before = stores.ledger.head().seq
    made_door(settings, stores, stage, Lamps(), stage, ReadOnlyAtFirst(), stage).run(stage)
    assert [r.kind for r in stores.ledger.records(before, 100)] == ["punch"]
    told = [s for s in stage.signals() if s not in (Signal.IDLE, Signal.SEEN)]
    assert told == [Signal.FAULT, Signal.ACCEPTED]
