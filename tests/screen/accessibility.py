"""axe-core of the npm registry, at one version and one digest, kept in the checkout's cache."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

_VERSION = "4.14.1"
_SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
_CACHE = Path(__file__).resolve().parents[2] / ".cache" / "axe"
_PATIENCE_S = 60


def axe() -> str:
    """The script; skips where it is neither in the cache nor to be had."""
    archive = _CACHE / f"axe-core-{_VERSION}.tgz"
    if not archive.is_file():
        _fetch(archive)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert digest == _SHA512, f"{archive} is not axe-core {_VERSION}; delete it"
    with tarfile.open(archive) as packed:
        script = packed.extractfile("package/axe.min.js")
        assert script is not None
        return script.read().decode("utf-8")


def _fetch(archive: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed (Debian: apt-get install npm)")
    archive.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["npm", "pack", "--silent", f"axe-core@{_VERSION}"],
        cwd=archive.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=_PATIENCE_S,
    )
    if not archive.is_file():
        pytest.skip(f"axe-core cannot be had from npm: {done.stderr.strip()[-200:]}")
