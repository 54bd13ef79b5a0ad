"""A terminal on which release 1.0 runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.update.preparing import Wishes, prepare
from tests.update.world import KEYS, World, release


@pytest.fixture
def terminal(tmp_path: Path) -> World:
    """Release 1.0 has run for a minute, at night; nobody is there."""
    (tmp_path / "opt").mkdir()
    (tmp_path / "release.pub").write_bytes(bytes(KEYS.public_key) + b"\n")
    world = World(tmp_path, running=False)
    prepare(world.site(), release(tmp_path / "stick", "1.0"), Wishes())
    world = World(tmp_path)
    for _ in range(60):
        world.pause(1)
    return world
