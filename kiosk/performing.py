"""Does what the state machine says: lamps, records, logs. One thread, the daemon's.

What is to be written is handed to the clerk, and its answer is the machine's next event.
"""

from __future__ import annotations

from collections.abc import Mapping

from kiosk.clerk import Clerk
from kiosk.clock import Clock
from kiosk.counter import Office
from kiosk.indicators import Indicator
from kiosk.log import say
from kiosk.punching import PunchRules
from kiosk.sight import Sight
from kiosk.signals import Pattern, Signal
from kiosk.stores import Stores, putting_off
from kiosk.visit import (
    Begin,
    Close,
    Committed,
    Declare,
    Effect,
    Left,
    Offer,
    Open,
    Punch,
    Reject,
    Show,
    TakeBack,
    Written,
)
from kiosk.watchman import Watchman
from recognizer.decision import Decision, Verdict
from recognizer.quality import Reason
from store import records


class Performer:
    """The hands of the door; `sight` is None where nothing can be recognised."""

    def __init__(
        self,
        stores: Stores,
        indicator: Indicator,
        clock: Clock,
        watchman: Watchman,
        sight: Sight | None,
        patterns: Mapping[Signal, Pattern],
        rules: PunchRules,
        office: Office,
    ) -> None:
        self._stores, self._indicator, self._clock = stores, indicator, clock
        self._watchman, self._sight, self._patterns = watchman, sight, patterns
        self.clerk = Clerk(stores, rules, sight.model if sight else None, self.append)
        self.office = office
        self.shown = Show(Signal.IDLE)

    def append(self, body: records.Body) -> records.Record | None:
        """Append a record; None, and logged, when a full or busy disk puts it off."""
        now = self._clock.now()
        self._watchman.keep_time(now)
        with putting_off("not_recorded", kind=type(body).__name__):
            return self._stores.ledger.append(body, now)
        return None

    def perform(self, effect: Effect, at_s: float) -> Written | None:
        """Do it; what was asked to be written is answered."""
        match effect:
            case Punch() | TakeBack() | Declare():
                return self._write(effect, at_s)
            case Show(signal, hint):
                self.shown = effect
                self._indicator.show(signal)
                pattern = str(self._patterns[signal])
                told = hint.hint if isinstance(hint, Reason) else hint and hint.value
                say("signal", signal=signal.value, pattern=pattern, hint=told)
            case Begin():
                if self._sight is not None:
                    self._sight.begin()
            case Left(hint):
                say("presentation", decision="left", hint=hint.value if hint else None)
            case Reject(reason, decision):
                frames = decision.frames if decision else 0
                self.append(records.Rejection(reason=reason, frames=frames))
                if reason == Verdict.ATTACK.value:
                    self._watchman.attack(self._clock.now())
                self._report(reason, decision)
            case Offer(attempts, reason):
                self.append(records.FaceFailed(attempts=attempts, reason=reason))
            case Open(person, intent):
                self.office.open(person, intent)
                say("opened", intent=intent.name.lower())
            case Close():
                self.office.close()
                say("closed")
        return None

    def _write(self, effect: Punch | TakeBack | Declare, at_s: float) -> Written:
        ms = self._sight.waited_ms() if self._sight else 0
        written = self.clerk.write(effect, at_s, self._clock.now(), ms)
        record = self.clerk.written
        decision = effect.who.decision if isinstance(effect, Punch) else None
        outcome = type(written).__name__.lower() if record is None else record.kind
        self._report(outcome, decision, None if record is None else record.seq)
        if (
            isinstance(effect, Punch)
            and isinstance(written, Committed)
            and effect.who.method == "face"
            and decision is not None
            and self._sight is not None
        ):
            self._sight.after_punch(decision)
        return written

    def _report(self, outcome: str, decision: Decision | None, seq: int | None = None) -> None:
        say(
            "presentation",
            decision=outcome,
            score=round(decision.score, 3) if decision else None,
            margin=round(decision.margin, 3) if decision else None,
            frames=decision.frames if decision else None,
            ms=self._sight.waited_ms() if self._sight else None,
            seq=seq,
        )
