"""The idle gate on rendered frames: what it passes over, and that it is never late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morning.cast import Person
from morning.walkup import HEIGHT, WIDTH, Image, camera, view
from recognizer.errors import ImageError
from recognizer.idle import IdleGate, IdleLimits
from recognizer.opening import RecognizerSettings, open_parts

FPS = 10
LIMITS = IdleLimits()


def room() -> Image:
    wall = np.full((HEIGHT, WIDTH, 3), (150, 160, 165), dtype=np.uint8)
    wall = np.asarray(wall * np.linspace(0.7, 1.0, WIDTH)[None, :, None], dtype=np.uint8)
    cv2.rectangle(wall, (220, 40), (430, HEIGHT), (90, 105, 120), -1)
    return wall


def empty(frames: int, exposure: float = 1.0, flicker: float = 0.0) -> list[Image]:
    rng = np.random.default_rng(1)
    light = [exposure * (1 + flicker * np.sin(2.1 * i)) for i in range(frames)]
    return [camera(room(), exposure=e, motion_px=0, rng=rng) for e in light]


def entering(person: Person) -> Iterator[Image]:
    """A head that comes in from the left of the same room."""
    rng = np.random.default_rng(2)
    for i in range(20):
        px, at = 60 + 2 * i, (-0.05 + 0.03 * i, 0.4)
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
        centre = (int(at[0] * WIDTH), int(at[1] * HEIGHT))
        cv2.ellipse(mask, centre, (int(px * 0.62), int(px * 0.85)), 0, 0, 360, 1.0, -1)
        soft = cv2.GaussianBlur(mask, (0, 0), 3)[..., None]
        head = view(person.walks[0], px, at, (WIDTH, HEIGHT))
        frame = np.asarray(head * soft + room() * (1 - soft), dtype=np.uint8)
        yield camera(frame, exposure=1.0, motion_px=0, rng=rng)


def watch(gate: IdleGate, frames: list[Image], seconds: float, anybody: bool = False) -> list[bool]:
    """What the gate said of the frames, shown again and again from second 0 on."""
    said = []
    for i in range(round(seconds * FPS)):
        said.append(gate.wakes(frames[i % len(frames)], i / FPS))
        if said[-1]:
            gate.saw(anybody)
    return said


@pytest.mark.parametrize(("exposure", "flicker"), [(1.0, 0.0), (1.0, 0.1), (0.3, 0.1)])
def test_an_empty_door_is_looked_at_once_a_second(exposure: float, flicker: float) -> None:
    said = watch(IdleGate(), empty(10, exposure, flicker), 10)
    assert all(said[: round(LIMITS.settle_s * FPS)])
    assert sum(said[round(LIMITS.settle_s * FPS) :]) == pytest.approx(7, abs=1)


def test_who_stands_still_is_looked_at_in_every_frame() -> None:
    assert all(watch(IdleGate(), empty(2), 8, anybody=True))


def test_who_left_without_a_change_of_the_picture_is_waited_for() -> None:
    frames, gate = empty(2), IdleGate()
    watch(gate, frames, 8, anybody=True)
    after = [gate.wakes(frames[0], 8 + i / FPS) for i in range(3)]
    assert all(after), "the last frame showed somebody"


def test_the_first_frame_with_a_face_is_never_passed_over(
    weights_dir: Path, cast: list[Person]
) -> None:
    detector = open_parts(weights_dir, RecognizerSettings(pad=False)).detector
    for person in cast[:2]:
        gate = IdleGate()
        assert not watch(gate, empty(3), 5.5)[-1], "it sleeps"
        for i, frame in enumerate(entering(person)):
            woken, faces = gate.wakes(frame, 5.5 + i / FPS), detector.detect(frame)
            assert woken or not faces
            if woken:
                gate.saw(bool(faces))
            if faces:
                break
        else:
            pytest.fail("nobody was found, gate or no gate")


@settings(max_examples=25)
@given(
    st.integers(0, HEIGHT - 16),
    st.integers(0, WIDTH - 16),
    st.sampled_from([-40, 40]),
)
def test_whatever_changes_anywhere_wakes_in_that_frame(y: int, x: int, by: int) -> None:
    gate, grey = IdleGate(), np.full((HEIGHT, WIDTH, 3), 120, dtype=np.uint8)
    assert not watch(gate, [grey], 5.5)[-1]
    changed = grey.copy()
    changed[y : y + 16, x : x + 16] += np.int8(by).astype(np.uint8)
    assert gate.wakes(changed, 5.5)


def test_a_camera_that_changes_its_size_wakes() -> None:
    gate = IdleGate()
    watch(gate, empty(2), 5.5)
    assert gate.wakes(np.full((360, 640, 3), 120, dtype=np.uint8), 5.5)


def test_what_is_no_picture_is_said_and_changes_nothing() -> None:
    gate, frames = IdleGate(), empty(2)
    watch(gate, frames, 5.5)
    with pytest.raises(ImageError):
        gate.wakes(np.zeros((0, 0, 3), dtype=np.uint8), 5.5)
    assert not gate.wakes(frames[0], 5.5)
