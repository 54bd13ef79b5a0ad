"""The challenge in a presentation: an accepted face has to turn its head (`kiosk.presentation`)."""

from __future__ import annotations

from dataclasses import replace

from kiosk.answering import IllegalEventError, Step, turned_down
from kiosk.identifying import by_face, check_claim, identified
from kiosk.indicators import Signal
from kiosk.visit import Begin, Phase, Rules, Seen, Show, State, When
from recognizer.challenge import Outcome, Side, begin, watch
from recognizer.decision import Decision, Verdict
from recognizer.matcher import NO_SCORE

_NOBODY = Decision(Verdict.UNDECIDED, None, NO_SCORE, 0.0, 0, None)


def is_to_be_challenged(event: Seen, rules: Rules) -> bool:
    """Whether an accepted face has to turn its head first."""
    if rules.challenge is not When.LOW_SCORES:
        return rules.challenge is When.ALWAYS
    low = event.live is None or event.live < rules.low_live
    return low or event.decision.score < rules.low_score


def challenge(state: State, event: Seen) -> Step:
    """Ask for the turn; what was gathered before does not count for what comes after."""
    asked = replace(
        state,
        phase=Phase.CHALLENGED,
        suspect=event.decision.person,
        challenge=begin(event.side, event.at_s),
    )
    signal = Signal.TURN_LEFT if event.side is Side.LEFT else Signal.TURN_RIGHT
    return asked, (Begin(event.track), Show(signal))


def challenged(state: State, at_s: float, event: Seen | None, rules: Rules) -> Step:
    """A frame of a challenge; `event` None does not show the one who was asked."""
    if state.challenge is None:
        raise IllegalEventError("challenged without a challenge")
    if event is not None:
        check_claim(state, event)
    before = state.challenge.outcome
    turned = watch(state.challenge, at_s, event.turn if event else None, rules.limits)
    state = replace(state, challenge=turned)
    if turned.outcome is Outcome.FAILED:
        decision = replace(event.decision, person=None) if event else _NOBODY
        return turned_down(state, at_s, "challenge_failed", decision, rules)
    if turned.outcome is Outcome.WAITING or event is None:
        return state, ()
    decision = event.decision
    if decision.verdict is Verdict.ACCEPT and decision.person == state.suspect:
        return identified(state, event.at_s, by_face(decision))
    # Amber steady again: that was it, look at the camera.
    return state, (Show(Signal.SEEN),) if before is Outcome.WAITING else ()
