"""Which words stand for which meaning: one table each for signals, hints, directions and refusals.

A signal is looked up by its name. `tone` and `shape` go together, so that neither colour nor shape
says anything alone; the words say it in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kiosk.words import msgid

Tone = Literal["calm", "busy", "good", "ask", "bad"]
Shape = Literal["face", "eye", "again", "left", "right", "up", "card", "choose", "check", "back"]
MoreShape = Literal["twice", "hourglass", "page", "open", "cross", "wrench"]


@dataclass(frozen=True, slots=True)
class SignalText:
    """A signal on the screen: tone (colour), shape, headline, and what to do or what it means."""

    tone: Tone
    shape: Shape | MoreShape
    headline: str
    detail: str


SIGNALS: dict[str, SignalText] = {
    "IDLE": SignalText("calm", "face", msgid("Welcome"), msgid("Please look at the camera.")),
    "SEEN": SignalText("busy", "eye", msgid("I see you"), msgid("One moment, please.")),
    "TRY_AGAIN": SignalText("busy", "again", msgid("Not quite yet"), msgid("Please try again.")),
    "TURN_LEFT": SignalText(
        "busy", "left", msgid("Turn your head left"), msgid("Then look at the camera again.")
    ),
    "TURN_RIGHT": SignalText(
        "busy", "right", msgid("Turn your head right"), msgid("Then look at the camera again.")
    ),
    "ASK_BADGE": SignalText(
        "ask", "card", msgid("Badge or PIN, please"), msgid("Show your badge or type your PIN.")
    ),
    "CHOOSE": SignalText("ask", "choose", msgid("In or out?"), msgid("Please choose.")),
    "CHOSEN": SignalText("busy", "choose", msgid("Chosen"), msgid("Now look at the camera.")),
    "ACCEPTED": SignalText("good", "check", msgid("Recorded"), msgid("Thank you.")),
    "ALREADY": SignalText("good", "twice", msgid("Already recorded"), msgid("Nothing more to do.")),
    "UNDONE": SignalText("good", "back", msgid("Taken back"), msgid("That punch does not count.")),
    "WAITING": SignalText(
        "ask", "hourglass", msgid("Noted"), msgid("Headquarters must approve it.")
    ),
    "NOTICE": SignalText(
        "ask", "page", msgid("Please read the notice"), msgid("Your face is used after you agree.")
    ),
    "OPENED": SignalText("good", "open", msgid("Signed in"), msgid("Close it when you are done.")),
    "WRONG": SignalText("bad", "card", msgid("Wrong badge or PIN"), msgid("Please try again.")),
    "REJECTED": SignalText(
        "bad", "cross", msgid("Not recognised"), msgid("Please use your badge or PIN.")
    ),
    "FAULT": SignalText(
        "bad", "wrench", msgid("Out of order"), msgid("Please tell your supervisor.")
    ),
    "BADGE_ONLY": SignalText(
        "calm", "card", msgid("Badge or PIN"), msgid("No camera: please use your badge or PIN.")
    ),
}

# By the name of `recognizer.quality.Reason`.
HINTS: dict[str, str] = {
    "TOO_FAR": msgid("Come closer."),
    "CLIPPED": msgid("Move to the middle."),
    "TOO_DARK": msgid("Too dark: turn to the light."),
    "TOO_BRIGHT": msgid("Too bright: turn away from the light."),
    "FLAT_LIGHT": msgid("The picture is too flat: clean the lens or change the light."),
    "TURNED": msgid("Look at the camera."),
    "TILTED": msgid("Hold your head straight."),
    "BLURRED": msgid("Hold still."),
    "BROW_COVERED": msgid("Take off the cap."),
    "EYES_COVERED": msgid("Take off dark glasses."),
    "MOUTH_COVERED": msgid("Uncover your mouth."),
    "NOT_A_FACE": msgid("Look at the camera."),
    "UNREADABLE": msgid("Please try again."),
}

# By the name of `kiosk.visit.Refusal`: why somebody who did something is told no, in a headline and
# a line. They were understood, so "not recognised" would be wrong.
REASONS: dict[str, tuple[str, str]] = {
    "UNKNOWN_BADGE": (msgid("Wrong badge"), msgid("This badge is not known here.")),
    "WRONG_PIN": (msgid("Wrong number or PIN"), msgid("Please try again.")),
    "WAIT": (msgid("Too many wrong PINs"), msgid("Please wait.")),
    "BLOCKED": (msgid("Not recorded"), msgid("You are blocked. Please talk to your supervisor.")),
    "PIN_NEEDED": (
        msgid("Number and PIN, please"),
        msgid("For this, please type your number and PIN."),
    ),
    "TOO_LATE": (msgid("Not taken back"), msgid("It is too late to take that punch back.")),
    "NOT_CHOSEN": (msgid("Not recorded"), msgid("Nothing was chosen. Please try again.")),
    "NOTICE_NOT_ACCEPTED": (
        msgid("Not recorded"),
        msgid("Your face is not used. Please use your badge or PIN."),
    ),
    "UNKNOWN_NUMBER": (msgid("Wrong number"), msgid("Nobody has this number here.")),
}

DIRECTIONS: dict[str, str] = {
    "in": msgid("In"),
    "out": msgid("Out"),
    "break_start": msgid("Break starts"),
    "break_end": msgid("Break ends"),
    "overtime_in": msgid("Overtime in"),
    "overtime_out": msgid("Overtime out"),
}

METHODS: dict[str, str] = {
    "face": msgid("by face"),
    "badge": msgid("by badge"),
    "pin": msgid("by PIN"),
}

STANDINGS: dict[str, str] = {
    "counts": msgid("counts"),
    "repeat": msgid("repeat, does not count"),
    "waiting": msgid("waits for approval"),
    "cancelled": msgid("cancelled"),
    "added": msgid("added"),
    "changed": msgid("changed"),
}

CLAIMS: dict[str, str] = {
    "wrong_time": msgid("The time is wrong"),
    "wrong_direction": msgid("The kind is wrong"),
    "not_me": msgid("This was not me"),
    "missing": msgid("A punch is missing"),
    "other": msgid("Something else"),
}

OUTCOMES: dict[str, str] = {"approved": msgid("approved"), "refused": msgid("refused")}

# The staff menu: a right of `kiosk.roles`, the panel that it opens, its mark, its name.
STAFF: tuple[tuple[str, str, str, str], ...] = (
    ("enrol", "enrol", "face", msgid("Enrol somebody")),
    ("oversee", "oversight", "page", msgid("What happened")),
    ("inspect", "condition", "wrench", msgid("This terminal")),
)

OVERSIGHT: dict[str, str] = {
    "face_failed": msgid("Face not recognised, badge or PIN offered"),
    "declared": msgid("Forgot badge and PIN, waits for approval"),
    "dispute": msgid("Disputes a punch"),
}

# By the value of `kiosk.poses.Hint`: what is said to a face during an enrolment.
GUIDING: dict[str, str] = {
    "nobody": msgid("Step in front of the camera."),
    "alone": msgid("One person only, please."),
    "other_face": msgid("This is not the person who began."),
    "look_ahead": msgid("Look straight at the camera."),
    "turn_left": msgid("Turn your head a little to the left."),
    "turn_right": msgid("Turn your head a little to the right."),
    "look_up": msgid("Look ahead and lift your chin a little."),
    "more": msgid("A little more."),
    "less": msgid("A little less."),
    "hold_still": msgid("Hold still."),
}

POSES: dict[str, str] = {
    "front": msgid("Look straight at the camera"),
    "left": msgid("Turn your head a little left"),
    "right": msgid("Turn your head a little right"),
    "up": msgid("Raise your chin a little"),
}

IDENTITY_CHECKS: dict[str, str] = {
    "document": msgid("Identity document seen"),
    "badge": msgid("Badge seen"),
    "known": msgid("I know this person"),
}

# Codes of `kiosk.screen.requests.Refused` and of an enrolment that was refused.
REFUSALS: dict[str, str] = {
    "closed": msgid("Your session is over. Please sign in again."),
    "busy": msgid("The terminal is busy. Please try again."),
    "not_allowed": msgid("You may not do this."),
    "no_such_day": msgid("There are no records for that day here."),
    "stale": msgid("The records have changed meanwhile. Please look again."),
    "not_over": msgid("The month is not over yet."),
    "disputed_already": msgid("You have disputed this already. Headquarters has not answered yet."),
    "too_many": msgid(
        "Too many of your disputes wait for an answer. Please talk to your supervisor."
    ),
    "disputes_open": msgid("A dispute of this month is not answered yet."),
    "unknown_person": msgid("Nobody has this number here."),
    "not_an_enroller": msgid("You may not do this."),
    "not_active": msgid("This person is blocked or has left."),
    "pad_off": msgid("The check for a live face is off, so nobody can be enrolled here."),
    "no_text": msgid("There is no notice in this language."),
    "different_people": msgid("These are not pictures of one person."),
    "already_enrolled": msgid("This face is enrolled under another number."),
    "attack": msgid("The check for a live face failed."),
    "not_stored": msgid("It was broken off. Nothing is kept."),
    "trial_failed": msgid("The trial did not recognise the face well enough."),
    "too_slow": msgid("It took too long."),
    "notice_changed": msgid("The notice has changed. Please read it again."),
    "invalid": msgid("Something in the form is missing or not right."),
}
OTHER_REFUSAL = msgid("That is not possible.")

# Keys on the screen: rows of letters, and rows of the rest. Who writes Chinese has no way to here.
Rows = tuple[str, str, str]
_MORE = "-.,:;/()?!"
_DIGITS = "1234567890"
_ENGLISH: tuple[Rows, Rows] = (
    ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
    (_DIGITS, _MORE, "'\"+&@#*="),
)
KEYS: dict[str, tuple[Rows, Rows]] = {
    "en": _ENGLISH,
    "zh_CN": _ENGLISH,
    "es": (("qwertyuiop", "asdfghjklñ", "zxcvbnm"), (_DIGITS, _MORE, "áéíóúü¿¡")),
    "de": (("qwertzuiopü", "asdfghjklöä", "yxcvbnmß"), (_DIGITS, _MORE, "'\"+&@#*=")),
}
