"""Real photos for the demo and the tests: those that two registry packages ship.

scikit-image's `astronaut.png` (NASA, public domain) and the six-person `t1.jpg` of the insightface
wheel. Only the wheels are downloaded, nothing of them is installed; the pictures stay in the cache
folder and never enter the repository.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture inside a wheel, pinned by its SHA-256."""

    requirement: str
    member: str
    digest: str


PHOTOS = {
    "astronaut": Photo(
        "scikit-image==0.26.0",
        "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
    "t1": Photo(
        "insightface==2.1",
        "insightface/data/images/t1.jpg",
        "47f682e945b659f93a9e490b9c9c4a2a864abe64dace9e1a2893845ddfd69489",
    ),
}


def fetch_photos(cache: Path) -> dict[str, Path]:
    """Paths of the photos by name; each wheel is downloaded once, by pip.

    Raises `RuntimeError` when pip cannot get a wheel or a picture is not the pinned one.
    """
    cache.mkdir(parents=True, exist_ok=True)
    return {name: _fetch(photo, cache) for name, photo in PHOTOS.items()}


def _fetch(photo: Photo, cache: Path) -> Path:
    target = cache / Path(photo.member).name
    if target.exists() and sha256(target.read_bytes()).hexdigest() == photo.digest:
        return target
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        pip = subprocess.run(
            [*command, "--only-binary", ":all:", "--dest", folder, photo.requirement],
            capture_output=True,
            text=True,
            check=False,
        )
        if pip.returncode != 0:
            raise RuntimeError(f"pip could not get {photo.requirement}: {pip.stderr.strip()}")
        (wheel,) = Path(folder).glob("*.whl")
        raw = zipfile.ZipFile(wheel).read(photo.member)
    found = sha256(raw).hexdigest()
    if found != photo.digest:
        raise RuntimeError(f"{photo.member}: SHA-256 {found}, expected {photo.digest}")
    part = target.with_suffix(f".{os.getpid()}.part")  # two test workers may fetch side by side
    part.write_bytes(raw)
    part.replace(target)
    return target
