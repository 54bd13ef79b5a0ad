"""The guided enrolment's machine: whatever happens, in which order, what may be stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.ceremony import (
    ENDED,
    Cancelled,
    Check,
    Checked,
    Consented,
    Event,
    Failed,
    Forget,
    Identified,
    Looked,
    PassedOver,
    Rules,
    State,
    Step,
    Store,
    Stored,
)
from kiosk.guided import begin, step
from kiosk.poses import Heading, Hint, Pose, TurnLimits, correction
from kiosk.presentation import IllegalEventError
from kiosk.trial import with_margin
from recognizer.decision import DecisionPolicy
from recognizer.matcher import Matcher
from recognizer.quality import Reason
from tests.kiosk.guided_made import FPS, RULES, frame
from tests.kiosk.made import face

CONSENT = Consented(RULES.text_version, RULES.text_digest, "read")
POLICY = with_margin(DecisionPolicy(0.5))


def matcher_with(samples: Check, person: str = "1") -> Matcher:
    mine = [sample.embedding for sample in samples.samples]
    return Matcher([person] * len(mine) + ["2"], np.stack([*mine, face(2)]))


class Run:
    """The machine, its driver, and a person who does what is asked unless told otherwise."""

    def __init__(self, rules: Rules = RULES) -> None:
        self.rules, self.state, self.at_s = rules, begin(rules), 0.0
        self.shown: dict[bytes, tuple[float, bool]] = {}  # when, and whether it may count
        self.stored = self.forgotten = 0
        self.checked: Check | None = None
        self.trial_as = "1"

    def feed(self, event: Event) -> State:
        self.state, effects = step(self.state, event, self.rules)
        for effect in effects:
            match effect:
                case Check():
                    self.checked = effect
                    self.feed(Checked(matcher_with(effect, self.trial_as), POLICY))
                case Store():
                    self.stored += 1
                    self.feed(Stored())
                case Forget():
                    self.forgotten += 1
        return self.state

    def begun(self) -> Run:
        self.feed(CONSENT)
        self.feed(Identified("document"))
        return self

    def look(self, *, faces: int = 1, pose: Pose | None = None, **more: Any) -> State:
        self.at_s += 1 / FPS
        asked = self.state.poses[0] if self.state.step is Step.POSES else Pose.FRONT
        evidence = frame(self.at_s, pose or asked, **more) if faces else None
        if evidence is not None and evidence.embedding is not None:
            fit = faces == 1 and evidence.live is not None
            self.shown[evidence.embedding.tobytes()] = (self.at_s, fit)
        return self.feed(Looked(self.at_s, faces, evidence))

    def until(self, *steps: Step, **more: Any) -> State:
        for _ in range(2000):
            if self.state.step in steps:
                break
            self.look(**more)
        return self.state


def test_who_does_as_asked_is_enrolled_with_every_pose_in_a_third_of_the_time() -> None:
    run = Run().begun()
    taken: list[Pose] = []
    while run.state.step is Step.POSES:
        taken = [t.pose for t in run.look().taken] or taken
    assert Counter(taken) == dict.fromkeys(Pose, 2)
    assert run.until(*ENDED).step is Step.DONE
    assert (run.stored, run.forgotten) == (1, 0)
    assert run.state.score is not None
    assert run.state.score > POLICY.threshold
    assert run.at_s < RULES.time_s / 3


ODD = ["other", "attack", "unjudged", "dark", "nobody", "two", "turned_away"]
MEANT = ["pass_over", "consent", "identify", "wrong_text", "cancel", "jump"]
MOVES = st.sampled_from([*ODD, *MEANT])
SOME = st.tuples(MOVES, st.integers(1, 3))
MANY = st.tuples(st.just("good"), st.integers(1, 60))  # frames that do as asked come in rows


def make(run: Run, move: str) -> None:
    """One thing that happens; a frame is told apart from what the enroller does."""
    aside = next(pose for pose in (Pose.LEFT, Pose.RIGHT) if pose not in run.state.poses[:1])
    match move:
        case "consent":
            run.feed(CONSENT)
        case "wrong_text":
            run.feed(replace(CONSENT, version="2020"))
        case "identify":
            run.feed(Identified("known"))
        case "cancel":
            run.feed(Cancelled())
        case "pass_over":
            run.feed(PassedOver())
        case "jump":
            run.at_s += 5
        case "nobody":
            run.look(faces=0)
        case "two":
            run.look(faces=2)
        case "turned_away":
            run.look(pose=aside)
        case _:
            how: dict[str, dict[str, Any]] = {
                "other": {"person": 7},
                "attack": {"attack": True},
                "unjudged": {"live": None},
                "dark": {"reason": Reason.TOO_DARK},
            }
            run.look(**how.get(move, {}))


@settings(max_examples=150)
@given(st.lists(MANY | SOME, max_size=15), st.booleans())
def test_nothing_is_stored_without_consent_identity_live_frames_of_one_person_and_a_trial(
    rows: list[tuple[str, int]], begun: bool
) -> None:
    run = Run().begun() if begun else Run()
    did: set[str] = {"consent", "identify"} if begun else set()
    for move in [move for move, times in rows for _ in range(times)]:
        before = run.state
        try:
            make(run, move)
            did.add(move)
        except IllegalEventError:
            assert run.state is before
        if run.state.step is not Step.DONE:
            assert run.stored == 0
        if run.state.step in ENDED:
            assert (run.state.taken, run.state.trial, run.state.recent) == ((), None, ())
    assert run.stored == (run.state.step is Step.DONE)
    assert run.forgotten == (run.state.step in (Step.CANCELLED, Step.REFUSED))
    if run.stored:
        assert {"consent", "identify"} <= did
    if run.checked is not None:
        samples = run.checked.samples
        assert len(samples) >= RULES.least
        seen = [run.shown[sample.embedding.tobytes()] for sample in samples]
        assert all(fit for _, fit in seen)
        assert all(b - a >= RULES.apart_s for (a, _), (b, _) in pairwise(seen))
        assert min(float(a.embedding @ samples[0].embedding) for a in samples) > 0.5


@pytest.mark.parametrize("at", [Step.CONSENT, Step.IDENTITY, Step.POSES, Step.TRIAL])
def test_cancelling_at_any_step_leaves_nothing(at: Step) -> None:
    run = Run()
    for event in (CONSENT, Identified("badge")):
        if run.state.step is not at:
            run.feed(event)
    assert run.until(at).step is at
    run.feed(Cancelled())
    assert (run.state.step, run.state.taken, run.state.trial) == (Step.CANCELLED, (), None)
    assert (run.stored, run.forgotten) == (0, 1)
    run.look()
    assert run.state.step is Step.CANCELLED
    with pytest.raises(IllegalEventError):
        run.feed(CONSENT)


def test_a_second_face_or_another_one_pauses_and_says_so() -> None:
    run = Run().begun()
    for _ in range(5):
        run.look()
    had = len(run.state.taken)
    assert had > 0
    for _ in range(20):
        assert run.look(faces=2).hint is Hint.ALONE
    for _ in range(20):
        assert run.look(person=7, pose=Pose.FRONT).hint is Hint.OTHER_FACE
    assert len(run.state.taken) == had
    assert run.until(*ENDED).step is Step.DONE


@pytest.mark.parametrize("reason", [Reason.TOO_FAR, Reason.TOO_DARK, Reason.BLURRED])
def test_a_bad_frame_is_not_taken_and_says_what_to_do(reason: Reason) -> None:
    run = Run().begun()
    for _ in range(20):
        state = run.look(reason=reason)
        assert (state.hint, state.taken) == (reason, ())


def test_frames_that_pad_did_not_judge_are_not_taken_unless_it_is_off() -> None:
    run = Run().begun()
    for _ in range(20):
        assert run.look(live=None).taken == ()
    without = Run(replace(RULES, live=False)).begun()
    assert without.until(*ENDED, live=None).step is Step.DONE


def test_a_picture_that_is_held_up_ends_it() -> None:
    run = Run().begun()
    state = run.until(*ENDED, attack=True)
    assert state.refusal is not None
    assert state.refusal.reason == "attack"
    assert run.at_s == pytest.approx(0.8)


def test_who_never_turns_is_too_slow_and_nothing_is_kept() -> None:
    run = Run().begun()
    state = run.until(*ENDED, pose=Pose.FRONT)
    assert state.refusal is not None
    assert state.refusal.reason == "too_slow"
    assert "at left" in state.refusal.message
    assert RULES.time_s < run.at_s < RULES.time_s + 0.2
    assert (run.stored, run.forgotten) == (0, 1)


def test_a_chin_that_does_not_show_is_passed_over_by_itself() -> None:
    run = Run().begun()
    while run.state.poses[:1] != (Pose.UP,):
        run.look()
    began = run.at_s
    assert run.until(Step.TRIAL, pose=Pose.FRONT).step is Step.TRIAL
    assert RULES.up_s < run.at_s - began < RULES.up_s + 0.2


def test_passed_over_poses_are_made_up_from_the_front() -> None:
    run = Run().begun()
    with pytest.raises(IllegalEventError):
        run.feed(PassedOver())
    while run.state.poses[0] is Pose.FRONT:
        run.look()
    for _ in range(3):
        run.feed(PassedOver())
    assert run.state.poses == (Pose.FRONT,)
    assert run.until(*ENDED).step is Step.DONE
    assert run.checked is not None
    assert len(run.checked.samples) == RULES.least


def test_a_trial_that_names_somebody_else_or_nobody_stores_nothing() -> None:
    other = Run().begun()
    other.trial_as = "3"
    refusal = other.until(*ENDED).refusal
    assert refusal is not None
    assert (refusal.reason, other.stored) == ("trial_failed", 0)
    stranger = Run().begun()
    stranger.until(Step.TRIAL)
    refusal = stranger.until(*ENDED, person=9).refusal
    assert refusal is not None
    assert (refusal.reason, stranger.stored) == ("trial_failed", 0)


def test_what_the_disk_refuses_is_not_done() -> None:
    run = Run().begun()
    run.until(Step.TRIAL)
    storing = replace(run.state, step=Step.STORE, score=0.9)
    state, effects = step(storing, Failed("not_stored", "full"), RULES)
    assert (state.step, state.score, effects) == (Step.REFUSED, None, (Forget(),))
    with pytest.raises(IllegalEventError):
        step(storing, Cancelled(), RULES)


def test_sides_are_the_persons_own_and_told_from_their_own_front() -> None:
    front, limits = Heading(-8, 20), TurnLimits()

    def said(pose: Pose, yaw: float, pitch: float = 20) -> Hint | None:
        return correction(pose, [Heading(yaw, pitch)] * 3, front, limits)

    assert said(Pose.LEFT, 5) is None
    assert said(Pose.LEFT, 0) is Hint.MORE
    assert said(Pose.LEFT, -25) is Hint.TURN_LEFT
    assert said(Pose.RIGHT, -20) is None
    assert said(Pose.RIGHT, 5) is Hint.TURN_RIGHT
    assert said(Pose.UP, -8, 14) is None
    assert said(Pose.UP, -8, 17) is Hint.MORE
    assert said(Pose.UP, 10, 14) is Hint.LOOK_UP, "aside is not up"
    moving = [Heading(yaw, 20) for yaw in (5, 15, 25)]
    assert correction(Pose.LEFT, moving, front, limits) is Hint.HOLD_STILL
