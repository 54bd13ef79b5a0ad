"""A terminal on which release 1.0 runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kiosk.update.preparing import Wishes, prepare
from tests.update.world import KEYS, World, release


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a terminal that has its first release."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "release.pub").write_bytes(bytes(KEYS.public_key) + b"\n")
    prepare(World(folder, running=False).site(), release(folder / "stick", "1.0"), Wishes())
    return folder


@pytest.fixture
def terminal(installed: Path, tmp_path: Path) -> World:
    """Release 1.0 has run for a while, at night; nobody is there."""
    shutil.copytree(installed, tmp_path, symlinks=True, dirs_exist_ok=True)
    world = World(tmp_path)
    for _ in range(40):
        world.pause(1)
    return world
