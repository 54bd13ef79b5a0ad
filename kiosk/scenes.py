"""Faces to calibrate and judge networks on: those of photos, and attacks rendered from the first.

The photos' faces are living people's. So that a PAD network meets both sides of its decision,
one frame of each kind of attack is rendered (SYNTHETIC) from the first `ATTACKED` photos.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kiosk.errors import PhotoSetError
from kiosk.photo_sets import PhotoSet, acquire, read_photo
from recognizer.align import align
from recognizer.attacks import Portrait, Species, render_attack
from recognizer.faces import Face, Image
from recognizer.pipeline import Recognizer

# Too few faces calibrate to their own peculiarities; 55 were tried (docs/tuning.md).
LEAST_FACES = 20
ATTACKED = 12


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A (h, w, 3) uint8 BGR picture and the face in it; `person` None is an attack."""

    image: Image
    face: Face
    person: str | None


@dataclass(frozen=True, slots=True, eq=False)
class Scenes:
    """`crops` (n, 112, 112, 3) uint8 and `people` are of the living faces alone, in order."""

    all: tuple[Scene, ...]
    crops: NDArray[np.uint8]
    people: tuple[str, ...]


def gather(eyes: Recognizer, photos: PhotoSet, advance: Callable[[], None]) -> Scenes:
    """The usable faces of a folder a person; `advance` is called after each photo.

    Raises `PhotoSetError` for a pairs file, for fewer than `LEAST_FACES` faces or two people.
    """
    if photos.pairs is not None:
        raise PhotoSetError("optimising needs a folder a person, not a pairs file")
    acquired = acquire(eyes, photos.photos, advance)
    if len(acquired.photos) < LEAST_FACES or acquired.people < 2:
        raise PhotoSetError(
            f"{len(acquired.photos)} usable faces of {acquired.people} people: {LEAST_FACES} faces "
            "of two people at least are needed"
        )
    living: list[Scene] = []
    for photo, face in zip(acquired.photos, acquired.faces, strict=True):
        image = read_photo(photo.path)
        if isinstance(image, str):
            raise PhotoSetError(f"{photo.name} was readable and is {image} now")
        living.append(Scene(image, face, photo.person))
    crops = np.stack([align(scene.image, scene.face.landmarks) for scene in living])
    people = tuple(photo.person for photo in acquired.photos)
    return Scenes((*living, *_attacks(eyes, living[:ATTACKED])), crops, people)


def _attacks(eyes: Recognizer, living: list[Scene]) -> list[Scene]:
    found: list[Scene] = []
    for seed, scene in enumerate(living):
        portrait = Portrait(scene.image, scene.face.box)
        for species in Species:
            frame = next(render_attack(portrait, species, seed, frames=1))
            faces = eyes.embed_photo(frame)
            if faces:
                found.append(Scene(frame, faces[0].face, None))
    return found
