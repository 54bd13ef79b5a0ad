"""What the screen shows, put together from the state machine, the clerk and the ledger.

A name and today's punches are shown to their person: while they stand there, for as long as the
punch can be taken back. Belongs to the daemon's thread.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from kiosk.clerk import Told
from kiosk.counter import Office
from kiosk.indicators import Signal
from kiosk.screen.requests import PunchLine
from kiosk.screen.view import Link, View
from kiosk.settings import Settings
from kiosk.stores import Stores
from kiosk.visit import Phase, Question, Refusal, Rules, Show, State
from recognizer.quality import Reason
from store.records import Direction

_ABOUT_A_PERSON = frozenset({Signal.ACCEPTED, Signal.ALREADY})
_SILENT_S = 120.0  # records wait, and no receipt came: twice the status interval of sync
_LEAST_SHOWN_S = 5.0  # of an answer with name, time and kind: to be read in passing
# What can be chosen in the modes in which hands choose.
_OFFERED: tuple[Direction, ...] = ("in", "out", "break_start", "break_end")
_OVERTIME: tuple[Direction, ...] = ("overtime_in", "overtime_out")


class Viewer:
    """Of one door."""

    def __init__(self, settings: Settings, stores: Stores, office: Office, rules: Rules) -> None:
        self._stores, self._office, self._rules = stores, office, rules
        self._zone = ZoneInfo(settings.terminal.zone)
        self._shown_s = max(rules.undo_s, _LEAST_SHOWN_S)
        by_hand = settings.punches.mode not in ("none", "fixed")
        offered = (*_OFFERED, *(_OVERTIME if settings.punches.overtime else ()))
        self._directions = offered if by_hand else ()
        self._link, self._link_at_s, self._receipt = Link(online=True), 0.0, -1
        self._told: Told | None = None
        self._name: str | None = None
        self._punches: tuple[PunchLine, ...] = ()

    def keep_link(self, at_s: float) -> None:
        """See what headquarters has; to be called now and then, at monotonic seconds."""
        seq = self._stores.delivery.receipt_seq()
        waiting = max(0, self._stores.ledger.head().seq - seq)
        if seq != self._receipt or waiting == 0:
            self._receipt, self._link_at_s = seq, at_s
        self._link = Link(online=at_s - self._link_at_s < _SILENT_S, waiting=waiting)

    def view(self, state: State, shown: Show, told: Told | None, at_s: float) -> View:
        """What the page shows now."""
        if told is not self._told:
            self._read(told)
        age_s = at_s - state.since_s
        about = told if state.phase is Phase.ANSWERED and age_s < self._shown_s else None
        if shown.signal not in _ABOUT_A_PERSON:
            about = None
        enrolment, hint = None, shown.hint if isinstance(shown.hint, Reason) else None
        if self._office.enrolling is not None:
            enrolment, enrolling_hint = self._office.enrolling.shown()
            hint = enrolling_hint or hint
        over = state.phase is Phase.ANSWERED and age_s >= self._shown_s
        asked = state.question is Question.NOTICE
        return View(
            signal=self._rules.idle if over else shown.signal,
            hint=hint,
            refusal=shown.hint if isinstance(shown.hint, Refusal) else None,
            intent=state.intent,
            name=self._name if about else None,
            direction=about.direction if about else None,
            method=about.method if about else None,
            at=self._local(about.time.utc) if about else None,
            punches=self._punches if about else (),
            link=self._link,
            directions=self._directions if state.phase is not Phase.OPEN else (),
            chosen=state.choice,
            undo_s=self._undo_s(state, at_s),
            wait_s=round(shown.wait_s) if shown.wait_s >= 1 else None,
            notice=self._stores.notices.version if asked else None,
            session=self._office.session,
            enrolment=enrolment,
        )

    def _undo_s(self, state: State, at_s: float) -> int | None:
        if state.last is None or state.phase not in (Phase.ANSWERED, Phase.IDLE):
            return None
        left_s = self._rules.undo_s - (at_s - state.last[1])
        return int(left_s) if left_s >= 1 else None

    def _read(self, told: Told | None) -> None:
        self._told, self._name, self._punches = None, None, ()
        if told is not None:  # what raises here leaves nobody's name
            person = self._stores.gallery.person(told.person)
            punches = self._office.today(told.person)
            self._name, self._punches = person.name if person else None, punches
        self._told = told

    def _local(self, utc: datetime) -> datetime:
        return utc.astimezone(self._zone)
