"""A stage with enrolled people, for the tests that run the real programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from morning.stage import Listener, Stage

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path, weights_dir: Path) -> Iterator[MakeStage]:
    """Makes stages whose programs are stopped at the end of the test."""
    stages: list[Stage] = []

    def make(
        camera: dict[str, str | int | float], decision: str = "", hear: Listener | None = None
    ) -> Stage:
        stage = Stage(tmp_path, weights_dir, datetime.now(UTC), camera, "off", hear)
        with stage.config.open("a", encoding="utf-8") as settings:
            settings.write(decision)
        stages.append(stage)
        stage.prepare()
        return stage

    yield make
    for stage in stages:
        stage.close()
