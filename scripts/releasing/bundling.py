"""Writing a release's file: the same wheels give the same bytes.

What it is made of is in `kiosk.update.bundle`, which reads it.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from minisign import SecretKey

from kiosk.update.bundle import MANIFEST, WHEELS
from kiosk.update.manifest import FORMAT, DatabaseSchema, Manifest
from kiosk.update.signature import SUFFIX, sign
from store.schema import GALLERY, LEDGER, Schema


def describe(
    version: str, made_utc: str, python: str, machine: str, wheels: Sequence[Path]
) -> Manifest:
    """The manifest of these wheels, with the schemas of this checkout."""
    return Manifest(
        format=FORMAT,
        version=version,
        made_utc=made_utc,
        python=python,
        machine=machine,
        ledger=_schema(LEDGER),
        gallery=_schema(GALLERY),
        wheels={w.name: hashlib.sha256(w.read_bytes()).hexdigest() for w in sorted(wheels)},
    )


def write(target: Path, manifest: Manifest, wheels: Sequence[Path], key: SecretKey) -> None:
    """Write the bundle, and its signature beside it. Raises `OSError`."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, MANIFEST, manifest.model_dump_json(indent=1).encode())
        for wheel in sorted(wheels):
            _add(tar, f"{WHEELS}/{wheel.name}", wheel.read_bytes())
    comment = f"kiosk release {manifest.version} {manifest.machine} made {manifest.made_utc}"
    target.with_name(target.name + SUFFIX).write_bytes(sign(target, key, comment))


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # owner root, mode 0644, time 0
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _schema(schema: Schema) -> DatabaseSchema:
    return DatabaseSchema(version=schema.version, oldest=schema.oldest)
