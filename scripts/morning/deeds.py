"""What each employee of the morning does (`morning.roster.Deed`), as told to the director."""

from __future__ import annotations

from collections.abc import Callable

from morning.director import FACE, Director, StuckError
from morning.roster import Deed, Employee

STRANGER = "somebody whom no template knows"
ASKING: frozenset[Deed] = frozenset(
    {"forgot", "forgot, refused", "disputes, upheld", "disputes, refused"}
)
_FREE = 3  # wrong PINs in a row of one person before the first delay (store.attempts)


def do(d: Director, who: Employee) -> None:
    """The first deed of the day; disputes, answers and records come later (`later`).

    Who comes around the kill comes in twos: `around_the_kill`.
    """
    _DEEDS.get(who.deed, Director.punch)(d, who)


def later(d: Director, who: Employee) -> None:
    """What the person does in a second visit, before headquarters answers."""
    match who.deed:
        case "disputes, upheld":
            d.dispute(who, "wrong_time", "I was here five minutes earlier")
        case "disputes, refused":
            d.dispute(who, "not_me", "this was not me")
        case "reads":
            if d.open_records(who).count("Not right") != 1:
                raise StuckError(f"{who.number} sees other punches than the own one")
            d.close_records()


def answers(d: Director, who: Employee) -> None:
    """Headquarters decides what the person asked."""
    match who.deed:
        case "forgot":
            d.decide(who, "declared_punch", "approve", "seen at the gate")
            d.counts.setdefault(who.number, []).append("in")
        case "forgot, refused":
            d.decide(who, "declared_punch", "refuse", "was not here today")
        case "disputes, upheld":
            d.decide(who, "dispute", "approve", "the gate was shut until then")
        case "disputes, refused":
            d.decide(who, "dispute", "refuse", "the foreman saw it")


def reads_the_answer(d: Director, who: Employee) -> None:
    """Who disputed sees at the terminal what headquarters said."""
    said = {"disputes, upheld": "the gate was shut", "disputes, refused": "the foreman saw it"}
    if who.deed in said:
        page = d.open_records(who)
        if said[who.deed] not in page or "not answered yet" in page:
            raise StuckError(f"{who.number} does not see headquarters' answer")
        d.close_records()


def _face(d: Director, who: Employee) -> None:
    d.walk_up(who, "accepted")
    d.punched(who, "in", "face")
    d.walk_away()


def _agrees(d: Director, who: Employee) -> None:
    d.walk_up(who, "read and accept the notice")
    d.page.act("agreed", version=d.notice)
    d.answer(who.number, "accepted")
    d.punched(who, "in", "face")
    d.walk_away()


def _refuses(d: Director, who: Employee) -> None:
    d.walk_up(who, "read and accept the notice")
    d.page.act("declined")
    d.answer(who.number, "wrong badge or PIN")
    d.punch(who)
    d.walk_away()


def _withdraws(d: Director, who: Employee) -> None:
    d.stage.run("kiosk", "people", "withdraw", who.number)
    d.walk_up(who, "not recognised")
    d.punch(who)
    d.walk_away()


def _not_recognised(d: Director, who: Employee) -> None:
    d.forget()
    d.lens.show(d.reels[STRANGER])
    for told in ("not recognised", "not recognised", "badge or PIN"):
        d.answer(who.number, told, within=FACE)
    d.punch(who)
    d.walk_away()


def _mistypes(d: Director, who: Employee) -> None:
    d.type(who, who.pin[::-1] + "7", "wrong badge or PIN")
    d.punch(who)


def _locked_out(d: Director, who: Employee) -> None:
    for _ in range(_FREE + 1):
        d.type(who, "9" + who.pin, "wrong badge or PIN")
    d.shows("Please wait", "the delay on the screen")
    d.type(who, who.pin, "wrong badge or PIN")  # it is not looked at
    d.badge(who, "accepted")
    d.punched(who, "in", "badge")


def _twice(d: Director, who: Employee) -> None:
    d.punch(who)
    d.badge(who, "already recorded")
    d.note(who, "repeat badge")


def _undo(d: Director, who: Employee) -> None:
    d.punch(who)
    d.page.act("undo")
    d.answer(who.number, "chosen")
    d.badge(who, "taken back")
    d.note(who, "correction cancelled")
    d.counts[who.number] = []
    d.punch(who)


def _break(d: Director, who: Employee) -> None:
    d.page.act("chose", direction="break_start")
    d.pause(10)  # longer than it takes from the page to the door, shorter than anybody's hand
    d.punch(who, "break_start")


def _forgot(d: Director, who: Employee) -> None:
    d.forget()
    d.page.act("declared", number=who.number)
    d.answer(who.number, "headquarters must approve")
    d.note(who, "declared_punch")


def around_the_kill(d: Director, after: Employee, before: Employee) -> None:
    """The terminal is killed after the answer of one, and before that of the other."""
    d.punch(after)
    d.reader.hold(before.badge)
    kill(d)
    if d.badge(before, "accepted", "already recorded") == "accepted":
        d.punched(before, "in", "badge")
    else:
        d.note(before, "punch in badge")  # it was on disk, and nobody had been told
        d.note(before, "repeat badge")
        d.counts[before.number] = ["in"]
    d.badge(after, "already recorded")
    d.note(after, "repeat badge")


def kill(d: Director) -> None:
    """kill -9 of the terminal, and its next start."""
    kiosk = d.running["kiosk"]
    kiosk.process.kill()
    kiosk.process.wait()
    d.open()


_DEEDS: dict[Deed, Callable[[Director, Employee], None]] = {
    "face": _face,
    "agrees": _agrees,
    "refuses": _refuses,
    "withdraws": _withdraws,
    "not recognised": _not_recognised,
    "mistypes": _mistypes,
    "locked out": _locked_out,
    "twice": _twice,
    "undo": _undo,
    "break": _break,
    "forgot": _forgot,
    "forgot, refused": _forgot,
}
