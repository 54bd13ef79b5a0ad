"""What feeds the watchdog of `kiosk run`: work that is done, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from kiosk.cameras import Frame
from kiosk.patience import Tick
from kiosk.stores import Stores, open_stores
from recognizer.faces import Image
from recognizer.pipeline import Look
from store.supervisor import Supervisor
from tests.kiosk.made import Lamps, door, terminal

BLACK = np.zeros((48, 64, 3), dtype=np.uint8)


class Steps(Supervisor):
    """Notes what it is told, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def ready(self) -> None:
        self.told.append("ready")

    def progress(self) -> None:
        self.told.append("progress")


class NobodyThere:
    model_digest = "ab" * 32

    def look(self, image: Image, at_s: float, served: frozenset[int]) -> Look:
        return Look((), None)


class Film:
    """Frames and ticks; after each, how much had been told by then."""

    def __init__(self, steps: Steps, scenes: str) -> None:
        self._steps, self._scenes, self.counts = steps, scenes, [0]

    def frames(self) -> Iterator[Frame | Tick]:
        assert self._steps.told == ["ready"], "ready before the first frame, and no progress yet"
        for n, scene in enumerate(self._scenes):
            yield Frame(BLACK, n / 15) if scene == "F" else Tick(n / 15)
            self.counts.append(self._steps.told.count("progress"))


def play(stores: Stores, folder: Path, scenes: str) -> list[int]:
    steps = Steps()
    film = Film(steps, scenes)
    door(terminal(folder), stores, NobodyThere(), Lamps(), supervisor=steps).run(film)
    assert steps.told.count("progress") == film.counts[-1], "it ended, and goes on telling"
    return film.counts


def test_every_frame_and_every_tick_that_was_served_is_progress(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        counts = play(stores, tmp_path, "FFTTF")
    assert all(later > before for before, later in pairwise(counts))


def test_a_camera_that_gives_nothing_is_none(tmp_path: Path) -> None:
    with open_stores(terminal(tmp_path)) as stores:
        assert play(stores, tmp_path, "") == [0]
