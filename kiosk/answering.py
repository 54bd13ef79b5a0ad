"""How a presentation ends: the part of the state machine that answers (`kiosk.presentation`).

- `written` alone shows green: what was asked for is on disk then.
- Whoever had an answer is marked as served: the face that was looked at, or the one that stood
  foremost when a badge or a PIN had it.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.indicators import Signal
from kiosk.panel import Intent
from kiosk.visit import (
    Asked,
    Committed,
    Effect,
    NotCommitted,
    Offer,
    Open,
    Pending,
    Phase,
    Question,
    Refusal,
    Reject,
    Repeated,
    Rules,
    Served,
    Show,
    State,
    Written,
)
from recognizer.decision import Decision

Step = tuple[State, tuple[Effect, ...]]


class IllegalEventError(RuntimeError):
    """An event came that the phase does not know; the state is as it was."""


_DONE = {"punch": Signal.ACCEPTED, "undo": Signal.UNDONE, "declared": Signal.WAITING}
_ASKING = {Question.DIRECTION: Signal.CHOOSE, Question.NOTICE: Signal.NOTICE}


def written(state: State, event: Written, pending: Pending) -> Step:
    """The answer of whoever writes, for the one who is being served."""
    match event:
        case Asked(at_s, question):
            asking = replace(
                state, phase=Phase.ASKING, question=question, since_s=at_s, seen_s=at_s
            )
            return asking, (Show(_ASKING[question]),)
        case NotCommitted():
            return answered(state, event.at_s, final=False), (Show(Signal.FAULT),)
        case Repeated():
            signal = Signal.ALREADY
        case Committed():
            signal = _DONE[pending.what]
            last = (pending.person, event.at_s) if pending.what == "punch" else None
            state = replace(state, last=last)
    done = answered(state, event.at_s, final=True)
    return replace(done, failures=0, choice=None, intent=Intent.PUNCH), (Show(signal),)


def opened(state: State, at_s: float, who: Pending) -> Step:
    """Somebody is known well enough to see their own records."""
    open_ = replace(
        state, phase=Phase.OPEN, pending=who, since_s=at_s, failures=0, question=None, choice=None
    )
    return open_, (Show(Signal.OPENED), Open(who.person, state.intent))


def refused(
    state: State, at_s: float, refusal: Refusal, wait_s: float = 0.0, *, record: bool = False
) -> Step:
    """Somebody who did something by hand is told why it does not work."""
    told: tuple[Effect, ...] = (Show(Signal.WRONG, refusal, wait_s),)
    if record:
        told = (Reject(refusal.value), *told)
    return answered(state, at_s, final=False), told


def turned_down(state: State, at_s: float, reason: str, decision: Decision, rules: Rules) -> Step:
    """A face is turned down; after some in a row badge and PIN are offered, and that is told."""
    again = state.failures and at_s - state.failed_s < rules.failures_s
    failures = state.failures + 1 if again else 1
    rejected = Reject(reason, decision)
    state = replace(answered(state, at_s, final=False), failures=failures, failed_s=at_s)
    if failures < rules.failures:
        return state, (rejected, Show(Signal.REJECTED))
    signal = Signal.ASK_BADGE if rules.ask_badge else Signal.REJECTED
    return replace(state, failures=0), (rejected, Offer(failures, reason), Show(signal))


def answered(state: State, at_s: float, *, final: bool) -> State:
    """The state in which the answer shows, and whoever had it is marked."""
    track = state.track
    if track is None and state.front is not None:
        track = state.front[0]
    served = tuple(s for s in state.served if s.track != track)
    if track is not None:
        served = (*served, Served(track, at_s, at_s, final))
    return replace(
        state,
        phase=Phase.ANSWERED,
        track=None,
        since_s=at_s,
        hint=None,
        pending=None,
        question=None,
        agreed=False,
        challenge=None,
        suspect=None,
        asked=False,
        claim=None,
        method="face",
        served=served,
    )
