"""Who walks up in the demo, and in which order.

The cast is made of photographs: the two that packages ship, the extra ones of a `../shared` folder
where there is one, or a folder with one sub-folder a person. Names are made up; numbers begin at
1001. People without a number are not enrolled, and attacks are photos of somebody holding up a
photo or a screen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from morning.walkup import FPS, HEIGHT, WIDTH, Subject, Walk, empty_room, side_by_side, walk_up
from recognizer.pipeline import RecognizerSettings, open_recognizer

Image = NDArray[np.uint8]
Box = tuple[float, float, float, float]
FindFaces = Callable[[Image], Sequence[Box]]
"""Boxes (x, y, width, height) of the faces of a BGR picture, in any order."""

_PICTURES = frozenset({".jpg", ".jpeg", ".png"})
_GAP_S = 1.4  # an empty door between two visits, longer than [decision] gone_s


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody at the door; `number` None is a stranger. `enrol` are pictures with one face."""

    name: str
    number: str | None
    enrol: tuple[Image, ...]
    walks: tuple[Subject, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One entry of the morning: what is shown, and who should be recorded in it."""

    title: str
    frames: Callable[[], Iterator[Image]]
    punches: tuple[str, ...] = ()


def read(path: Path) -> Image:
    """A picture as BGR; raises `ValueError` when it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError(f"{path} is not a picture that can be read")
    return np.asarray(image, dtype=np.uint8)


def alone(photo: Image, box: Box, others: Sequence[Box]) -> Subject:
    """The photograph with every other face blurred beyond recognition."""
    blurred = cv2.GaussianBlur(photo, (0, 0), 18)
    mask = np.zeros(photo.shape[:2], dtype=np.float32)
    for x, y, w, h in others:
        if (x, y, w, h) != box:
            centre = (int(x + w / 2), int(y + h / 2))
            cv2.ellipse(mask, centre, (int(w * 0.75), int(h * 0.75)), 0, 0, 360, 1.0, -1)
    alpha = cv2.GaussianBlur(mask, (0, 0), 6)[:, :, None]
    return Subject(np.asarray(photo * (1 - alpha) + blurred * alpha, dtype=np.uint8), box)


def portrait(subject: Subject) -> Image:
    """Head and shoulders, as an enrolment photo."""
    x, y, w, h = subject.box
    top, bottom = max(0, int(y - 0.8 * h)), int(y + 2.2 * h)
    left, right = max(0, int(x - 1.0 * w)), int(x + 2.0 * w)
    return subject.photo[top:bottom, left:right].copy()


def packaged_cast(astronaut: Path, t1: Path, find: FindFaces) -> list[Person]:
    """Seven people from the two packaged photos: four are enrolled, three are strangers."""
    photo = read(t1)
    boxes = sorted(find(photo), key=lambda box: box[0])
    if len(boxes) != 6:
        raise ValueError(f"{t1.name}: {len(boxes)} faces found, six are in it")
    jo, mia, ben, leo, max_, eva = (alone(photo, box, boxes) for box in boxes)
    space = read(astronaut)
    cleo = alone(space, max(find(space), key=lambda box: box[2]), ())
    enrolled = [("Jo", jo), ("Ben", ben), ("Cleo", cleo), ("Leo", leo)]
    return [
        *(
            Person(name, str(1001 + i), (portrait(subject),), (subject,))
            for i, (name, subject) in enumerate(enrolled)
        ),
        Person("Eva", None, (), (eva,)),
        Person("Mia", None, (), (mia,)),
        Person("Max", None, (), (max_,)),
    ]


def packaged_people(weights: Path, photos: Mapping[str, Path]) -> list[Person]:
    """`packaged_cast` in the photos of `fetch_photos`, found with the weights of that folder."""
    eyes = open_recognizer(weights, RecognizerSettings(pad=False))
    return packaged_cast(
        photos["astronaut"],
        photos["t1"],
        lambda image: [photo.face.box for photo in eyes.embed_photo(image)],
    )


def shared_cast(faces: Path, find: FindFaces) -> tuple[list[Person], list[Person]]:
    """Three more people with photos of their own for enrolment, and two real attacks."""
    train, test = (
        faces / "identification/presidents/train",
        faces / "identification/presidents/test",
    )
    with_rose = read(test / "kit_with_rose.jpg")
    two = sorted(find(with_rose), key=lambda box: box[0])
    speech = read(test / "obama1.jpg")
    walks = {
        "rose_leslie": alone(with_rose, two[0], two),
        "kit_harington": alone(with_rose, two[1], two),
        "obama": alone(speech, max(find(speech), key=lambda box: box[2]), ()),
    }
    people = [
        Person(
            f"Guest {i + 1}",
            str(1101 + i),
            tuple(read(p) for p in _pictures(train / folder)),
            (subject,),
        )
        for i, (folder, subject) in enumerate(walks.items())
    ]
    attacks = []
    for name, file in (("a print", "image_F1.jpg"), ("a screen", "image_F2.jpg")):
        photo = read(faces / "pad" / file)
        box = max(find(photo), key=lambda box: box[2])
        attacks.append(Person(name, None, (), (Subject(photo, box),)))
    return people, attacks


def folder_cast(folder: Path, find: FindFaces) -> list[Person]:
    """A sub-folder a person: the first photos enrol (half, at most four), up to two walk up.

    Of four people or more the last stays a stranger, and so does whoever has one photo only.
    Raises `ValueError` when there is nobody in it.
    """
    people: list[Person] = []
    folders = sorted(p for p in folder.iterdir() if p.is_dir())
    for i, own in enumerate(folders):
        photos = [read(p) for p in _pictures(own)]
        stranger = len(photos) < 2 or (len(folders) > 3 and i == len(folders) - 1)
        kept = 0 if stranger else min(4, len(photos) // 2)
        walks: list[Subject] = []
        for photo in photos[kept:]:
            boxes = list(find(photo))
            if boxes and len(walks) < 2:
                walks.append(alone(photo, max(boxes, key=lambda box: box[2]), boxes))
        if walks or kept:
            number = None if stranger else str(1001 + i)
            people.append(Person(own.name, number, tuple(photos[:kept]), tuple(walks)))
    if not people:
        raise ValueError(f"{folder} has no sub-folder with pictures of a person")
    return people


def packaged_morning(cast: Sequence[Person]) -> list[Scene]:
    """The morning of the packaged cast: known people, strangers, two at once, one twice."""
    jo, ben, cleo, leo, eva, mia, max_ = cast
    return [
        visit(jo, 1),
        visit(eva, 2),
        visit(cleo, 3),
        Scene(
            "Leo and Ben at once",
            lambda: side_by_side(leo.walks[0], ben.walks[0], Walk(7.0, from_px=100), 5),
            ("1004", "1002"),
        ),
        visit(mia, 6, exposure=0.8),
        Scene("Max walks past, looking away", lambda: walk_up(max_.walks[0], Walk(2.0), 8)),
        Scene("Jo again, within the minute", lambda: walk_up(jo.walks[0], Walk(), 7)),
    ]


def visit(person: Person, seed: int, walk: int = 0, exposure: float = 1.0) -> Scene:
    """One person alone."""
    known = person.number is not None
    return Scene(
        f"{person.name} walks up" + ("" if known else " (not enrolled)"),
        lambda: walk_up(person.walks[walk], Walk(exposure=exposure), seed),
        (person.number,) if person.number else (),
    )


def attack(person: Person, seed: int) -> Scene:
    """Somebody holds up a photo."""
    return Scene(f"somebody holds up {person.name}", lambda: walk_up(person.walks[0], Walk(), seed))


def film(scenes: Sequence[Scene], path: Path) -> list[tuple[float, str]]:
    """Write the scenes, an empty room around each, as a video; returns (seconds, title) of each."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise RuntimeError(f"OpenCV cannot write {path}")
    starts: list[tuple[float, str]] = []
    count = 0
    try:
        for i, scene in enumerate(scenes):
            room = list(empty_room(_GAP_S, i))
            starts.append(((count + len(room)) / FPS, scene.title))
            for frame in chain(room, scene.frames()):
                writer.write(frame)
                count += 1
        for frame in empty_room(_GAP_S + 1, len(scenes)):
            writer.write(frame)
    finally:
        writer.release()
    return starts


def _pictures(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in _PICTURES)
