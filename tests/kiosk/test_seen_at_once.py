"""Amber comes when a face is found, not when all networks are done with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast as typed

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.cameras import Frame
from kiosk.indicators import Signal
from kiosk.presentation import begins, step
from kiosk.sight import Sight
from kiosk.stores import open_stores
from kiosk.visit import Committed, Nobody, Phase, Rules, Seen, Served, Show, State
from kiosk.watchman import Watchman
from recognizer.decision import Decision, DecisionPolicy, Verdict
from recognizer.evidence import Evidence
from recognizer.faces import Face, Image
from recognizer.pipeline import Look, Recognizer
from recognizer.quality_limits import Quality
from recognizer.tracker import TrackedFace
from store.machine import Health
from tests.kiosk.made import Lamps, StoppedClock, door, terminal

GOOD = Quality(150, 70, 0, 0, 0, 0, 0.5, 200, 20, 50, 1, 1, 0.7, 1.0, None)
RULES = Rules()


class Eyes:
    """Somebody in every frame; `renamed` is whose the face turns out to be when it was embedded."""

    model_digest = "ab" * 32

    def __init__(self, lamps: Lamps, renamed: Callable[[int], int] = lambda track: track) -> None:
        self.lamps, self.renamed, self.looks = lamps, renamed, 0
        self.on_subject: Callable[[int, float], None] = lambda *_: None
        self.when_judged: list[list[Signal]] = []

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        self.looks += 1
        self.on_subject(self.looks, at_s)
        self.when_judged.append(list(self.lamps.shown))
        track = self.renamed(self.looks)
        face = Face((250, 170, 140, 160), np.zeros((5, 2), dtype=np.float32), 1.0)
        evidence = Evidence(track, at_s, face, GOOD, 0.99, False, np.ones(1, dtype=np.float32))
        return Look((TrackedFace(track, face),), evidence)


class Never:
    """A policy that decides what it is told."""

    threshold, beyond = 0.5, 0.0

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict

    def decide(self, evidence: list[Evidence], matcher: object) -> Decision:
        return Decision(self.verdict, None, 0.1, 0.0, len(evidence), None)


class Film:
    def __init__(self, times: list[float]) -> None:
        self.times = times

    def frames(self) -> Iterator[Frame]:
        black = np.zeros((480, 640, 3), dtype=np.uint8)
        return (Frame(black, at_s) for at_s in self.times)


def test_amber_is_shown_before_the_face_is_judged_and_once(tmp_path: Path) -> None:
    lamps = Lamps()
    eyes = Eyes(lamps, renamed=lambda _: 1)
    config = terminal(tmp_path)
    with open_stores(config) as stores:
        film = Film([0.0, 0.07])
        door(config, stores, eyes, lamps, Never(Verdict.UNDECIDED)).run(film)
    assert eyes.when_judged[0] == [Signal.IDLE, Signal.SEEN]
    assert lamps.shown.count(Signal.SEEN) == 1


def test_who_turns_out_to_have_had_an_answer_is_shown_what_was_shown_before(
    tmp_path: Path,
) -> None:
    lamps = Lamps()
    eyes = Eyes(lamps, renamed=lambda _: 1)
    config = terminal(tmp_path)
    with open_stores(config) as stores:
        # Turned down in the second frame; the third comes after the answer was shown.
        film = Film([0.0, 0.07, 0.07 + RULES.show_s])
        door(config, stores, eyes, lamps, Never(Verdict.UNKNOWN)).run(film)
    answer = lamps.shown[2]
    assert answer not in (Signal.IDLE, Signal.SEEN)
    assert lamps.shown == [Signal.IDLE, Signal.SEEN, answer, Signal.SEEN, answer]


def test_a_face_that_was_turned_down_is_judged_in_full_once_its_badge_is_there(
    tmp_path: Path,
) -> None:
    asked: list[frozenset[int]] = []

    class Asked(Eyes):
        def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
            asked.append(served)
            return super().look(image, at_s, served)

    config = terminal(tmp_path)
    turned_down = (Served(1, 0.0, 0.0, final=False), Served(2, 0.0, 0.0, final=True))
    frame = Frame(np.zeros((480, 640, 3), dtype=np.uint8), 1.0)
    with open_stores(config) as stores:
        sight = Sight(
            config,
            stores,
            typed(Recognizer, Asked(Lamps())),
            lambda _: typed(DecisionPolicy, Never(Verdict.UNDECIDED)),
            lambda _: 0.5,
            StoppedClock(),
            Watchman(config, stores, Health, tuple),
        )
        sight.refresh()
        sight.see(frame, State(track=1, phase=Phase.ANSWERED, served=turned_down))
        sight.see(frame, State(track=1, phase=Phase.LOOKING, served=turned_down))
    assert asked == [frozenset({1, 2}), frozenset({2})]


SEEN = st.tuples(st.integers(0, 3), st.sampled_from(list(Verdict)), st.floats(0.05, 3.0))


@settings(max_examples=60)
@given(st.lists(SEEN, max_size=20))
def test_what_is_shown_beforehand_is_what_the_machine_says(
    moments: list[tuple[int, Verdict, float]],
) -> None:
    state, at_s = State(), 0.0
    for track, verdict, passed in moments:
        at_s += passed
        if track == 0:
            state, _ = step(state, Nobody(at_s), RULES)
            continue
        person = "1001" if verdict in (Verdict.ACCEPT, Verdict.AMBIGUOUS) else None
        decision = Decision(verdict, person, 0.9, 0.5, 3, None)
        expected = begins(state, track, at_s, RULES)
        state, effects = step(state, Seen(at_s, track, decision, frozenset({track})), RULES)
        assert (Show(Signal.SEEN) in effects) == expected
        if state.phase is Phase.COMMITTING:
            state, _ = step(state, Committed(at_s), RULES)
