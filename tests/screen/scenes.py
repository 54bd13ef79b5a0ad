"""All that the page can show, as scenes: a view, what is tapped, and the words to be seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kiosk.indicators import Signal
from kiosk.panel import Intent
from kiosk.screen import texts
from kiosk.screen.requests import OversightLine, PunchLine
from kiosk.screen.standin import StandInCounter
from kiosk.screen.view import Enrolment, Link, Session, View
from kiosk.visit import Refusal
from recognizer.quality import Reason
from store.records import Direction

TODAY = date(2026, 11, 24)
AT = datetime(2026, 11, 24, 8, 1, tzinfo=UTC)
NAME = "Ana María Fernández-Oberleitner"
DIRECTIONS: tuple[Direction, ...] = (
    *("in", "out", "break_start", "break_end"),
    *("overtime_in", "overtime_out"),
)
PUNCHES = (
    PunchLine(id="a", time="07:58", direction="in", method="face"),
    PunchLine(id="b", time="12:02", direction="break_start", method="badge"),
    PunchLine(id="c", time="12:31", direction="break_end", method="pin"),
    PunchLine(id="d", time="17:05", direction="out", method="face"),
)
CORRECTED = (
    *PUNCHES[:2],
    PunchLine(id="e", time="12:03", direction="break_start", method="face", standing="repeat"),
    PunchLine(
        id="f",
        time="12:31",
        direction="break_end",
        method="pin",
        standing="changed",
        was="13:31",
        by="2002",
        why="4711",
    ),
    PunchLine(id="g", time="17:05", direction="out", method="face", standing="cancelled"),
    PunchLine(id="h", time="18:00", direction="overtime_out", standing="waiting"),
)
STAFF = Session(kind="staff", name=NAME, rights=frozenset({"enrol", "oversee", "inspect"}))
RECORDS = Session(kind="records", name=NAME)


@dataclass(frozen=True, slots=True)
class Scene:
    """A view, the taps that lead on from it, and texts (msgids) that must then be seen."""

    view: View
    texts: tuple[str, ...]
    taps: tuple[str, ...] = ()


def _signals() -> dict[str, Scene]:
    """One scene a signal, the fullest of its kind."""
    given: dict[str, View] = {
        "ACCEPTED": View(
            signal=Signal.ACCEPTED,
            name=NAME,
            direction="break_start",
            method="face",
            at=AT,
            punches=PUNCHES,
            undo_s=9,
        ),
        "ALREADY": View(signal=Signal.ALREADY, name=NAME, at=AT, punches=PUNCHES),
        "WRONG": View(signal=Signal.WRONG, refusal=Refusal.WRONG_PIN, wait_s=30),
        "REJECTED": View(signal=Signal.REJECTED, refusal=Refusal.NOTICE_NOT_ACCEPTED),
        "TRY_AGAIN": View(signal=Signal.TRY_AGAIN, hint=Reason.FLAT_LIGHT),
    }
    scenes = {}
    for signal in Signal:
        view = given.get(signal.name, View(signal=signal, link=Link(online=True)))
        said = texts.SIGNALS[signal.name]
        seen = [said.detail if said.tone == "calm" else said.headline]
        if view.hint:
            seen.append(texts.HINTS[view.hint.name])
        if view.refusal:
            seen = [texts.REASONS[view.refusal.name][0]]
        if view.at:
            seen = []  # the time stands in the headline
        scenes[f"signal-{signal.name.lower().replace('_', '-')}"] = Scene(view, tuple(seen))
    return scenes


SCENES: dict[str, Scene] = {
    **_signals(),
    "idle-waiting": Scene(
        View(link=Link(online=True, waiting=12)), ("Please look at the camera.",)
    ),
    "idle-buttons": Scene(
        View(directions=DIRECTIONS, chosen="overtime_in", link=Link(waiting=1234)),
        tuple(texts.DIRECTIONS.values()),
    ),
    "seen-buttons": Scene(
        View(signal=Signal.SEEN, directions=DIRECTIONS[:2], chosen="out"), ("I see you", "Out")
    ),
    "intent-records": Scene(
        View(intent=Intent.RECORDS), ("Look at the camera, or type your number and PIN.", "Cancel")
    ),
    "intent-undo": Scene(View(intent=Intent.UNDO), ("Take back the last punch",)),
    "intent-staff": Scene(View(intent=Intent.STAFF), ("Cancel",)),
    "enrol-capture": Scene(
        View(
            signal=Signal.SEEN,
            hint=Reason.FLAT_LIGHT,
            enrolment=Enrolment(phase="capture", pose="right", good=3, quality=0.6),
        ),
        ("Turn your head a little right", "Quality now"),
    ),
    "enrol-guiding": Scene(
        View(enrolment=Enrolment(phase="capture", pose="up", guiding="look_up")),
        ("Look ahead and lift your chin a little.",),
    ),
    "enrol-trial": Scene(
        View(signal=Signal.SEEN, enrolment=Enrolment(phase="trial", good=5)), ("Now a trial",)
    ),
    "enrol-done": Scene(View(enrolment=Enrolment(phase="done")), ("Enrolled",)),
    "enrol-refused": Scene(
        View(enrolment=Enrolment(phase="refused", refused="already_enrolled")),
        ("Not enrolled", "This face is enrolled under another number."),
    ),
    "panel-keypad": Scene(
        View(), ("Your number", "Your PIN", "I forgot both"), ("nav [data-panel=keypad]",)
    ),
    "panel-declare": Scene(
        View(), ("This is my number",), ("nav [data-panel=keypad]", "dialog [data-panel=declare]")
    ),
    "panel-languages": Scene(View(), ("Language",), ("header [data-panel=languages]",)),
    "panel-notice": Scene(View(), ("Privacy notice",), ("nav [data-panel=notice]",)),
    "panel-notice-asked": Scene(
        View(notice="2026-11-01"), ("I agree", "I do not agree: badge or PIN")
    ),
    "panel-day": Scene(View(session=RECORDS), ("My records", "Not right", "What you disputed")),
    "panel-day-empty": Scene(
        View(session=RECORDS),
        ("No punches on this day.",),
        ('dialog [data-panel="day?day=2026-11-23"]',),
    ),
    "panel-month": Scene(
        View(session=RECORDS),
        ("Day", "This month can be confirmed when it is over."),
        ('dialog [data-panel^="month"]',),
    ),
    "panel-month-over": Scene(
        View(session=RECORDS),
        ("Punches",),
        ('dialog [data-panel^="month"]', 'dialog [data-panel="month?month=2026-10"]'),
    ),
    "panel-dispute": Scene(
        View(session=RECORDS),
        ("This was not me", "When it really was", "Send to headquarters"),
        ('dialog [data-panel*="about=a"]',),
    ),
    "panel-dispute-missing": Scene(
        View(session=RECORDS),
        ("A punch is missing", "Something else"),
        ('dialog .offers [data-panel^="dispute"]',),
    ),
    "panel-staff": Scene(View(session=STAFF), ("Enrol somebody", "What happened", "This terminal")),
    "panel-enrol": Scene(
        View(session=STAFF),
        ("Their number", "Their language", "Identity document seen"),
        ("dialog [data-panel=enrol]",),
    ),
    "panel-oversight": Scene(
        View(session=STAFF),
        ("When", "What", "Forgot badge and PIN, waits for approval"),
        ("dialog [data-panel=oversight]",),
    ),
    "panel-condition": Scene(
        View(session=STAFF), ("Terminal", "Faults"), ("dialog [data-panel=condition]",)
    ),
}


def counter() -> StandInCounter:
    """The door that answers in the scenes."""
    door = StandInCounter(TODAY, timedelta(days=90))
    door.days[TODAY] = list(CORRECTED)
    for back in range(25, 55):
        door.days[TODAY - timedelta(days=back)] = list(PUNCHES)
    door.raise_dispute(TODAY, "wrong_time", "4711", "approved")
    door.oversight = [
        OversightLine(at="2026-11-24 08:02", what="face_failed", detail="unknown"),
        OversightLine(at="2026-11-24 08:04", what="declared", number="1001", detail="break_start"),
        OversightLine(at="2026-11-23 17:00", what="dispute", number="1002", detail="wrong_time"),
    ]
    return door
