"""The presentation state machine: who is being served, and what they are told.

A presentation is one person's visit, from the first frame with a face, or the badge, to the answer.
The machine is a pure function, `step(state, event, rules) -> (state, effects)`: no clock, no
camera, no disk. Times are seconds of the camera's clock. What people do by hand is in
`kiosk.identifying`, the challenge in `kiosk.challenging`, the answers in `kiosk.answering`.

Rules
- Green never comes before the record: `Show(ACCEPTED)` follows only from `Committed`. What is to be
  written is asked for by one effect, and its answer (`Written`) is the next event.
- One visit, one answer: a face that had its answer is served again only after it left, or, when
  it was turned down, after `retry_s`.
- Whether a punch is a repeat, which direction it has, and whether the notice was accepted is known
  to whoever writes it (`kiosk.clerk`): it answers `Repeated`, or `Asked` for what is not known yet.
- Two people at once are served one after the other; each answer shows for at least `show_s`.
- Where a challenge is asked for, an accepted face is not recorded yet: it must turn its head to the
  side that came with the event (`recognizer.challenge`), and the frames since then, gathered anew,
  must name the same person after it passed. Else it is turned down as `challenge_failed`.
- A badge or a PIN always ends in a punch. Where the person's face can be compared (`verify`), it
  is, 1:1, for `verify_s`; a face that does not match is noted in the punch and stops nobody. From
  a claim on only decisions on that claim count.
- A face that is turned down `failures` times in a row is offered badge and PIN at once, and that is
  recorded.
- Badge, PIN and face identify for what was `Wanted`: a punch, taking the last one back within
  `undo_s`, or opening one's records, for which a badge alone is not enough.
- A face that had its answer, or stood there when a badge had it, ends no other face's
  presentation, nor begins one.
- An event that does not belong to the phase raises `IllegalEventError` and changes nothing.

    state, effects = step(State(), Nobody(at_s=0.0), Rules())
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.answering import IllegalEventError, Step, turned_down, written
from kiosk.challenging import challenge, challenged, is_to_be_challenged
from kiosk.identifying import by_face, by_hand, check_claim, claimant, identified, waited
from kiosk.indicators import Signal
from kiosk.panel import Intent
from kiosk.visit import (
    Asked,
    Begin,
    Committed,
    Effect,
    Event,
    Left,
    Nobody,
    NotCommitted,
    Phase,
    Repeated,
    Rules,
    Seen,
    Show,
    State,
)
from recognizer.decision import Decision, Verdict

__all__ = ["IllegalEventError", "Step", "begins", "step"]


def step(state: State, event: Event, rules: Rules) -> Step:
    """The next state and what is to be done; raises `IllegalEventError`."""
    if isinstance(event, Committed | Repeated | NotCommitted | Asked):
        if state.phase is not Phase.COMMITTING or state.pending is None:
            raise IllegalEventError(f"{type(event).__name__}, but nothing was to be written")
        return written(state, event, state.pending)
    if state.phase is Phase.COMMITTING:
        raise IllegalEventError(f"{type(event).__name__} while a record is being written")
    match event:
        case Nobody():
            return _nobody(_forget(state, event.at_s, frozenset(), rules), event, rules)
        case Seen():
            return _seen(_forget(state, event.at_s, event.visible, rules), event, rules)
        case _:
            return by_hand(state, event, rules)


def _forget(state: State, at_s: float, visible: frozenset[int], rules: Rules) -> State:
    """Renew the served faces that are visible; drop what is over: those that left, choices."""
    served = tuple(
        replace(s, seen_s=at_s) if s.track in visible else s
        for s in state.served
        if s.track in visible or at_s - s.seen_s < rules.gone_s
    )
    front = state.front if state.front and at_s - state.front[1] < rules.gone_s else None
    choice = state.choice if at_s - state.choice_s < rules.choose_s else None
    wanted = state.intent is Intent.PUNCH or at_s - state.intent_s < rules.choose_s
    serving = state.phase in (Phase.LOOKING, Phase.CHALLENGED)
    intent = state.intent if wanted or serving else Intent.PUNCH
    return replace(state, served=served, front=front, choice=choice, intent=intent)


def _nobody(state: State, event: Nobody, rules: Rules) -> Step:
    match state.phase:
        case Phase.LOOKING if event.at_s - state.seen_s >= rules.gone_s:
            if state.claim is not None:
                return identified(state, event.at_s, claimant(state, None))
            return _idle(state, event.at_s, rules, (Left(state.hint),))
        case Phase.CHALLENGED:
            return challenged(state, event.at_s, None, rules)
        case Phase.ASKING | Phase.OPEN:
            return waited(state, event.at_s, frozenset(), rules)
        case Phase.ANSWERED if not state.served and event.at_s - state.since_s >= rules.show_s:
            return _idle(state, event.at_s, rules)
        case _:
            return state, ()


def _idle(state: State, at_s: float, rules: Rules, first: tuple[Effect, ...] = ()) -> Step:
    idle = replace(
        state, phase=Phase.IDLE, track=None, since_s=at_s, hint=None, asked=False, claim=None
    )
    return idle, (*first, Show(rules.idle))


def _seen(state: State, event: Seen, rules: Rules) -> Step:
    state = replace(state, front=(event.track, event.at_s))
    match state.phase:
        case Phase.CHALLENGED:
            mine = event if event.track == state.track else None
            return challenged(state, event.at_s, mine, rules)
        case Phase.LOOKING:
            return _looked(state, event, rules)
        case Phase.ASKING | Phase.OPEN:
            return waited(state, event.at_s, event.visible, rules)
        case Phase.ANSWERED if event.at_s - state.since_s < rules.show_s:
            return state, ()
        case _ if _had_answer(state, event.track, event.at_s, rules):
            return state, ()
        case _:
            return _begin(state, event, (Show(Signal.SEEN),))


def begins(state: State, track: int, at_s: float, rules: Rules) -> bool:
    """Whether `step` answers a face of this track with "I see you"."""
    free = state.phase is Phase.IDLE or (
        state.phase is Phase.ANSWERED and at_s - state.since_s >= rules.show_s
    )
    return free and not _had_answer(state, track, at_s, rules)


def _looked(state: State, event: Seen, rules: Rules) -> Step:
    if event.track == state.track:
        check_claim(state, event)
        return _judge(replace(state, seen_s=event.at_s), event, rules)
    if _had_answer(state, event.track, event.at_s, rules):
        return _nobody(state, Nobody(event.at_s), rules)
    if state.claim is not None:
        return identified(state, event.at_s, claimant(state, None))
    return _begin(state, event, ())


def _had_answer(state: State, track: int, at_s: float, rules: Rules) -> bool:
    """Whether this face had its answer and is not to be tried again yet."""
    had = next((s for s in state.served if s.track == track), None)
    return had is not None and (had.final or at_s - had.answered_s < rules.retry_s)


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


def _judge(state: State, event: Seen, rules: Rules) -> Step:  # noqa: PLR0911 (one a verdict)
    decision = event.decision
    waited_s = event.at_s - state.since_s
    match decision.verdict:
        case Verdict.UNDECIDED if waited_s < _patience_s(state, rules):
            if decision.hint is None or decision.hint == state.hint:
                return state, ()
            return replace(state, hint=decision.hint), (Show(Signal.TRY_AGAIN, decision.hint),)
        case Verdict.AMBIGUOUS if state.claim is None and rules.ask_badge and not state.asked:
            asked = replace(state, asked=True, since_s=event.at_s)
            return asked, (Show(Signal.ASK_BADGE),)
        case Verdict.AMBIGUOUS if (
            state.claim is None and state.asked and waited_s < rules.patience_s
        ):
            return state, ()
        case verdict if state.claim is not None:
            matched = verdict is Verdict.ACCEPT
            return identified(state, event.at_s, claimant(state, matched, decision))
        case Verdict.ACCEPT if is_to_be_challenged(event, rules):
            return challenge(state, event)
        case Verdict.ACCEPT:
            return identified(state, event.at_s, by_face(decision))
        case _:
            return turned_down(state, event.at_s, _reason(decision), decision, rules)


def _patience_s(state: State, rules: Rules) -> float:
    return rules.patience_s if state.claim is None else rules.verify_s


def _reason(decision: Decision) -> str:
    if decision.verdict is Verdict.UNDECIDED:
        return str(decision.hint.value) if decision.hint else "undecided"
    return str(decision.verdict.value)
