"""The presentation state machine, with no camera, clock or disk."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.indicators import Signal
from kiosk.panel import Agreed, Chose, Closed, Declined, Intent, UndoAsked, Wanted
from kiosk.presentation import IllegalEventError, step
from kiosk.presentation_walk import walk
from kiosk.visit import (
    Asked,
    Begin,
    Claimed,
    Close,
    Committed,
    Declare,
    Declares,
    Denied,
    Did,
    Effect,
    Event,
    Left,
    Nobody,
    NotCommitted,
    Offer,
    Open,
    Pending,
    Phase,
    Punch,
    Question,
    Refusal,
    Reject,
    Repeated,
    Rules,
    Seen,
    Show,
    State,
    TakeBack,
    Touched,
    When,
    Written,
)
from recognizer.challenge import Side, Turn
from recognizer.decision import Decision, Verdict
from recognizer.quality import Reason

RULES = Rules()


def judged(verdict: Verdict, person: str | None = None, hint: Reason | None = None) -> Decision:
    return Decision(verdict=verdict, person=person, score=0.9, margin=0.5, frames=3, hint=hint)


UNDECIDED = judged(Verdict.UNDECIDED)
ACCEPT = judged(Verdict.ACCEPT, "1001")
UNKNOWN = judged(Verdict.UNKNOWN)


def seen(at_s: float, track: int, decision: Decision, *others: int) -> Seen:
    return Seen(at_s, track, decision, frozenset({track, *others}))


REPEAT_S = 60.0


class Desk:
    """Whoever writes: at once, and repeats within the window, as `kiosk.clerk` does."""

    def __init__(self) -> None:
        self.punches: list[tuple[str, float]] = []

    def answer(self, effect: Effect, at_s: float) -> Written | None:
        match effect:
            case Punch(who):
                if any(p == who.person and at_s - t < REPEAT_S for p, t in self.punches):
                    return Repeated(at_s)
                self.punches.append((who.person, at_s))
                return Committed(at_s)
            case TakeBack(person):
                mine = [punch for punch in self.punches if punch[0] == person]
                self.punches.remove(mine[-1])
                return Committed(at_s)
            case Declare():
                return Committed(at_s)
        return None


def play(
    *events: Event, state: State | None = None, rules: Rules = RULES, desk: Desk | None = None
) -> tuple[State, list[Effect]]:
    """Feed events; what is to be written is written at once, as the daemon does."""
    state, done, desk = state or State(), list[Effect](), desk or Desk()
    waiting = list(events)
    while waiting:
        event = waiting.pop(0)
        state, effects = step(state, event, rules)
        done += effects
        for effect in effects:
            written = desk.answer(effect, event.at_s)
            if written is not None:
                waiting.insert(0, written)
    return state, done


def by_face(decision: Decision) -> Punch:
    return Punch(Pending(str(decision.person), "face", decision))


def signals(effects: list[Effect]) -> list[Signal]:
    return [effect.signal for effect in effects if isinstance(effect, Show)]


def test_a_known_face_is_seen_recorded_and_then_greeted() -> None:
    state, effects = play(seen(0.0, 1, UNDECIDED), seen(0.1, 1, UNDECIDED), seen(0.2, 1, ACCEPT))
    assert effects == [
        Show(Signal.SEEN),
        Begin(1),
        by_face(ACCEPT),
        Show(Signal.ACCEPTED),
    ]
    assert state.phase is Phase.ANSWERED


def test_a_punch_that_cannot_be_written_shows_a_fault_and_never_green() -> None:
    state, _ = step(State(), seen(0.0, 1, UNDECIDED), RULES)
    state, effects = step(state, seen(0.1, 1, ACCEPT), RULES)
    assert effects == (by_face(ACCEPT),)
    state, effects = step(state, NotCommitted(0.1), RULES)
    assert effects == (Show(Signal.FAULT),)
    assert state.phase is Phase.ANSWERED
    assert state.last is None


def test_somebody_standing_still_makes_one_presentation() -> None:
    frames = [seen(i / 10, 1, ACCEPT) for i in range(600)]
    _, effects = play(*frames)
    assert sum(isinstance(effect, Punch) for effect in effects) == 1


def test_a_stranger_is_turned_down_once_until_the_retry_time() -> None:
    early = [seen(i / 10, 1, UNKNOWN) for i in range(int(RULES.retry_s * 10))]
    _, effects = play(*early)
    assert sum(isinstance(effect, Reject) for effect in effects) == 1
    _, effects = play(*early, *(seen(3.2 + i / 10, 1, UNKNOWN) for i in range(5)))
    assert sum(isinstance(effect, Reject) for effect in effects) == 2


def test_the_same_person_within_the_minute_is_told_and_not_recorded_twice() -> None:
    first: list[Event] = [seen(0.0, 1, UNDECIDED), seen(0.1, 1, ACCEPT)]
    left: list[Event] = [Nobody(t) for t in (1.0, 2.0, 3.0)]
    again = [seen(10.0, 2, UNDECIDED), seen(10.1, 2, ACCEPT)]
    desk = Desk()
    _, effects = play(*first, *left, *again, desk=desk)
    assert desk.punches == [("1001", 0.1)]
    assert signals(effects)[-1] is Signal.ALREADY


def test_two_people_at_once_are_served_one_after_the_other() -> None:
    other = judged(Verdict.ACCEPT, "1002")
    _, effects = play(
        seen(0.0, 1, UNDECIDED, 2),
        seen(0.1, 1, ACCEPT, 2),
        seen(0.2, 2, other, 1),  # the answer to the first is still shown
        seen(1.5, 2, UNDECIDED, 1),
        seen(1.6, 2, other, 1),
    )
    punches = [e.who.person for e in effects if isinstance(e, Punch)]
    assert punches == ["1001", "1002"]


def test_a_hint_is_shown_once_and_patience_ends() -> None:
    dark = judged(Verdict.UNDECIDED, hint=next(iter(Reason)))
    frames = [seen(i / 10, 1, dark) for i in range(int(RULES.patience_s * 10) + 2)]
    _, effects = play(*frames)
    assert signals(effects) == [Signal.SEEN, Signal.TRY_AGAIN, Signal.REJECTED]
    assert [e.reason for e in effects if isinstance(e, Reject)] == [next(iter(Reason)).value]


def test_who_leaves_without_an_answer_is_noticed() -> None:
    _, effects = play(seen(0.0, 1, UNDECIDED), Nobody(0.5), Nobody(0.9))
    assert effects == [Show(Signal.SEEN), Begin(1), Left(None), Show(Signal.IDLE)]


@pytest.mark.parametrize("event", [Committed(0.0), NotCommitted(0.0)])
def test_a_commit_that_nobody_asked_for_is_illegal(event: Event) -> None:
    with pytest.raises(IllegalEventError):
        step(State(), event, RULES)


def test_a_frame_while_a_punch_is_written_is_illegal_and_changes_nothing() -> None:
    state, _ = play(seen(0.0, 1, UNDECIDED))
    state, _ = step(state, seen(0.1, 1, ACCEPT), RULES)
    before = state
    with pytest.raises(IllegalEventError):
        step(state, Nobody(0.2), RULES)
    assert state == before


CHALLENGING = Rules(challenge=When.ALWAYS)


def turning(
    *angles: float, decision: Decision = ACCEPT, at_s: float = 0.1, side: Side = Side.LEFT
) -> list[Event]:
    """Ten looks a second at a head that is turned to its own left by so many degrees."""
    return [
        Seen(at_s + i / 10, 1, decision, frozenset({1}), turn=Turn(a, a / 130), side=side)
        for i, a in enumerate(angles)
    ]


TURN = (0.0, 0.0, 5.0, 12.0, 20.0, 28.0, 30.0)


def reasons(effects: list[Effect]) -> list[str]:
    return [effect.reason for effect in effects if isinstance(effect, Reject)]


def test_under_always_an_accepted_face_is_recorded_after_it_turned_as_asked() -> None:
    _, effects = play(seen(0.0, 1, UNDECIDED), *turning(*TURN), rules=CHALLENGING)
    assert signals(effects) == [Signal.SEEN, Signal.TURN_LEFT, Signal.ACCEPTED]
    assert [e for e in effects if isinstance(e, Begin)] == [Begin(1), Begin(1)]
    _, effects = play(
        seen(0.0, 1, UNDECIDED),
        *turning(*(-a for a in TURN), side=Side.RIGHT),
        rules=CHALLENGING,
    )
    assert signals(effects)[1:] == [Signal.TURN_RIGHT, Signal.ACCEPTED]


def test_after_the_turn_amber_says_look_here_until_the_person_is_sure() -> None:
    asked, turn = turning(0.0), turning(*TURN, decision=UNDECIDED, at_s=0.2)
    back = turning(20.0, 8.0, at_s=0.9)
    _, effects = play(seen(0.0, 1, UNDECIDED), *asked, *turn, *back, rules=CHALLENGING)
    assert signals(effects) == [Signal.SEEN, Signal.TURN_LEFT, Signal.SEEN, Signal.ACCEPTED]


@pytest.mark.parametrize(
    "angles",
    [
        tuple(-a for a in TURN),
        (0.0, 0.0, 0.0, 30.0, 30.0),
        (0.0,) * 70,
    ],
    ids=["the wrong side", "a jump", "no turn in time"],
)
def test_a_failed_challenge_is_turned_down_without_a_name(angles: tuple[float, ...]) -> None:
    frames = turning(*angles)
    _, effects = play(seen(0.0, 1, UNDECIDED), *frames[:64], rules=CHALLENGING)
    (turned_down,) = [e for e in effects if isinstance(e, Reject)]
    assert turned_down.reason == "challenge_failed"
    assert turned_down.decision is not None
    assert turned_down.decision.person is None
    assert signals(effects)[-1] is Signal.REJECTED
    assert not any(isinstance(e, Punch) for e in effects)


def test_a_passed_challenge_still_needs_the_same_person_accepted() -> None:
    other = judged(Verdict.ACCEPT, "1002")
    for decision in (UNDECIDED, UNKNOWN, judged(Verdict.ATTACK), other):
        asked = turning(0.0)
        rest = turning(*TURN, *(30.0,) * 60, decision=decision, at_s=0.2)
        _, effects = play(seen(0.0, 1, UNDECIDED), *asked, *rest[:62], rules=CHALLENGING)
        assert reasons(effects) == ["challenge_failed"]
        assert not any(isinstance(e, Punch) for e in effects)


def test_a_bystander_in_between_is_not_read_as_the_one_who_was_asked() -> None:
    bystander = [
        Seen(0.3 + i / 10, 2, ACCEPT, frozenset({1, 2}), turn=Turn(30, 0.3)) for i in range(3)
    ]
    _, effects = play(seen(0.0, 1, UNDECIDED), *turning(0.0, 0.0), *bystander, rules=CHALLENGING)
    assert reasons(effects) == []
    assert not any(isinstance(e, Punch) for e in effects)


def test_who_leaves_during_a_challenge_is_turned_down() -> None:
    left: list[Event] = [Nobody(0.3), Nobody(0.6), Nobody(0.9)]
    _, effects = play(seen(0.0, 1, UNDECIDED), *turning(0.0, 0.0), *left, rules=CHALLENGING)
    assert reasons(effects) == ["challenge_failed"]


def test_low_scores_are_challenged_and_high_ones_are_not() -> None:
    rules = Rules(challenge=When.LOW_SCORES, low_live=0.8, low_score=0.6)
    for live, score, asked in ((0.9, 0.9, False), (0.7, 0.9, True), (0.9, 0.5, True)):
        decision = Decision(Verdict.ACCEPT, "1001", score, 0.5, 3, None)
        event = Seen(0.1, 1, decision, frozenset({1}), live=live)
        _, effects = play(seen(0.0, 1, UNDECIDED), event, rules=rules)
        assert (Signal.TURN_LEFT in signals(effects)) is asked
        assert (Signal.ACCEPTED in signals(effects)) is not asked
    pad_off = Seen(0.1, 1, ACCEPT, frozenset({1}), live=None)
    _, effects = play(seen(0.0, 1, UNDECIDED), pad_off, rules=rules)
    assert signals(effects)[-1] is Signal.TURN_LEFT


verdicts = st.sampled_from(list(Verdict))
people = st.sampled_from(["1001", "1002", "1003"])


@st.composite
def mornings(draw: st.DrawFn) -> list[Event]:
    at_s, events = 0.0, list[Event]()
    for _ in range(draw(st.integers(0, 50))):
        at_s += draw(st.floats(0.01, 2.0))
        if draw(st.booleans()):
            events.append(Nobody(at_s))
            continue
        verdict = draw(verdicts)
        person = draw(people) if verdict is Verdict.ACCEPT else None
        tracks = draw(st.sets(st.integers(1, 4), min_size=1))
        hint = draw(st.none() | st.sampled_from(list(Reason)))
        track = draw(st.sampled_from(sorted(tracks)))
        turn = draw(st.none() | st.builds(Turn, st.floats(-45, 45), st.floats(-0.4, 0.4)))
        decision, side = judged(verdict, person, hint), draw(st.sampled_from(list(Side)))
        events.append(Seen(at_s, track, decision, frozenset(tracks), turn=turn, side=side))
    return events


@st.composite
def visits(draw: st.DrawFn) -> list[Event]:
    """One accepted face that turns its head, in small steps, as it likes."""
    at_s, yaw, events = 0.0, 0.0, list[Event]()
    for _ in range(draw(st.integers(2, 40))):
        at_s += draw(st.sampled_from([0.07, 0.1, 0.2, 0.6]))
        yaw += draw(st.floats(-18, 18))
        decision = draw(st.sampled_from([ACCEPT, UNDECIDED, UNKNOWN]))
        turn, side = Turn(yaw, yaw / 130), draw(st.sampled_from(list(Side)))
        events.append(Seen(at_s, 1, decision, frozenset({1}), turn=turn, side=side))
    return events


@given(visits() | mornings())
def test_under_always_there_is_no_punch_without_a_turn_to_the_side_that_was_shown(
    visit: list[Event],
) -> None:
    state, asked, reached = State(), None, list[float]()
    for event in visit:
        state, effects = step(state, event, CHALLENGING)
        if asked is not None and isinstance(event, Seen) and event.turn is not None:
            reached.append(event.turn.yaw * asked.sign)
        for effect in effects:
            if effect in (Show(Signal.TURN_LEFT), Show(Signal.TURN_RIGHT)):
                asked = Side.LEFT if effect == Show(Signal.TURN_LEFT) else Side.RIGHT
                reached = []
            if isinstance(effect, Punch):
                assert asked is not None
                assert min(map(abs, reached)) <= CHALLENGING.limits.frontal
                assert max(reached) >= CHALLENGING.limits.turned
                asked = None
                state, _ = step(state, Committed(event.at_s), CHALLENGING)


WITH_READER = Rules(ask_badge=True)
AMBIGUOUS = judged(Verdict.AMBIGUOUS)


def asked() -> State:
    """Somebody between two look-alikes, who has been asked for a badge."""
    state, _ = step(State(), seen(0.0, 1, UNDECIDED), WITH_READER)
    state, effects = step(state, seen(0.5, 1, AMBIGUOUS), WITH_READER)
    assert effects == (Show(Signal.ASK_BADGE),)
    return state


def test_a_look_alike_is_asked_once_and_their_badge_and_face_together_are_a_punch() -> None:
    state, effects = step(asked(), seen(0.6, 1, AMBIGUOUS), WITH_READER)
    assert effects == ()
    state, effects = step(state, Claimed(2.0, "1001", "badge", verify=True), WITH_READER)
    assert effects == (Show(Signal.SEEN),)
    state, effects = step(state, Seen(2.1, 1, ACCEPT, frozenset({1}), claim="1001"), WITH_READER)
    assert effects == (Punch(Pending("1001", "badge", ACCEPT, face_matched=True)),)
    state, effects = step(state, Committed(2.1), WITH_READER)
    assert effects == (Show(Signal.ACCEPTED),)
    assert (state.claim, state.asked) == (None, False)


@pytest.mark.parametrize("verdict", [Verdict.UNKNOWN, Verdict.ATTACK])
def test_a_badge_counts_though_the_face_is_not_its_owners_and_that_is_noted(
    verdict: Verdict,
) -> None:
    state, _ = step(asked(), Claimed(2.0, "1002", "pin", verify=True), WITH_READER)
    other = judged(verdict)
    _, effects = step(state, Seen(2.1, 1, other, frozenset({1}), claim="1002"), WITH_READER)
    assert effects == (Punch(Pending("1002", "pin", other, face_matched=False)),)


def test_a_badge_waits_for_its_face_no_longer_than_it_takes() -> None:
    state, _ = step(asked(), Claimed(2.0, "1001", "badge", verify=True), WITH_READER)
    at_s = 2.0 + WITH_READER.verify_s
    _, effects = step(state, Seen(at_s, 1, UNDECIDED, frozenset({1}), claim="1001"), WITH_READER)
    assert effects == (Punch(Pending("1001", "badge", UNDECIDED, face_matched=False)),)


def test_who_shows_no_badge_is_turned_down_after_patience() -> None:
    late = 0.5 + WITH_READER.patience_s
    _, effects = step(asked(), seen(late, 1, AMBIGUOUS), WITH_READER)
    assert effects == (Reject("ambiguous", AMBIGUOUS), Show(Signal.REJECTED))


def test_a_terminal_without_a_reader_asks_for_no_badge() -> None:
    _, effects = play(seen(0.0, 1, UNDECIDED), seen(0.5, 1, AMBIGUOUS))
    assert signals(effects) == [Signal.SEEN, Signal.REJECTED]


@pytest.mark.parametrize(
    "event",
    [
        Seen(2.1, 1, ACCEPT, frozenset({1})),
        Seen(2.1, 1, ACCEPT, frozenset({1}), claim="1002"),
        Seen(2.1, 1, judged(Verdict.ACCEPT, "1002"), frozenset({1}), claim="1001"),
    ],
    ids=["identified", "another claim", "another person"],
)
def test_once_there_is_a_claim_any_other_decision_is_illegal(event: Seen) -> None:
    state, _ = step(asked(), Claimed(2.0, "1001", "badge", verify=True), WITH_READER)
    with pytest.raises(IllegalEventError):
        step(state, event, WITH_READER)


@pytest.mark.parametrize(
    "gone", [Nobody(4.0), seen(2.1, 2, UNDECIDED)], ids=["who left", "a face that took the place"]
)
def test_a_badge_counts_for(gone: Event) -> None:
    state, _ = step(asked(), Claimed(2.0, "1001", "badge", verify=True), WITH_READER)
    _, effects = step(state, gone, WITH_READER)
    assert effects == (Punch(Pending("1001", "badge")),)


def test_a_served_face_that_stays_does_not_end_the_visit_of_the_next_nor_begin_one() -> None:
    state, _ = play(seen(0.0, 1, UNDECIDED), seen(0.1, 1, ACCEPT), seen(1.5, 2, UNDECIDED, 1))
    state, effects = step(state, seen(1.6, 1, ACCEPT), RULES)  # 2 is missed for a frame
    assert (state.track, effects) == (2, ())
    state, effects = step(state, seen(2.5, 1, ACCEPT), RULES)  # 2 has left
    assert effects == (Left(None), Show(Signal.IDLE))
    _, effects = step(state, seen(2.6, 1, ACCEPT), RULES)
    assert effects == ()


def test_a_badge_alone_is_a_punch_where_there_is_no_face_to_compare() -> None:
    for before in ((), (seen(0.0, 1, UNDECIDED),)):
        _, effects = play(*before, Claimed(1.0, "1002", "badge"), rules=WITH_READER)
        assert effects[-2:] == [Punch(Pending("1002", "badge")), Show(Signal.ACCEPTED)]


def test_who_used_the_badge_is_not_turned_down_by_face_while_standing_there() -> None:
    stay = [seen(1.1 + i / 10, 1, UNKNOWN) for i in range(100)]
    _, effects = play(
        seen(0.9, 1, UNDECIDED), Claimed(1.0, "1002", "badge"), *stay, rules=WITH_READER
    )
    assert signals(effects) == [Signal.SEEN, Signal.ACCEPTED]


def test_a_wrong_pin_is_told_with_how_long_to_wait_and_recorded_without_a_name() -> None:
    state, effects = step(State(), Denied(1.0, Refusal.WAIT, 8.0), WITH_READER)
    assert effects == (Reject("wait"), Show(Signal.WRONG, Refusal.WAIT, 8.0))
    state, effects = step(state, Nobody(1.0 + WITH_READER.show_s), WITH_READER)
    assert (state.phase, effects) == (Phase.IDLE, (Show(Signal.IDLE),))


def failing(times: int, start_s: float = 0.0) -> list[Event]:
    """A face that is turned down so many times, each time after a step aside."""
    events: list[Event] = []
    for i in range(times):
        at_s = start_s + 5.0 * i
        events += [seen(at_s, 10 + i, UNDECIDED), seen(at_s + 0.5, 10 + i, UNKNOWN)]
        events += [Nobody(at_s + 2.0), Nobody(at_s + 3.0)]
    return events


def test_a_face_that_failed_three_times_is_offered_badge_and_pin_at_once_and_that_is_told() -> None:
    _, effects = play(*failing(2), rules=WITH_READER)
    assert not any(isinstance(effect, Offer) for effect in effects)
    _, effects = play(*failing(3), rules=WITH_READER)
    assert [e for e in effects if isinstance(e, Offer)] == [Offer(3, "unknown")]
    assert effects[effects.index(Offer(3, "unknown")) + 1] == Show(Signal.ASK_BADGE)
    _, effects = play(*failing(3))  # nothing to offer, but the supervisor hears of it
    assert effects[effects.index(Offer(3, "unknown")) + 1] == Show(Signal.REJECTED)


def test_failures_of_another_time_do_not_add_up() -> None:
    later = failing(2, start_s=20.0 + RULES.failures_s)
    _, effects = play(*failing(1), *later, rules=WITH_READER)
    assert not any(isinstance(effect, Offer) for effect in effects)


def asking(question: Question) -> State:
    """Somebody who was recognised, and whom one thing has to be asked first."""
    state, _ = play(seen(0.0, 1, UNDECIDED))
    state, _ = step(state, seen(0.1, 1, ACCEPT), RULES)
    state, effects = step(state, Asked(0.1, question), RULES)
    signal = Signal.CHOOSE if question is Question.DIRECTION else Signal.NOTICE
    assert effects == (Show(signal),)
    return state


def test_a_direction_that_is_required_is_asked_for_and_then_recorded() -> None:
    state, effects = step(asking(Question.DIRECTION), Did(2.0, Chose("break_start")), RULES)
    assert effects == (Punch(Pending("1001", "face", ACCEPT), "break_start"),)
    _, effects = step(state, Committed(2.0), RULES)
    assert effects == (Show(Signal.ACCEPTED),)


def test_the_notice_is_accepted_and_the_punch_follows_with_it() -> None:
    state, effects = step(asking(Question.NOTICE), Did(20.0, Agreed("2026-11-24")), RULES)
    assert effects == (Punch(Pending("1001", "face", ACCEPT), None, agreed=True),)
    state, _ = step(state, Asked(20.0, Question.DIRECTION), RULES)
    _, effects = step(state, Did(21.0, Chose("in")), RULES)
    assert effects == (Punch(Pending("1001", "face", ACCEPT), "in", agreed=True),)


@pytest.mark.parametrize("question", list(Question))
@pytest.mark.parametrize(
    "event",
    [Did(5.0, Declined()), Nobody(100.0), seen(100.0, 1, ACCEPT), seen(5.0, 2, ACCEPT)],
    ids=["put aside", "out of time", "out of time, still there", "another face in the place"],
)
def test_a_question_that_is_not_answered_leaves_no_punch(question: Question, event: Event) -> None:
    state, effects = step(asking(question), event, RULES)
    refusal = {
        Question.DIRECTION: Refusal.NOT_CHOSEN,
        Question.NOTICE: Refusal.NOTICE_NOT_ACCEPTED,
    }[question]
    assert effects == (Reject(refusal.value), Show(Signal.WRONG, refusal))
    assert state.phase is Phase.ANSWERED


def test_a_badge_is_not_kept_waiting_by_somebody_elses_question() -> None:
    _, effects = play(Claimed(2.0, "1002", "badge"), state=asking(Question.NOTICE))
    assert effects == [
        Reject("notice_not_accepted"),
        Punch(Pending("1002", "badge")),
        Show(Signal.ACCEPTED),
    ]


def test_a_button_pressed_before_counts_for_the_next_punch_alone_and_not_for_long() -> None:
    pressed = Did(0.0, Chose("out"))
    _, effects = play(pressed, seen(1.0, 1, UNDECIDED), seen(1.1, 1, ACCEPT))
    assert effects[0] == Show(Signal.CHOSEN)
    assert Punch(Pending("1001", "face", ACCEPT), "out") in effects
    other = judged(Verdict.ACCEPT, "1002")
    _, effects = play(
        *(pressed, seen(1.0, 1, UNDECIDED), seen(1.1, 1, ACCEPT), Nobody(3.0)),
        *(seen(4.0, 2, UNDECIDED), seen(4.1, 2, other)),
    )
    assert by_face(other) in effects
    late_s = RULES.choose_s
    _, effects = play(pressed, seen(late_s, 1, UNDECIDED), seen(late_s + 0.1, 1, ACCEPT))
    assert by_face(ACCEPT) in effects


def punched() -> tuple[State, Desk]:
    """Somebody whose punch was recorded at 0.1 s, and who still stands there."""
    desk = Desk()
    state, _ = play(seen(0.0, 1, UNDECIDED), seen(0.1, 1, ACCEPT), desk=desk)
    return state, desk


def test_the_same_face_takes_its_punch_back_within_ten_seconds() -> None:
    state, desk = punched()
    again: list[Event] = [seen(5.1, 1, UNDECIDED), seen(5.3, 1, ACCEPT)]
    state, effects = play(Did(5.0, UndoAsked()), *again, state=state, desk=desk)
    assert TakeBack("1001") in effects
    assert signals(effects)[-1] is Signal.UNDONE
    assert desk.punches == []
    assert state.intent is Intent.PUNCH


def test_another_face_takes_nothing_back_and_has_its_own_punch() -> None:
    state, desk = punched()
    other = judged(Verdict.ACCEPT, "1002")
    events: list[Event] = [Did(5.0, UndoAsked()), seen(5.1, 2, UNDECIDED), seen(5.3, 2, other)]
    _, effects = play(*events, state=state, desk=desk)
    assert not any(isinstance(effect, TakeBack) for effect in effects)
    assert [person for person, _ in desk.punches] == ["1001", "1002"]


def test_a_badge_takes_back_what_the_same_badge_recorded() -> None:
    desk = Desk()
    badge = Claimed(0.0, "1002", "badge")
    _, effects = play(badge, Did(5.0, UndoAsked()), replace(badge, at_s=6.0), desk=desk)
    assert signals(effects)[-1] is Signal.UNDONE
    assert desk.punches == []


def test_after_ten_seconds_it_is_too_late() -> None:
    state, _ = punched()
    late = Did(0.2 + RULES.undo_s, UndoAsked())
    _, effects = step(state, late, RULES)
    assert effects == (Show(Signal.WRONG, Refusal.TOO_LATE),)


def test_my_records_open_after_a_face_and_close_by_hand_or_when_nobody_touches_them() -> None:
    look = (seen(1.0, 1, UNDECIDED), seen(1.2, 1, ACCEPT))
    state, done = play(Did(0.0, Wanted(Intent.RECORDS)), *look)
    assert done[-2:] == [Show(Signal.OPENED), Open("1001", Intent.RECORDS)]
    state, effects = step(state, seen(2.0, 1, ACCEPT), RULES)
    assert effects == ()
    _, effects = step(state, Did(5.0, Closed()), RULES)
    assert effects == (Close(), Show(Signal.IDLE))
    state, _ = step(state, Touched(50.0), RULES)
    state, effects = step(state, Nobody(1.2 + RULES.session_s), RULES)
    assert effects == ()
    _, effects = step(state, Nobody(50.0 + RULES.session_s), RULES)
    assert effects == (Close(), Show(Signal.IDLE))


def test_a_badge_alone_opens_nobodys_records_and_with_the_pin_it_does() -> None:
    state, _ = step(State(), Did(0.0, Wanted(Intent.RECORDS)), WITH_READER)
    state, effects = step(state, Claimed(1.0, "1001", "badge"), WITH_READER)
    assert effects == (Show(Signal.WRONG, Refusal.PIN_NEEDED),)
    _, effects = step(state, Claimed(2.0, "1001", "pin"), WITH_READER)
    assert effects == (Show(Signal.OPENED), Open("1001", Intent.RECORDS))


def test_somebody_elses_badge_closes_what_is_open_first() -> None:
    state, _ = play(Did(0.0, Wanted(Intent.RECORDS)), Claimed(1.0, "1001", "pin"))
    _, effects = play(Claimed(2.0, "1002", "badge"), state=state)
    assert effects == [Close(), Punch(Pending("1002", "badge")), Show(Signal.ACCEPTED)]


def test_who_forgot_both_is_told_that_headquarters_must_approve() -> None:
    _, effects = play(Declares(0.0, "1002"), rules=WITH_READER)
    assert effects == [Declare("1002"), Show(Signal.WAITING)]


def test_while_the_camera_is_lost_idle_says_badge_or_pin() -> None:
    rules = Rules(ask_badge=True, idle=Signal.BADGE_ONLY)
    _, effects = play(Claimed(0.0, "1002", "badge"), Nobody(1.0), Nobody(3.0), rules=rules)
    assert signals(effects) == [Signal.ACCEPTED, Signal.BADGE_ONLY]


@st.composite
def sequences(draw: st.DrawFn) -> list[Event]:
    """Anything that can happen at a door, in any order; decisions follow the claim when played."""
    at_s, events = 0.0, list[Event]()
    for _ in range(draw(st.integers(1, 50))):
        at_s += draw(st.sampled_from([0.05, 0.1, 0.5, 1.5, 4.0, 15.0, 70.0]))
        person = draw(people)
        actions: list[Chose | UndoAsked | Wanted | Agreed | Declined | Closed]
        actions = [Chose("out"), UndoAsked(), Agreed("1"), Declined(), Closed()]
        actions += [Wanted(intent) for intent in (Intent.PUNCH, Intent.RECORDS, Intent.STAFF)]
        method: Literal["badge", "pin"] = draw(st.sampled_from(["badge", "pin"]))
        possible: list[Event] = [
            Nobody(at_s),
            Claimed(at_s, person, method, draw(st.booleans())),
            Denied(at_s, draw(st.sampled_from(list(Refusal))), 2.0),
            Declares(at_s, person),
            Touched(at_s),
            Did(at_s, draw(st.sampled_from(actions))),
        ]
        possible += [
            seen(at_s, track, judged(verdict, person)) for track in (1, 2) for verdict in Verdict
        ]
        events.append(draw(st.sampled_from(possible)))
    return events


def fitting(event: Event, state: State) -> Event:
    """The event as it can come in this state: a decision is on the claim, or names nobody."""
    if not isinstance(event, Seen):
        return event
    claim = state.claim if event.track == state.track else None
    accepted = event.decision.verdict is Verdict.ACCEPT
    person = (claim or event.decision.person) if accepted else None
    return replace(event, claim=claim, decision=replace(event.decision, person=person))


class UnreliableDesk(Desk):
    """A desk that asks, or cannot write, as it is told."""

    def __init__(self, answers: list[str]) -> None:
        super().__init__()
        self._answers = answers

    def answer(self, effect: Effect, at_s: float) -> Written | None:
        word = self._answers.pop() if self._answers else "write"
        if isinstance(effect, Punch) and word in ("direction", "notice"):
            if word == "direction" and effect.direction is None:
                return Asked(at_s, Question.DIRECTION)
            if word == "notice" and not effect.agreed:
                return Asked(at_s, Question.NOTICE)
        if isinstance(effect, Punch | TakeBack | Declare) and word == "full":
            return NotCommitted(at_s)
        return super().answer(effect, at_s)


answers = st.lists(st.sampled_from(["write", "write", "full", "direction", "notice"]), max_size=30)
all_rules = st.sampled_from([RULES, CHALLENGING, WITH_READER])


DRAWN = {(before, after) for before, _, after in walk()[0]}


def _names(event: Event, person: str) -> bool:
    return isinstance(event, Claimed) and event.person == person


@given(sequences(), answers, all_rules)
def test_whatever_happens_the_door_is_idle_again_and_green_has_a_record(
    events: list[Event], words: list[str], rules: Rules
) -> None:
    desk, state = UnreliableDesk(words), State()
    end_s = events[-1].at_s
    quiet = [Nobody(end_s + 0.5 * i) for i in range(1, 10)] + [
        Nobody(end_s + rules.notice_s + 10 * i) for i in range(1, 8)
    ]
    for event in [*events, *quiet]:
        waiting: list[Event] = [fitting(event, state)]
        while waiting:
            now, before = waiting.pop(), state.phase
            state, effects = step(state, now, rules)
            shown = {e.signal for e in effects if isinstance(e, Show)}
            assert before is state.phase or (before, state.phase) in DRAWN
            if shown & {Signal.ACCEPTED, Signal.UNDONE, Signal.WAITING}:
                assert isinstance(now, Committed)
            for effect in effects:
                if isinstance(effect, Punch) and effect.who.method != "face":
                    assert any(_names(e, effect.who.person) for e in events)
                written = desk.answer(effect, now.at_s)
                if written is not None:
                    waiting.append(written)
    assert state.phase is Phase.IDLE
    assert (state.served, state.pending, state.question, state.claim) == ((), None, None, None)
    assert (state.intent, state.choice) == (Intent.PUNCH, None)
    for person in ("1001", "1002", "1003"):
        times = [at_s for who, at_s in desk.punches if who == person]
        assert all(later - earlier >= REPEAT_S for earlier, later in pairwise(times))
