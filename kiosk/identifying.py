"""The part of the state machine that people work by hand: badge, PIN, buttons, questions, sessions.

`kiosk.presentation` has the rules. Whoever identifies by hand is not kept waiting by another's open
question or session.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.answering import IllegalEventError, Step, answered, opened, refused
from kiosk.indicators import Signal
from kiosk.panel import Agreed, Chose, Closed, Declined, Intent, UndoAsked, Wanted
from kiosk.visit import (
    Claimed,
    Close,
    Declare,
    Declares,
    Denied,
    Did,
    Effect,
    Pending,
    Phase,
    Punch,
    Question,
    Refusal,
    Reject,
    Rules,
    Seen,
    Show,
    State,
    TakeBack,
    Touched,
)
from recognizer.decision import Decision
from store.records import Direction

_UNANSWERED = {
    Question.DIRECTION: Refusal.NOT_CHOSEN,
    Question.NOTICE: Refusal.NOTICE_NOT_ACCEPTED,
}
_OPENING = (Intent.RECORDS, Intent.STAFF)


def by_hand(state: State, event: Claimed | Denied | Declares | Did | Touched, rules: Rules) -> Step:
    """The next state after something that somebody did."""
    match event:
        case Did():
            return _did(state, event, rules)
        case Touched():
            open_ = state.phase is Phase.OPEN
            return (replace(state, since_s=event.at_s) if open_ else state), ()
    state, first = _interrupted(state)
    match event:
        case Claimed():
            state, effects = _claimed(state, event)
        case Denied():
            state, effects = refused(state, event.at_s, event.refusal, event.wait_s, record=True)
        case Declares():
            who = Pending(event.person, "pin", what="declared")
            state, effects = _commit(state, who, Declare(event.person, state.choice))
    return state, (*first, *effects)


def waited(state: State, at_s: float, visible: frozenset[int], rules: Rules) -> Step:
    """Time passed over an open question or session."""
    if state.phase is Phase.OPEN:
        over = at_s - state.since_s >= rules.session_s
        return _close(state, at_s, rules) if over else (state, ())
    limit_s = rules.choose_s if state.question is Question.DIRECTION else rules.notice_s
    # Only a face that gave way to another one: whoever reads the screen may be out of sight.
    left = bool(visible) and state.track not in (None, *visible)
    if at_s - state.since_s >= limit_s or (left and at_s - state.seen_s >= rules.gone_s):
        return _unanswered(state, at_s)
    return (replace(state, seen_s=at_s) if state.track in visible else state), ()


def identified(state: State, at_s: float, who: Pending) -> Step:
    """Somebody is known, for what was wanted."""
    if state.intent in _OPENING:
        return opened(state, at_s, who)
    if state.intent is Intent.UNDO and state.last is not None and who.person == state.last[0]:
        return _commit(state, replace(who, what="undo"), TakeBack(who.person))
    return _commit(state, who, Punch(who, state.choice))


def by_face(decision: Decision) -> Pending:
    """Who an accepted decision names."""
    if decision.person is None:
        raise IllegalEventError("an accepted decision names a person")
    return Pending(decision.person, "face", decision)


def claimant(state: State, matched: bool | None, decision: Decision | None = None) -> Pending:
    """Who the claim names, and whether the face bore it out; None when it was not compared."""
    if state.claim is None:
        raise IllegalEventError("nobody claimed anything")
    return Pending(state.claim, state.method, decision, matched)


def check_claim(state: State, event: Seen) -> None:
    """A decision is on the claim that was made, and on no other; raises `IllegalEventError`."""
    if event.claim != state.claim:
        raise IllegalEventError("a decision on another claim than the one that was made")
    if state.claim is not None and event.decision.person not in (None, state.claim):
        raise IllegalEventError("a decision that names somebody else than was claimed")


def _commit(state: State, who: Pending, effect: Effect) -> Step:
    committing = replace(
        state, phase=Phase.COMMITTING, pending=who, question=None, challenge=None, claim=None
    )
    return committing, (effect,)


def _interrupted(state: State) -> Step:
    if state.phase is Phase.OPEN:
        return answered(replace(state, intent=Intent.PUNCH), state.since_s, final=True), (Close(),)
    if state.question is not None:
        dropped = answered(state, state.since_s, final=False)
        return dropped, (Reject(_UNANSWERED[state.question].value),)
    return state, ()


def _claimed(state: State, event: Claimed) -> Step:
    if state.intent in _OPENING and event.method == "badge":  # who finds a badge does not read on
        return refused(state, event.at_s, Refusal.PIN_NEEDED)
    if state.phase is Phase.LOOKING and event.verify and state.intent is Intent.PUNCH:
        claimed = replace(state, claim=event.person, method=event.method, since_s=event.at_s)
        return claimed, (Show(Signal.SEEN),)
    return identified(state, event.at_s, Pending(event.person, event.method))


def _did(state: State, event: Did, rules: Rules) -> Step:  # noqa: PLR0911 (one an action)
    at_s = event.at_s
    free = state.phase in (Phase.IDLE, Phase.LOOKING, Phase.ANSWERED)
    match event.action:
        case Chose(direction) if state.question is Question.DIRECTION:
            return _answer(state, direction)
        case Chose(direction):
            chosen = replace(state, choice=direction, choice_s=at_s)
            return chosen, (Show(Signal.CHOSEN),) if state.phase is Phase.IDLE else ()
        case Agreed() if state.question is Question.NOTICE:
            return _answer(state, state.choice, agreed=True)
        case Declined() if state.question is not None:
            return _unanswered(state, at_s)
        case Closed() if state.phase is Phase.OPEN:
            return _close(state, at_s, rules)
        case UndoAsked() if free:
            if state.last is None or at_s - state.last[1] > rules.undo_s:
                return refused(state, at_s, Refusal.TOO_LATE)
            return _wanted(state, at_s, Intent.UNDO)
        case Wanted(intent) if free:
            return _wanted(state, at_s, intent)
        case _:  # a button that means nothing now
            return state, ()


def _wanted(state: State, at_s: float, intent: Intent) -> Step:
    """From the next frame on whoever stands there is identified anew, for this."""
    fresh = State(
        since_s=at_s,
        intent=intent,
        intent_s=at_s,
        last=state.last,
        failures=state.failures,
        failed_s=state.failed_s,
    )
    return fresh, (Show(Signal.CHOSEN),)


def _answer(state: State, direction: Direction | None, *, agreed: bool = False) -> Step:
    if state.pending is None:
        raise IllegalEventError("a question about nobody")
    agreed = agreed or state.agreed
    punch = Punch(state.pending, direction, agreed)
    return _commit(replace(state, choice=direction, agreed=agreed), state.pending, punch)


def _unanswered(state: State, at_s: float) -> Step:
    """A question was put aside, or nobody answered: nothing is written but that."""
    if state.question is None:
        raise IllegalEventError("no question is open")
    return refused(state, at_s, _UNANSWERED[state.question], record=True)


def _close(state: State, at_s: float, rules: Rules) -> Step:
    closed = answered(replace(state, intent=Intent.PUNCH), at_s, final=True)
    return closed, (Close(), Show(rules.idle))
