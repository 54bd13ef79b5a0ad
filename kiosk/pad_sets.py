"""Presentations to measure PAD with: read from a folder, and rendered from photos.

Rules
- `DIR/live/` holds bona fide presentations, every other folder one PAI species that it is named
  after. In them a picture is a presentation, and so is a folder of pictures (its frames by name).
- Rendered presentations are marked synthetic from here to the report. They are made of the live
  pictures, or, where there is no `live/`, of every picture below DIR, which then also stand as
  rendered bona fide presentations.
- A picture that cannot be used is a counted failure with a stable reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kiosk.errors import PhotoSetError
from kiosk.photo_sets import named_as_picture, read_photo, shown
from recognizer.attacks import FPS, Portrait, Species, render_attack, render_bona_fide
from recognizer.errors import ImageError
from recognizer.faces import Image
from recognizer.pad_evaluation import Presented
from recognizer.pipeline import Recognizer

LIVE = "live"


@dataclass(frozen=True, slots=True)
class Presentation:
    """The pictures of one presentation; `species` None is bona fide."""

    name: str
    species: str | None
    frames: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class PadSet:
    """What was presented, and the photos to render more from: as attacks, and if so as live."""

    presentations: tuple[Presentation, ...]
    models: tuple[Path, ...]
    render_live: bool


def read_pad_set(source: Path, *, synthetic: bool) -> PadSet:
    """The presentations below `source`; raises `PhotoSetError` where there are none."""
    if (source / LIVE).is_dir():
        presentations = tuple(
            found
            for folder in sorted(source.iterdir())
            if folder.is_dir()
            for found in _presentations(folder)
        )
        live = [p for p in presentations if p.species is None]
        attacks = len(presentations) > len(live)
        if not live or not (attacks or synthetic):
            raise PhotoSetError(
                f"{source} needs pictures in live/ and in a folder a species, such as print/; "
                "--synthetic renders attacks from the live ones"
            )
        models = tuple(p.frames[0] for p in live) if synthetic else ()
        return PadSet(presentations, models, render_live=False)
    photos = tuple(p for p in sorted(source.rglob("*")) if _is_picture(p)) if synthetic else ()
    if not photos:
        raise PhotoSetError(
            f"{source} has no live/ with pictures: sort presentations into live/ and a folder a "
            "species, or render them from any photos of people with --synthetic"
        )
    return PadSet((), photos, render_live=True)


def present(
    chosen: PadSet, open_eyes: Callable[[], Recognizer], on_progress: Callable[[], None]
) -> tuple[list[Presented], list[tuple[str, str]]]:
    """Show every presentation to the recogniser; also what could not be used, with a reason.

    Each presentation meets a recogniser that has seen nothing before. `on_progress` is called
    after each presentation and each photo that is rendered from.
    """
    presented: list[Presented] = []
    failed: list[tuple[str, str]] = []
    for each in chosen.presentations:
        pictures: list[Image] = []
        for path in each.frames:
            picture = read_photo(path)
            if isinstance(picture, str):
                failed.append((shown(path.name), picture))
            else:
                pictures.append(picture)
        presented.append(_show(open_eyes(), each.name, each.species, iter(pictures)))
        on_progress()
    for seed, path in enumerate(chosen.models):
        found = _portrait(open_eyes(), path)
        if isinstance(found, str):
            failed.append((shown(path.name), found))
            on_progress()
            continue
        for species in Species:
            frames = render_attack(found, species, seed)
            presented.append(_show(open_eyes(), path.name, species.value, frames, True))
        if chosen.render_live:
            frames = render_bona_fide(found, seed)
            presented.append(_show(open_eyes(), path.name, None, frames, True))
        on_progress()
    return presented, failed


def _presentations(folder: Path) -> Iterator[Presentation]:
    species = None if folder.name == LIVE else folder.name
    for entry in sorted(folder.iterdir()):
        name = f"{folder.name}/{entry.name}"
        if _is_picture(entry):
            yield Presentation(name, species, (entry,))
        elif entry.is_dir():
            frames = tuple(file for file in sorted(entry.iterdir()) if _is_picture(file))
            if frames:
                yield Presentation(name, species, frames)


def _is_picture(path: Path) -> bool:
    return named_as_picture(path) and path.is_file()


def _show(
    eyes: Recognizer,
    name: str,
    species: str | None,
    frames: Iterator[Image],
    synthetic: bool = False,
) -> Presented:
    looks = (eyes.look(frame, i / FPS).subject for i, frame in enumerate(frames))
    evidence = tuple(subject for subject in looks if subject is not None)
    return Presented(name, species, synthetic, evidence)


def _portrait(eyes: Recognizer, path: Path) -> Portrait | str:
    """The photo and its largest face, or why it cannot be rendered from."""
    picture = read_photo(path)
    if isinstance(picture, str):
        return picture
    try:
        faces = eyes.embed_photo(picture)
    except ImageError:
        return "unreadable"
    return Portrait(picture, faces[0].face.box) if faces else "no_face"
