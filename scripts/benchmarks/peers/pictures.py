"""What all peers are shown: arrays in files, so that nobody's time or memory has the decoding.

People of the photographs that packages ship walk up (`morning.walkup`); a folder with a sub-folder
a person gives single photos. The first three photos of each enrol, the others are shown, and of
the folder's people the last stays a stranger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from morning.cast import Person, read
from morning.walkup import FPS, Image, Walk, walk_up

_ENROL = 3
_PICTURES = frozenset({".jpg", ".jpeg", ".png"})
SECONDS = 2.0  # of a walk-up: 30 frames, so the seven of the cast are more than 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of `number`, None for a stranger; `at_s` within its visit, 0 begins one."""

    path: Path
    number: str | None
    at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """Single photos (`still`) or frames of walk-ups: who is enrolled with which, what is shown."""

    title: str
    still: bool
    enrol: dict[str, list[Path]]
    shown: list[Shown]


def lay_out(
    cast: Sequence[Person], faces: Path | None, scratch: Path, seconds: float = SECONDS
) -> list[Kind]:
    """Write every picture into the scratch folder as (h, w, 3) uint8 BGR; `seconds` a walk-up."""
    frames = Kind("walk-ups, 640x480", False, {}, [])
    for seed, person in enumerate(cast):
        if person.number is not None:
            frames.enrol[person.number] = [_kept(image, scratch) for image in person.enrol]
        for i, frame in enumerate(walk_up(person.walks[0], Walk(seconds), seed)):
            frames.shown.append(Shown(_kept(frame, scratch), person.number, i / FPS))
    if faces is None:
        return [frames]
    photos = Kind("single photos", True, {}, [])
    folders = sorted(folder for folder in faces.iterdir() if folder.is_dir())
    for i, folder in enumerate(folders):
        number = None if folder == folders[-1] else str(2001 + i)
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
        images = [_kept(read(path), scratch) for path in paths]
        if number is not None:
            photos.enrol[number] = images[:_ENROL]
        photos.shown.extend(Shown(image, number) for image in images[_ENROL if number else 0 :])
    return [frames, photos]


def _kept(image: Image, scratch: Path) -> Path:
    path = scratch / f"picture-{len(list(scratch.glob('picture-*'))):04}.npy"
    np.save(path, image)
    return path
