"""Every way from phase to phase, found by walking the state machine, for its diagram.

From the first state on each event of `_EVENTS` is tried, after each of a few waits, and so from
every state that this leads to; states that differ only in times and names are one. What is drawn is
so what the code does. A test holds that no other run finds an arrow that is not here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from kiosk.panel import Agreed, Chose, Closed, Declined, Intent, UndoAsked, Wanted
from kiosk.presentation import IllegalEventError, step
from kiosk.signals import Signal
from kiosk.visit import (
    Asked,
    Claimed,
    Committed,
    Declares,
    Denied,
    Did,
    Event,
    Nobody,
    NotCommitted,
    Phase,
    Question,
    Refusal,
    Repeated,
    Rules,
    Seen,
    Show,
    State,
    When,
)
from recognizer.challenge import Side, Turn
from recognizer.decision import Decision, Verdict
from recognizer.quality import Reason

Arrow = tuple[Phase, str, Phase]
_RULES = (Rules(ask_badge=True), Rules(challenge=When.ALWAYS, idle=Signal.BADGE_ONLY))
_WAITS_S = (0.1, 2.5, 100.0)  # next to nothing, an answer's time, and longer than anything waits


def _face(
    verdict: Verdict, *, other: bool = False, side: Side = Side.LEFT
) -> Callable[[State, float], Event]:
    def seen(state: State, at_s: float) -> Event:
        track = (state.track or 1) + other
        claim = None if other else state.claim
        accepted = verdict is Verdict.ACCEPT
        person = (claim or state.suspect or "1") if accepted else None
        hint = Reason.TOO_FAR if verdict is Verdict.UNDECIDED else None
        decision = Decision(verdict, person, 0.9, 0.5, 3, hint)
        before = state.challenge.last if state.challenge else None
        yaw = 0.0 if before is None else min(before.yaw + 10.0, 30.0)
        turn = Turn(yaw, yaw / 130)
        return Seen(at_s, track, decision, frozenset({track}), claim=claim, turn=turn, side=side)

    return seen


_EVENTS: Sequence[tuple[str, Callable[[State, float], Event]]] = (
    ("a face", _face(Verdict.UNDECIDED)),
    ("recognised", _face(Verdict.ACCEPT)),
    ("recognised", _face(Verdict.ACCEPT, side=Side.RIGHT)),
    ("turned down", _face(Verdict.UNKNOWN)),
    ("between two", _face(Verdict.AMBIGUOUS)),
    ("another face", _face(Verdict.UNDECIDED, other=True)),
    ("nobody", lambda _, at_s: Nobody(at_s)),
    ("badge or PIN", lambda _, at_s: Claimed(at_s, "1", "pin")),
    ("badge with a face", lambda _, at_s: Claimed(at_s, "1", "badge", verify=True)),
    ("wrong badge or PIN", lambda _, at_s: Denied(at_s, Refusal.WRONG_PIN)),
    ("forgot both", lambda _, at_s: Declares(at_s, "1")),
    ("direction", lambda _, at_s: Did(at_s, Chose("in"))),
    ("notice accepted", lambda _, at_s: Did(at_s, Agreed("1"))),
    ("put aside", lambda _, at_s: Did(at_s, Declined())),
    ("undo", lambda _, at_s: Did(at_s, UndoAsked())),
    ("my records", lambda _, at_s: Did(at_s, Wanted(Intent.RECORDS))),
    ("closed", lambda _, at_s: Did(at_s, Closed())),
    ("written", lambda _, at_s: Committed(at_s)),
    ("a repeat", lambda _, at_s: Repeated(at_s)),
    ("not written", lambda _, at_s: NotCommitted(at_s)),
    ("direction needed", lambda _, at_s: Asked(at_s, Question.DIRECTION)),
    ("notice needed", lambda _, at_s: Asked(at_s, Question.NOTICE)),
)

_FRAMES = ("a face", "recognised", "turned down", "between two", "another face", "nobody")


@cache
def walk() -> tuple[Sequence[Arrow], Mapping[Phase, Sequence[Signal]]]:
    """Every (phase, event, next phase), in the order of `_EVENTS`, and what each phase can show.

    Events that change neither phase nor lamps are left out. About a second of work.
    """
    arrows: set[Arrow] = set()
    shown: dict[Phase, set[Signal]] = {phase: set() for phase in Phase}
    shown[Phase.IDLE].add(Signal.IDLE)
    for rules in _RULES:
        known, waiting = set[object](), deque([(State(), 0.0)])
        while waiting:
            state, at_s = waiting.popleft()
            for label, make in _EVENTS:
                for wait_s in (0.0,) if state.phase is Phase.COMMITTING else _WAITS_S:
                    now_s = at_s + wait_s
                    try:
                        after, effects = step(state, make(state, now_s), rules)
                    except IllegalEventError:
                        break
                    signals = {e.signal for e in effects if isinstance(e, Show)}
                    shown[after.phase] |= signals
                    if signals or after.phase is not state.phase:
                        name = _name(state.phase, label, after.phase)
                        arrows.add((state.phase, name, after.phase))
                    kind = _kind(after, now_s, rules)
                    if kind not in known:
                        known.add(kind)
                        waiting.append((after, now_s))
    order = {label: n for n, (label, _) in enumerate(_EVENTS)}
    phases = list(Phase)

    def place(arrow: Arrow) -> tuple[int, int, int]:
        return phases.index(arrow[0]), order.get(arrow[1], len(order)), phases.index(arrow[2])

    return sorted(arrows, key=place), {p: [s for s in Signal if s in shown[p]] for p in Phase}


def _name(before: Phase, label: str, after: Phase) -> str:
    """What people would call it: a frame that only shows that time went by is time over."""
    if label not in _FRAMES:
        return label
    if after is Phase.LOOKING and before is not Phase.LOOKING:
        return "a face"
    if before in (Phase.ASKING, Phase.OPEN):
        return "time over"
    if before is Phase.CHALLENGED and after is Phase.ANSWERED:
        return "not turned as asked"
    if before is Phase.LOOKING and label == "a face" and after is not Phase.LOOKING:
        return "time over"
    return label


def _kind(state: State, at_s: float, rules: Rules) -> object:
    """What tells two states apart here: what decides which arrows lead on, in rough ages."""
    since_s = 0.0 if state.phase is Phase.IDLE else at_s - state.since_s
    age = sum(since_s >= bound_s for bound_s in (rules.show_s, rules.patience_s))
    challenge = state.challenge and (state.challenge.outcome, state.challenge.last)
    return (
        *(state.phase, state.question, state.asked, state.claim, min(state.failures, 2), age),
        *(state.intent, state.last is not None, challenge, state.pending and state.pending.what),
        any(s.final for s in state.served) if state.served else None,
    )
