"""The guided enrolment: what is asked of the person, and what must be true before anything is kept.

A pure function, `step(state, event, rules) -> (state, effects)`: no clock, no camera, no disk.
Times are seconds of the camera's clock. `kiosk.guide` drives it and carries out its effects.

Rules
- In this order: consent to the very text that was shown, identity check, poses, duplicate check,
  trial, storing. `Store` is asked for once, after all of these; whatever else happens leads to
  `Forget`, and nothing of the person is kept.
- A frame is taken when it shows one face alone, of good quality, live where PAD runs, turned as
  asked and still, `apart_s` after the one before, and the same person as one of those before.
- `each` frames of every pose and `least` in all. A pose may be passed over (a stiff neck), but not
  the front; the count is made up from the front then. A lifted chin that does not show within
  `up_s` is passed over by itself: its estimate is coarse, and nobody must be stuck at it.
- A second face, or another one, pauses: nothing is taken while it is there. The time runs on.
- `time_s` from the first frame of the poses to the end of the trial; then it is over.
- The trial reads frames from after the duplicate check, looking ahead, against everybody's
  templates and the new ones; the terminal's own policy, with its threshold higher by its margin,
  must name this person (`kiosk.trial`).
- An event that does not belong to the step raises `IllegalEventError` and changes nothing. Frames
  belong to every step but those that wait for the disk.

    state, effects = step(begin(rules), Consented("2026-11-01", digest, "read on screen"), rules)
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.ceremony import (
    Cancelled,
    Check,
    Checked,
    Consented,
    Effect,
    Event,
    Failed,
    Forget,
    Identified,
    Looked,
    PassedOver,
    Refusal,
    Rules,
    State,
    Step,
    Store,
    Stored,
    Taken,
    Trial,
)
from kiosk.poses import RECENT, Heading, Hint, Pose, correction, front_of, opening
from kiosk.presentation import IllegalEventError
from recognizer.coverage import Sample
from recognizer.decision import Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Vector
from recognizer.quality import Reason

_MOST_ATTACKS = 8  # frames, as many as [decision] max_frames: PAD is not believed sooner

Next = tuple[State, tuple[Effect, ...]]


def begin(rules: Rules) -> State:
    """Nothing has happened yet; the consent comes first."""
    return State(poses=rules.poses)


def step(state: State, event: Event, rules: Rules) -> Next:
    """The next state and what is to be done; raises `IllegalEventError`."""
    match event, state.step:
        case Consented(), Step.CONSENT:
            if (event.version, event.digest) != (rules.text_version, rules.text_digest):
                raise IllegalEventError("a consent to another text than the one that was shown")
            state = replace(state, step=Step.IDENTITY, consent=event.how)
        case Identified(), Step.IDENTITY:
            state = replace(state, step=Step.POSES, identity=event.check)
        case Looked(), Step.POSES | Step.TRIAL:
            return _looked(state, event, rules)
        case Looked(), at if at not in (Step.CHECK, Step.STORE):
            pass
        case PassedOver(), Step.POSES if state.poses[0] is not Pose.FRONT:
            return _advance(replace(state, poses=state.poses[1:]), rules)
        case Checked(), Step.CHECK:
            trial = Trial(event.matcher, event.policy)
            state = replace(state, step=Step.TRIAL, trial=trial, hint=Hint.LOOK_AHEAD)
        case Stored(), Step.STORE:
            state = replace(_emptied(state), step=Step.DONE, score=state.score)
        case Failed(), Step.CHECK | Step.STORE:
            return _refuse(state, event.reason, event.message)
        case Cancelled(), Step.CONSENT | Step.IDENTITY | Step.POSES | Step.TRIAL:
            return replace(_emptied(state), step=Step.CANCELLED), (Forget(),)
        case _:
            raise IllegalEventError(f"{type(event).__name__} in step {state.step.value}")
    return state, ()


def _refuse(state: State, reason: str, message: str) -> Next:
    refused = replace(_emptied(state), step=Step.REFUSED, refusal=Refusal(reason, message))
    return refused, (Forget(),)


def _emptied(state: State) -> State:
    """A state that holds nothing of the face any more."""
    return State(poses=(), began_s=state.began_s, at_s=state.at_s)


def _looked(state: State, event: Looked, rules: Rules) -> Next:
    began = event.at_s if state.began_s is None else state.began_s
    state = replace(state, began_s=began, at_s=event.at_s)
    if event.at_s - began > rules.time_s:
        asked = state.poses[0].value if state.step is Step.POSES else "the trial"
        return _refuse(
            state,
            "too_slow",
            f"{rules.time_s:.0f} s are over at {asked}, nothing is kept; begin again, in good "
            "light, and pass a pose over that the person cannot take",
        )
    if _unreached(state, rules):
        return _advance(replace(state, poses=state.poses[1:]), rules)
    pause = _pause(event)
    if pause is not None or event.subject is None:
        return replace(state, hint=pause, recent=()), ()
    subject = event.subject
    if subject.attack:
        return _attacked(state)
    reason = subject.quality.reason
    if reason is not None or not _usable(subject, rules):
        return replace(state, hint=_corrected(state, reason), recent=()), ()
    heading = Heading(subject.quality.yaw, subject.quality.pitch)
    state = replace(
        state, passed=state.passed + 1, recent=(*state.recent, heading)[-RECENT:], hint=None
    )
    return _try(state, subject, rules) if state.step is Step.TRIAL else _take(state, subject, rules)


def _unreached(state: State, rules: Rules) -> bool:
    up = state.step is Step.POSES and state.poses[0] is Pose.UP
    return up and state.at_s - state.asked_s > rules.up_s


def _pause(event: Looked) -> Hint | None:
    if event.faces > 1:
        return Hint.ALONE
    return Hint.NOBODY if event.subject is None else None


def _usable(subject: Evidence, rules: Rules) -> bool:
    return subject.embedding is not None and (subject.live is not None or not rules.live)


def _corrected(state: State, reason: Reason | None) -> Hint | Reason:
    """Who turns too far is to turn less, not to look at the camera."""
    if reason is Reason.TURNED and state.step is Step.POSES and state.poses[0] is not Pose.FRONT:
        return Hint.LESS
    return reason or Hint.LOOK_AHEAD


def _attacked(state: State) -> Next:
    attacks = state.attacks + 1
    if attacks >= _MOST_ATTACKS and attacks >= state.passed:
        return _refuse(
            state,
            "attack",
            "the camera sees a picture or a screen, not a live face; nothing is kept",
        )
    return replace(state, attacks=attacks, hint=Hint.HOLD_STILL, recent=()), ()


def _take(state: State, subject: Evidence, rules: Rules) -> Next:
    """A usable frame while poses are asked for."""
    pose, embedding = state.poses[0], subject.embedding
    if embedding is None:
        raise ValueError("a usable frame has an embedding")
    hint = correction(pose, state.recent, _front(state), rules.turns)
    if hint is None and state.taken and state.at_s - state.taken[-1].at_s < rules.apart_s:
        hint = Hint.HOLD_STILL
    if not _same_person(state, embedding, rules):
        far = pose in (Pose.LEFT, Pose.RIGHT) and hint is not opening(pose)
        hint = Hint.LESS if far else Hint.OTHER_FACE
    if hint is not None:
        return replace(state, hint=hint), ()
    q = subject.quality
    taken = Taken(pose, state.at_s, Sample(embedding, q.score, q.yaw, q.pitch))
    state = replace(state, taken=(*state.taken, taken))
    here = sum(t.pose is pose for t in state.taken)
    more = len(state.poses) > 1 or len(state.taken) >= rules.least
    if here < rules.each or not more:
        return replace(state, hint=Hint.HOLD_STILL), ()
    return _advance(replace(state, poses=state.poses[1:]), rules)


def _advance(state: State, rules: Rules) -> Next:
    """The next pose, or the duplicate check when all were taken."""
    poses = state.poses
    if not poses and len(state.taken) < rules.least:
        poses = (Pose.FRONT,)
    state = replace(state, recent=(), poses=poses, asked_s=state.at_s)
    if poses:
        return replace(state, hint=opening(poses[0])), ()
    samples = tuple(taken.sample for taken in state.taken)
    return replace(state, step=Step.CHECK), (Check(samples),)


def _same_person(state: State, embedding: Vector, rules: Rules) -> bool:
    cosines = [float(taken.sample.embedding @ embedding) for taken in state.taken]
    return not cosines or max(cosines) >= rules.one_person


def _front(state: State) -> Heading | None:
    fronts = [
        Heading(t.sample.yaw, t.sample.pitch)
        for t in state.taken
        if t.pose is Pose.FRONT and t.sample.yaw is not None and t.sample.pitch is not None
    ]
    return front_of(fronts) if fronts else None


def _try(state: State, subject: Evidence, rules: Rules) -> Next:
    """A usable frame of the trial."""
    trial = state.trial
    if trial is None:
        raise ValueError("there is no trial")
    hint = correction(Pose.FRONT, state.recent, _front(state), rules.turns)
    if hint is not None:
        return replace(state, hint=hint), ()
    own = (e for e in trial.evidence if e.track == subject.track)  # never two people's frames
    trial = replace(trial, evidence=(*own, subject))
    decision = trial.policy.decide(trial.evidence, trial.matcher)
    state = replace(state, trial=trial)
    if decision.verdict is Verdict.UNDECIDED:
        return replace(state, hint=Hint.HOLD_STILL), ()
    if decision.verdict is Verdict.ACCEPT and decision.person == rules.person:
        storing = replace(state, step=Step.STORE, score=decision.score, hint=None)
        return storing, (Store(decision.score),)
    return _refuse(
        state,
        "trial_failed",
        f"the trial identification failed ({decision.verdict.value}), nothing is kept; enrol "
        "again in the light of the door, or give this person a badge or a PIN",
    )
