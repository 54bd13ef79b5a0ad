"""Rendered walk-ups through the recogniser and the presentation machine: who gets which answer."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from kiosk.presentation import step
from kiosk.visit import (
    Begin,
    Committed,
    Effect,
    Nobody,
    Punch,
    Reject,
    Rules,
    Seen,
    State,
)
from morning.cast import Person, portrait
from morning.walkup import FPS, HEIGHT, WIDTH, Image, Walk, camera, side_by_side, view
from recognizer.calibration import threshold
from recognizer.decision import DecisionPolicy
from recognizer.matcher import Matcher
from recognizer.pipeline import Evidence, Recognizer, RecognizerSettings, open_recognizer

NO_PAD = RecognizerSettings(pad=False)
RULES = Rules()


@pytest.fixture(scope="module")
def gallery(weights_dir: Path, cast: list[Person]) -> Matcher:
    eyes = open_recognizer(weights_dir, NO_PAD)
    numbers, templates = [], []
    for person in cast:
        if person.number is not None:
            (found,) = eyes.embed_photo(portrait(person.walks[0]))
            assert found.embedding is not None
            numbers.append(person.number)
            templates.append(found.embedding)
    return Matcher(numbers, np.stack(templates))


@pytest.fixture
def eyes(weights_dir: Path) -> Recognizer:
    return open_recognizer(weights_dir, NO_PAD)


def serve(eyes: Recognizer, gallery: Matcher, images: Iterable[Image]) -> list[Effect]:
    """What the machine asks for, each punch written at once, as the daemon does."""
    policy = DecisionPolicy(threshold(len(gallery), 0.003, eyes.calibration))
    state, evidence, done = State(), list[Evidence](), list[Effect]()
    for i, image in enumerate(images):
        at_s = i / FPS
        look = eyes.look(image, at_s, frozenset(s.track for s in state.served))
        subject = look.subject
        if subject is None:
            state, effects = step(state, Nobody(at_s), RULES)
        else:
            assert subject.track in {face.track for face in look.faces}
            evidence = [*(e for e in evidence if e.track == subject.track), subject]
            visible = frozenset(face.track for face in look.faces)
            decision = policy.decide(evidence, gallery)
            state, effects = step(state, Seen(at_s, subject.track, decision, visible), RULES)
        done += effects
        if any(isinstance(effect, Punch) for effect in effects):
            state, effects = step(state, Committed(at_s), RULES)
            done += effects
    return done


def answers(effects: list[Effect]) -> list[str | None]:
    """Whom each answer was for; None is somebody turned down."""
    return [
        e.who.person if isinstance(e, Punch) else None
        for e in effects
        if isinstance(e, Punch | Reject)
    ]


def standing(person: Person, frames: int, seed: int, centre: float = 0.5) -> list[Image]:
    """Somebody on the spot: one view, swaying by a few pixels, each frame with its own noise."""
    rng = np.random.default_rng(seed)
    still = view(person.walks[0], 145, (centre, 0.42), (WIDTH, HEIGHT))
    return [
        camera(np.roll(still, rng.integers(-3, 4), axis=1), exposure=1.0, motion_px=0, rng=rng)
        for _ in range(frames)
    ]


def test_two_people_at_once_are_served_one_after_the_other(
    eyes: Recognizer, gallery: Matcher, cast: list[Person]
) -> None:
    leo, ben = cast[3], cast[1]
    both = side_by_side(leo.walks[0], ben.walks[0], Walk(2.4, from_px=120), 5)
    assert answers(serve(eyes, gallery, both)) == [leo.number, ben.number]


def test_one_person_who_stands_still_for_over_forty_frames_is_one_presentation(
    eyes: Recognizer, gallery: Matcher, cast: list[Person]
) -> None:
    effects = serve(eyes, gallery, standing(cast[0], 44, 1))
    assert answers(effects) == [cast[0].number]
    assert sum(isinstance(effect, Begin) for effect in effects) == 1


def test_somebody_who_takes_the_place_of_another_in_the_same_box_is_served_too(
    eyes: Recognizer, gallery: Matcher, cast: list[Person]
) -> None:
    ben, cleo = cast[1], cast[2]
    swap = [*standing(ben, 12, 1), *standing(cleo, 28, 2)]
    assert answers(serve(eyes, gallery, swap)) == [ben.number, cleo.number]


def test_a_swap_before_the_answer_fuses_nothing(
    eyes: Recognizer, gallery: Matcher, cast: list[Person]
) -> None:
    swap = [*standing(cast[1], 2, 1), *standing(cast[2], 6, 2)]
    effects = serve(eyes, gallery, swap)
    assert answers(effects) == [cast[2].number]
    (punch,) = [e for e in effects if isinstance(e, Punch)]
    assert punch.who.decision is not None
    assert punch.who.decision.frames == DecisionPolicy(0.5).min_frames


def test_who_was_served_and_jumps_across_the_frame_is_not_served_again(
    eyes: Recognizer, gallery: Matcher, cast: list[Person]
) -> None:
    left = standing(cast[1], 8, 1, centre=0.25)
    right = standing(cast[1], 28, 2, centre=0.75)
    effects = serve(eyes, gallery, [*left, *right])
    assert answers(effects) == [cast[1].number]
    assert sum(isinstance(effect, Begin) for effect in effects) == 1
