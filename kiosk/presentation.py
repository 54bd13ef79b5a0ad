"""The presentation state machine: who is being served, and what they are told.

A presentation is one person's visit, from the first frame with a face to the answer. The machine
is a pure function, `step(state, event, rules) -> (state, effects)`: no clock, no camera, no disk.
Times are seconds of the camera's clock.

Rules
- Green never comes before the record: `Show(ACCEPTED)` follows only from `Committed`.
- One visit, one answer: a face that had its answer is served again only after it left, or, when
  it was turned down, after `retry_s`.
- The same person accepted again within `repeat_s` is told so and is not recorded twice.
- Two people at once are served one after the other; each answer shows for at least `show_s`.
- Where a challenge is asked for, an accepted face is not recorded yet: it must turn its head to the
  side that came with the event (`recognizer.challenge`), and the frames since then, gathered anew,
  must name the same person after it passed. Else it is turned down as `challenge_failed`.
- A face between two look-alikes is asked for badge or PIN, where there is a reader. From a claim
  on only decisions on that claim count (1:1), and only the claimed person can be accepted; a claim
  ends with its presentation. A claim while nobody is looked at changes nothing.
- A face that had its answer ends no other face's presentation, nor begins one.
- An event that does not belong to the phase raises `IllegalEventError` and changes nothing.

    state, effects = step(State(), Nobody(at_s=0.0), Rules())
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.indicators import Signal
from kiosk.visit import (
    Begin,
    Claimed,
    Committed,
    Effect,
    Event,
    Left,
    Nobody,
    NotCommitted,
    Phase,
    Punch,
    Reject,
    Repeat,
    Rules,
    Seen,
    Served,
    Show,
    State,
    When,
)
from recognizer.challenge import Outcome, Side, begin, watch
from recognizer.decision import Decision, Verdict
from recognizer.matcher import NO_SCORE

Step = tuple[State, tuple[Effect, ...]]


class IllegalEventError(RuntimeError):
    """An event came that the phase does not know; the state is as it was."""


def step(state: State, event: Event, rules: Rules) -> Step:
    """The next state and what is to be done; raises `IllegalEventError`."""
    match event:
        case Committed() | NotCommitted():
            return _written(state, event)
        case _ if state.phase is Phase.COMMITTING:
            raise IllegalEventError(f"{type(event).__name__} while a punch is being written")
        case Claimed():
            return _claimed(state, event)
        case Nobody():
            return _nobody(_forget(state, event.at_s, frozenset(), rules), event, rules)
        case Seen():
            return _seen(_forget(state, event.at_s, event.visible, rules), event, rules)


def _forget(state: State, at_s: float, visible: frozenset[int], rules: Rules) -> State:
    """Renew the served faces that are visible; drop those that left and punches out of window."""
    served = tuple(
        replace(s, seen_s=at_s) if s.track in visible else s
        for s in state.served
        if s.track in visible or at_s - s.seen_s < rules.gone_s
    )
    accepted = tuple((who, when) for who, when in state.accepted if at_s - when < rules.repeat_s)
    return replace(state, served=served, accepted=accepted)


def _nobody(state: State, event: Nobody, rules: Rules) -> Step:
    match state.phase:
        case Phase.LOOKING:
            over = event.at_s - state.seen_s >= rules.gone_s
        case Phase.CHALLENGED:
            return _challenged(state, event.at_s, None, rules)
        case Phase.ANSWERED:
            over = not state.served and event.at_s - state.since_s >= rules.show_s
        case _:
            over = False
    if not over:
        return state, ()
    left = (Left(state.hint),) if state.phase is Phase.LOOKING else ()
    return (
        State(served=state.served, accepted=state.accepted, since_s=event.at_s),
        (*left, Show(Signal.IDLE)),
    )


def _seen(state: State, event: Seen, rules: Rules) -> Step:
    if state.phase is Phase.CHALLENGED:
        mine = event if event.track == state.track else None
        return _challenged(state, event.at_s, mine, rules)
    if state.phase is Phase.LOOKING:
        return _looked(state, event, rules)
    showing = state.phase is Phase.ANSWERED and event.at_s - state.since_s < rules.show_s
    if showing or _had_answer(state, event, rules):
        return state, ()
    return _begin(state, event, (Show(Signal.SEEN),))


def _looked(state: State, event: Seen, rules: Rules) -> Step:
    if event.track == state.track:
        _check_claim(state, event)
        return _judge(replace(state, seen_s=event.at_s), event, rules)
    if _had_answer(state, event, rules):
        return _nobody(state, Nobody(event.at_s), rules)
    return _begin(state, event, ())


def _had_answer(state: State, event: Seen, rules: Rules) -> bool:
    """Whether this face had its answer and is not to be tried again yet."""
    had = next((s for s in state.served if s.track == event.track), None)
    return had is not None and (had.final or event.at_s - had.answered_s < rules.retry_s)


def _claimed(state: State, event: Claimed) -> Step:
    if state.phase is not Phase.LOOKING:
        return state, ()
    claimed = replace(state, claim=event.person, method=event.method, since_s=event.at_s)
    return claimed, (Show(Signal.SEEN),)


def _begin(state: State, event: Seen, first: tuple[Effect, ...]) -> Step:
    state = replace(
        state,
        phase=Phase.LOOKING,
        track=event.track,
        since_s=event.at_s,
        seen_s=event.at_s,
        hint=None,
        asked=False,
        claim=None,
        method="face",
        served=tuple(s for s in state.served if s.track != event.track),
    )
    return state, (*first, Begin(event.track))


def _check_claim(state: State, event: Seen) -> None:
    if event.claim != state.claim:
        raise IllegalEventError("a decision on another claim than the one that was made")
    if state.claim is not None and event.decision.person not in (None, state.claim):
        raise IllegalEventError("a decision that names somebody else than was claimed")


def _judge(state: State, event: Seen, rules: Rules) -> Step:
    decision = event.decision
    match decision.verdict:
        case Verdict.ACCEPT:
            return _accept(state, event, rules)
        case Verdict.AMBIGUOUS if rules.ask_badge and (
            not state.asked or event.at_s - state.since_s < rules.patience_s
        ):
            return _ask_badge(state, event.at_s)
        case Verdict.UNDECIDED if event.at_s - state.since_s < rules.patience_s:
            if decision.hint is None or decision.hint == state.hint:
                return state, ()
            return replace(state, hint=decision.hint), (Show(Signal.TRY_AGAIN, decision.hint),)
        case _:
            reason = _reason(decision, state.claim)
    answered = _answered(state, event.at_s, final=False)
    return answered, (Reject(reason, decision), Show(Signal.REJECTED))


def _accept(state: State, event: Seen, rules: Rules) -> Step:
    decision = event.decision
    if decision.person in {who for who, _ in state.accepted}:
        answered = _answered(state, event.at_s, final=True)
        return answered, (Repeat(decision), Show(Signal.ALREADY))
    if _to_be_challenged(event, rules):
        return _challenge(state, event)
    committing = replace(state, phase=Phase.COMMITTING, pending=decision.person)
    return committing, (Punch(decision, state.method),)


def _to_be_challenged(event: Seen, rules: Rules) -> bool:
    if rules.challenge is not When.LOW_SCORES:
        return rules.challenge is When.ALWAYS
    low = event.live is None or event.live < rules.low_live
    return low or event.decision.score < rules.low_score


def _challenge(state: State, event: Seen) -> Step:
    """Ask for the turn; what was gathered before does not count for what comes after."""
    asked = replace(
        state,
        phase=Phase.CHALLENGED,
        pending=event.decision.person,
        challenge=begin(event.side, event.at_s),
    )
    signal = Signal.TURN_LEFT if event.side is Side.LEFT else Signal.TURN_RIGHT
    return asked, (Begin(event.track), Show(signal))


def _challenged(state: State, at_s: float, event: Seen | None, rules: Rules) -> Step:
    """A frame of a challenge; `event` None does not show the one who was asked."""
    if state.challenge is None:
        raise IllegalEventError("challenged without a challenge")
    if event is not None:
        _check_claim(state, event)
    before = state.challenge.outcome
    challenge = watch(state.challenge, at_s, event.turn if event else None, rules.limits)
    state = replace(state, challenge=challenge)
    if challenge.outcome is Outcome.FAILED:
        nobody = Decision(Verdict.UNDECIDED, None, NO_SCORE, 0.0, 0, None)
        decision = replace(event.decision, person=None) if event else nobody
        answered = _answered(state, at_s, final=False)
        return answered, (Reject("challenge_failed", decision), Show(Signal.REJECTED))
    if challenge.outcome is Outcome.WAITING or event is None:
        return state, ()
    decision = event.decision
    if decision.verdict is Verdict.ACCEPT and decision.person == state.pending:
        return replace(state, phase=Phase.COMMITTING), (Punch(decision, state.method),)
    # Amber steady again: that was it, look at the camera.
    return state, (Show(Signal.SEEN),) if before is Outcome.WAITING else ()


def _reason(decision: Decision, claim: str | None) -> str:
    if decision.verdict is Verdict.UNDECIDED:
        return str(decision.hint.value) if decision.hint else "undecided"
    if decision.verdict is Verdict.UNKNOWN and claim is not None:
        return "not_verified"
    return str(decision.verdict.value)


def _ask_badge(state: State, at_s: float) -> Step:
    if state.asked:
        return state, ()
    return replace(state, asked=True, since_s=at_s), (Show(Signal.ASK_BADGE),)


def _written(state: State, event: Committed | NotCommitted) -> Step:
    if state.phase is not Phase.COMMITTING or state.pending is None:
        raise IllegalEventError(f"{type(event).__name__}, but no punch was asked for")
    if isinstance(event, NotCommitted):
        return _answered(state, event.at_s, final=False), (Show(Signal.FAULT),)
    accepted = (*state.accepted, (state.pending, event.at_s))
    answered = _answered(replace(state, accepted=accepted), event.at_s, final=True)
    return answered, (Show(Signal.ACCEPTED),)


def _answered(state: State, at_s: float, *, final: bool) -> State:
    track = state.track if state.track is not None else -1
    return replace(
        state,
        phase=Phase.ANSWERED,
        track=None,
        since_s=at_s,
        hint=None,
        pending=None,
        challenge=None,
        asked=False,
        claim=None,
        method="face",
        served=(*state.served, Served(track, at_s, at_s, final)),
    )
