"""A stage with enrolled people, for the tests that run the real programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest

from morning.cast import Person, portrait
from morning.stage import Stage
from morning.walkup import Walk, empty_room, walk_up

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path, weights_dir: Path) -> Iterator[MakeStage]:
    """Makes stages whose programs are stopped at the end of the test."""
    stages: list[Stage] = []

    def make(camera: dict[str, str | int | float], decision: str = "") -> Stage:
        stage = Stage(tmp_path, weights_dir, datetime.now(UTC), camera, "off")
        with stage.config.open("a", encoding="utf-8") as settings:
            settings.write(decision)
        stages.append(stage)
        stage.prepare()
        return stage

    yield make
    for stage in stages:
        stage.close()


def enrol(stage: Stage, people: list[Person], folder: Path) -> None:
    """Enrol those who have a number, through the command line."""
    for person in people:
        if person.number is None:
            continue
        photo = folder / "enrol.png"
        cv2.imwrite(str(photo), portrait(person.walks[0]))
        words = ("--name", person.name, "--consent", "test", str(photo))
        stage.run("kiosk", "enrol", person.number, *words)
        photo.unlink()


def pictures_of(people: list[Person], folder: Path, *, frames: int, gap: int) -> None:
    """A folder of pictures: each person close up for `frames`, then an empty room for `gap`."""
    folder.mkdir()
    count = 0
    for seed, person in enumerate(people):
        standing = Walk(seconds=4 * frames / 15, from_px=140, to_px=150)
        close = list(walk_up(person.walks[0], standing, seed))[-frames:]
        for image in (*close, *list(empty_room(1.0, seed))[:gap]):
            cv2.imwrite(str(folder / f"{count:05}.png"), image)
            count += 1
