"""A terminal with people who are enrolled and who come by again and again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2

from morning.cast import Person, portrait
from morning.stage import Stage
from morning.turning import Head
from morning.walkup import FPS, Walk, empty_room, walk_up


def enrol(stage: Stage, people: Sequence[Person], folder: Path) -> None:
    """Enrol those who have a number, through the command line."""
    for person in people:
        if person.number is not None:
            enrol_as(stage, person, person.number, folder)


def enrol_as(stage: Stage, person: Person, number: str, folder: Path) -> None:
    """Enrol somebody under this number, with the picture that they walk up with."""
    photo = folder / "enrol.png"
    cv2.imwrite(str(photo), portrait(person.walks[0]))
    words = ("--name", person.name, "--consent", "test", str(photo))
    stage.run("kiosk", "enrol", number, *words)
    photo.unlink()


def pictures_of(people: Sequence[Person], folder: Path, *, frames: int, gap: int) -> None:
    """A folder of pictures: each person close up for `frames`, then an empty room for `gap`."""
    folder.mkdir()
    count = 0
    for seed, person in enumerate(people):
        # They stand still in the second half of a walk.
        walk = Walk(seconds=2 * frames / FPS, from_px=140, to_px=150)
        close = list(walk_up(person.walks[0], walk, seed))[-frames:]
        for image in (*close, *empty_room(gap / FPS, seed)):
            cv2.imwrite(str(folder / f"{count:05}.png"), image)
            count += 1


def turning_pictures(person: Person, folder: Path, poses: Sequence[tuple[int, int, int]]) -> None:
    """A folder of pictures: a head that turns, (yaw, pitch, frames) each, in degrees.

    It turns by 12 degrees a picture.
    """
    folder.mkdir()
    head, yaw, pitch, count = Head(person.walks[0], seed=1), 0, 0, 0
    for to_yaw, to_pitch, frames in poses:
        for _ in range(frames):
            yaw += max(-12, min(12, to_yaw - yaw))
            pitch += max(-12, min(12, to_pitch - pitch))
            cv2.imwrite(str(folder / f"{count:05}.png"), head.frame(yaw, pitch))
            count += 1
