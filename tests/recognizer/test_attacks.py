"""The attack renderer: seeded, shaped like camera frames, and each species what it says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from recognizer.attacks import HEIGHT, WIDTH, Portrait, Species, render_attack, render_bona_fide
from recognizer.faces import Image


@pytest.fixture(scope="module")
def portrait(photos: dict[str, Path]) -> Portrait:
    photo = np.asarray(cv2.imread(str(photos["astronaut"])), dtype=np.uint8)
    return Portrait(photo, (172.0, 60.0, 102.0, 130.0))


def frames(portrait: Portrait, species: Species, seed: int, count: int = 2) -> list[Image]:
    return list(render_attack(portrait, species, seed, count))


@pytest.mark.parametrize("species", list(Species))
def test_the_same_seed_renders_the_same_frames_and_another_seed_others(
    portrait: Portrait, species: Species
) -> None:
    one, again = frames(portrait, species, 3), frames(portrait, species, 3)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], frames(portrait, species, 4)[0])
    assert one[0].shape == (HEIGHT, WIDTH, 3)
    assert one[0].dtype == np.uint8


def test_what_is_held_moves(portrait: Portrait) -> None:
    shown = frames(portrait, Species.PRINT, 3, 4)
    assert all(np.abs(a.astype(int) - b).mean() > 1 for a, b in pairwise(shown))


def test_a_print_is_duller_and_a_screen_bluer_than_the_photo(portrait: Portrait) -> None:
    def face(image: Image) -> Image:
        return image[180:240, 290:350]

    live = face(next(iter(render_bona_fide(portrait, 3))))
    printed = face(frames(portrait, Species.PRINT, 3)[0])
    shown = face(frames(portrait, Species.SCREEN, 3)[0])

    def chroma(image: Image) -> float:
        return float(np.ptp(image.reshape(-1, 3).mean(axis=0)))

    def blue(image: Image) -> float:
        means = image.reshape(-1, 3).mean(axis=0)
        return float(means[0] / means.sum())

    assert chroma(printed) < chroma(live)
    assert blue(shown) > blue(live)
