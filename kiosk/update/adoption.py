"""An environment that provision.sh made becomes a release that kiosk-update can follow up.

    ENVIRONMENT/bin/python -m kiosk.update.adoption WHEEL

Writes the environment's `release.json`, from the program in it and the wheel that it came from. The
links are provision.sh's. An environment that has the file stays as it is.
"""

from __future__ import annotations

import hashlib
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from kiosk.update.manifest import FORMAT, RELEASE_FILE, DatabaseSchema, Manifest
from store.files import place
from store.schema import GALLERY, LEDGER


def adopted(wheel: Path, now: datetime) -> Manifest:
    """The manifest of this program; raises `OSError` when the wheel cannot be read."""
    return Manifest(
        format=FORMAT,
        version=version("kiosk"),
        made_utc=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        machine=platform.machine(),
        ledger=DatabaseSchema(version=LEDGER.version, oldest=LEDGER.oldest),
        gallery=DatabaseSchema(version=GALLERY.version, oldest=GALLERY.oldest),
        wheels={wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest()},
    )


def main() -> None:
    """Write the file into the environment that this runs in."""
    file = Path(sys.prefix) / RELEASE_FILE
    if not file.exists():
        manifest = adopted(Path(sys.argv[1]), datetime.now(UTC))
        place(file, manifest.model_dump_json().encode(), mode=0o644)


if __name__ == "__main__":
    main()
