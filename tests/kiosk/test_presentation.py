"""The presentation state machine, with no camera, clock or disk."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.indicators import Signal
from kiosk.presentation import IllegalEventError, step
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
    Show,
    State,
    When,
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


def play(
    *events: Event, state: State | None = None, rules: Rules = RULES
) -> tuple[State, list[Effect]]:
    """Feed events; a punch that is asked for is written at once, as the daemon does."""
    state, done = state or State(), list[Effect]()
    waiting = list(events)
    while waiting:
        event = waiting.pop(0)
        state, effects = step(state, event, rules)
        done += effects
        if any(isinstance(effect, Punch) for effect in effects):
            waiting.insert(0, Committed(event.at_s))
    return state, done


def signals(effects: list[Effect]) -> list[Signal]:
    return [effect.signal for effect in effects if isinstance(effect, Show)]


def test_a_known_face_is_seen_recorded_and_then_greeted() -> None:
    state, effects = play(seen(0.0, 1, UNDECIDED), seen(0.1, 1, UNDECIDED), seen(0.2, 1, ACCEPT))
    assert effects == [
        Show(Signal.SEEN),
        Begin(1),
        Punch(ACCEPT),
        Show(Signal.ACCEPTED),
    ]
    assert state.phase is Phase.ANSWERED


def test_a_punch_that_cannot_be_written_shows_a_fault_and_never_green() -> None:
    state, _ = step(State(), seen(0.0, 1, UNDECIDED), RULES)
    state, effects = step(state, seen(0.1, 1, ACCEPT), RULES)
    assert effects == (Punch(ACCEPT),)
    state, effects = step(state, NotCommitted(0.1), RULES)
    assert effects == (Show(Signal.FAULT),)
    assert state.phase is Phase.ANSWERED
    assert state.accepted == ()


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
    _, effects = play(*first, *left, *again)
    assert sum(isinstance(effect, Punch) for effect in effects) == 1
    assert Repeat(ACCEPT) in effects
    assert signals(effects)[-1] is Signal.ALREADY
    later: list[Event] = [
        Nobody(70.0),
        Nobody(71.0),
        seen(72.0, 3, UNDECIDED),
        seen(72.1, 3, ACCEPT),
    ]
    _, effects = play(*first, *left, *again, *later)
    assert sum(isinstance(effect, Punch) for effect in effects) == 2


def test_two_people_at_once_are_served_one_after_the_other() -> None:
    other = judged(Verdict.ACCEPT, "1002")
    _, effects = play(
        seen(0.0, 1, UNDECIDED, 2),
        seen(0.1, 1, ACCEPT, 2),
        seen(0.2, 2, other, 1),  # the answer to the first is still shown
        seen(1.5, 2, UNDECIDED, 1),
        seen(1.6, 2, other, 1),
    )
    punches = [e.decision.person for e in effects if isinstance(e, Punch)]
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


@given(mornings(), st.sampled_from([RULES, CHALLENGING]))
def test_every_morning_ends_idle_once_everybody_left(morning: list[Event], rules: Rules) -> None:
    end = morning[-1].at_s if morning else 0.0
    state, _ = play(*morning, *(Nobody(end + i * 0.5) for i in range(1, 12)), rules=rules)
    assert state.phase is Phase.IDLE
    assert state.served == ()


@given(mornings())
def test_green_never_comes_without_a_record_and_no_window_holds_two_punches(
    morning: list[Event],
) -> None:
    last: dict[str, float] = {}
    state = State()
    for event in morning:
        state, effects = step(state, event, RULES)
        assert Show(Signal.ACCEPTED) not in effects
        for effect in effects:
            if isinstance(effect, Punch) and effect.decision.person:
                person = effect.decision.person
                assert event.at_s - last.get(person, -1e9) >= RULES.repeat_s
                last[person] = event.at_s
                state, effects = step(state, Committed(event.at_s), RULES)
                assert effects == (Show(Signal.ACCEPTED),)


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
    state, effects = step(state, Claimed(2.0, "1001", "badge"), WITH_READER)
    assert effects == (Show(Signal.SEEN),)
    state, effects = step(state, Seen(2.1, 1, ACCEPT, frozenset({1}), claim="1001"), WITH_READER)
    assert effects == (Punch(ACCEPT, "badge"),)
    state, effects = step(state, Committed(2.1), WITH_READER)
    assert effects == (Show(Signal.ACCEPTED),)
    assert (state.claim, state.asked) == (None, False)


def test_a_badge_of_somebody_else_is_turned_down() -> None:
    state, _ = step(asked(), Claimed(2.0, "1002", "pin"), WITH_READER)
    _, effects = step(state, Seen(2.1, 1, UNKNOWN, frozenset({1}), claim="1002"), WITH_READER)
    assert effects == (Reject("not_verified", UNKNOWN), Show(Signal.REJECTED))


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
    state, _ = step(asked(), Claimed(2.0, "1001", "badge"), WITH_READER)
    with pytest.raises(IllegalEventError):
        step(state, event, WITH_READER)


def test_a_claim_with_nobody_looked_at_changes_nothing() -> None:
    assert step(State(), Claimed(0.0, "1001", "badge"), WITH_READER) == (State(), ())


def test_a_claim_ends_with_its_presentation() -> None:
    state, _ = step(asked(), Claimed(2.0, "1001", "badge"), WITH_READER)
    state, effects = step(state, seen(2.1, 2, UNDECIDED), WITH_READER)
    assert effects == (Begin(2),)
    assert state.claim is None


def test_a_served_face_that_stays_does_not_end_the_visit_of_the_next_nor_begin_one() -> None:
    state, _ = play(seen(0.0, 1, UNDECIDED), seen(0.1, 1, ACCEPT), seen(1.5, 2, UNDECIDED, 1))
    state, effects = step(state, seen(1.6, 1, ACCEPT), RULES)  # 2 is missed for a frame
    assert (state.track, effects) == (2, ())
    state, effects = step(state, seen(2.5, 1, ACCEPT), RULES)  # 2 has left
    assert effects == (Left(None), Show(Signal.IDLE))
    _, effects = step(state, seen(2.6, 1, ACCEPT), RULES)
    assert effects == ()


steps = st.tuples(
    st.floats(0.01, 2.0),
    st.integers(1, 3),
    verdicts,
    people,
    st.none() | st.tuples(people, st.sampled_from(["badge", "pin"])),
)


@given(st.lists(steps, max_size=50))
def test_with_claims_every_punch_is_for_the_person_claimed_and_green_follows_the_record(
    morning: list[tuple[float, int, Verdict, str, tuple[str, Literal["badge", "pin"]] | None]],
) -> None:
    state, at_s = State(), 0.0
    for passed, track, verdict, person, claimed in morning:
        at_s += passed
        if claimed:
            state, effects = step(state, Claimed(at_s, *claimed), WITH_READER)
            assert set(effects) <= {Show(Signal.SEEN)}
        claim = state.claim if state.track == track else None
        named = (claim or person) if verdict is Verdict.ACCEPT else None
        decision = judged(verdict, named)
        event = Seen(at_s, track, decision, frozenset({track}), claim)
        state, effects = step(state, event, WITH_READER)
        assert Show(Signal.ACCEPTED) not in effects
        for punch in (effect for effect in effects if isinstance(effect, Punch)):
            assert punch.decision.verdict is Verdict.ACCEPT
            assert (punch.method == "face") is (claim is None)
            assert claim in (None, punch.decision.person)
            state, effects = step(state, Committed(at_s), WITH_READER)
            assert effects == (Show(Signal.ACCEPTED),)
    end = [Nobody(at_s + i * 0.5) for i in range(1, 12)]
    for nobody in end:
        state, _ = step(state, nobody, WITH_READER)
    assert (state.phase, state.claim) == (Phase.IDLE, None)
