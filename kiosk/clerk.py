"""Writes what the state machine asks for, and answers what came of it.

- Each answer follows the commit: `Committed` means on disk. A full or busy disk is `NotCommitted`,
  and nothing is recorded; a database that cannot be gone on with raises.
- What is known of the person decides (`kiosk.punching`): the newest punch that counts is read from
  the ledger, so that the repeat window and what alternates survive a restart.
- A face is punched by only after the current notice was accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kiosk.consent import accepted, renew
from kiosk.punching import Again, New, PunchRules, Unknown, plan
from kiosk.stores import Stores, putting_off
from kiosk.visit import (
    Asked,
    Committed,
    Declare,
    NotCommitted,
    Pending,
    Punch,
    Question,
    Repeated,
    TakeBack,
    Written,
)
from store import records
from store.own_records import OwnRecords
from store.records import Instant


@dataclass(frozen=True, slots=True)
class Told:
    """The punch that the newest answer was about, for the screen: a new or the repeated one."""

    person: str
    direction: records.Direction | None
    time: Instant
    method: records.Method


class Clerk:
    """Writes to the ledger of `stores`, on their thread.

    `append` is the door's way to the ledger: a record, or None when it had to be put off. `model`
    is the embedder's SHA-256, None where faces are not recognised.
    """

    def __init__(
        self,
        stores: Stores,
        rules: PunchRules,
        model: str | None,
        append: Callable[[records.Body], records.Record | None],
    ) -> None:
        self._stores, self._rules, self._model = stores, rules, model
        self._append = append
        self._own = OwnRecords(stores.ledger_db)
        self.told: Told | None = None
        self.written: records.Record | None = None

    def write(
        self, effect: Punch | TakeBack | Declare, at_s: float, now: Instant, ms: int
    ) -> Written:
        """Do it; `ms` is how long somebody waited since the first usable frame."""
        self.written = None
        with putting_off("not_recorded", kind=type(effect).__name__):
            match effect:
                case Punch():
                    return self._punch(effect, at_s, now, ms)
                case TakeBack(person):
                    return self._take_back(person, at_s)
                case Declare(person, direction):
                    planned = plan(self._own.last_punch(person), direction, now, self._rules)
                    if isinstance(planned, New):  # as a punch would be: headquarters need not guess
                        direction = planned.direction
                    body = records.DeclaredPunch(person=person, direction=direction)
                    return self._done(body, at_s)
        return NotCommitted(at_s)

    def _punch(self, effect: Punch, at_s: float, now: Instant, ms: int) -> Written:
        who = effect.who
        if effect.agreed:
            renew(self._stores, who.person, None, "on the terminal's screen", now)
        elif who.method == "face" and not accepted(self._stores, who.person):
            return Asked(at_s, Question.NOTICE)
        last = self._own.last_punch(who.person)
        match plan(last, effect.direction, now, self._rules):
            case Unknown():
                return Asked(at_s, Question.DIRECTION)
            case Again(of):
                body: records.Body = records.Repeat(person=who.person, method=who.method, of=of.id)
                written = self._done(body, at_s)
                self.told = Told(who.person, of.direction, of.time, who.method)
                return Repeated(at_s) if isinstance(written, Committed) else written
            case New(direction, by):
                written = self._done(self._body(who, direction, by, ms), at_s)
                self.told = Told(who.person, direction, now, who.method)
                return written

    def _take_back(self, person: str, at_s: float) -> Written:
        last = self._own.last_punch(person)
        if last is None:  # pruned, or corrected by headquarters meanwhile
            return NotCommitted(at_s)
        self.told = None
        return self._done(
            records.Correction(
                person=person,
                action="cancelled",
                corrects=last.id,
                by=person,
                approved_by=person,
                why="taken back at the terminal",
            ),
            at_s,
        )

    def _body(
        self, who: Pending, direction: records.Direction | None, by: str | None, ms: int
    ) -> records.Body:
        decision = who.decision
        compared = decision is not None and who.face_matched is not False
        return records.Punch.model_validate(
            {
                "person": who.person,
                "method": who.method,
                "direction": direction,
                "direction_by": by,
                "face_matched": who.face_matched,
                "score_millionths": round(decision.score * 1e6) if decision and compared else None,
                "margin_millionths": round(decision.margin * 1e6)
                if decision and compared
                else None,
                "frames": decision.frames if decision else None,
                "model": self._model if decision else None,
                "latency_ms": ms if decision else None,
            }
        )

    def _done(self, body: records.Body, at_s: float) -> Written:
        self.written = self._append(body)
        return NotCommitted(at_s) if self.written is None else Committed(at_s)
