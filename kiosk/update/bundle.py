"""A release's file: a tar of `manifest.json` and `wheels/NAME.whl`, with a signature beside it.

- The file may lie on a stick that somebody can still write to: it is copied first, and the copy is
  what is checked and read.
- The signature covers the whole file, and nothing of it is parsed before it holds.
- Only the members that the manifest names are read, under names that it gives; they are plain
  files, of the digests that it gives.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from kiosk.update.errors import PreparationError, UntrustedError
from kiosk.update.manifest import Manifest, parse
from kiosk.update.signature import SUFFIX, check
from store.files import sync_directory

MANIFEST, WHEELS = "manifest.json", "wheels"
_MOST_MANIFEST = 1024 * 1024
_MOST_BYTES = 1024**3  # everything for a Pi has some 200 MB of wheels
_WHEEL = re.compile(r"[A-Za-z0-9_.+-]{1,200}\.whl", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A genuine release: the checked copy, and what it says of itself."""

    file: Path
    manifest: Manifest
    comment: str


def take_in(source: Path, public_key: bytes, folder: Path) -> Bundle:
    """Copy a bundle and its signature into `folder`, and check them there.

    Raises `UntrustedError`, `RefusedReleaseError` for a later format, `PreparationError` for a file
    that cannot be copied. The folder is made anew, and gone when any is raised.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        return _take_in(source, public_key, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _take_in(source: Path, public_key: bytes, folder: Path) -> Bundle:
    file = folder / "release.tar"
    try:
        folder.mkdir(mode=0o700, parents=True)
        if source.stat().st_size > _MOST_BYTES:
            raise UntrustedError(f"{source}: larger than any release; nothing of it was opened")
        shutil.copyfile(source, file)
        signature = source.with_name(source.name + SUFFIX).read_bytes()
        comment = check(file, signature, public_key)
    except OSError as error:
        raise PreparationError(f"{error.filename or source}: {error.strerror}") from error
    try:
        with tarfile.open(file, "r:") as tar:
            manifest = parse(_member(tar, MANIFEST, _MOST_MANIFEST), source.name)
    except tarfile.TarError as error:
        raise UntrustedError(f"{source}: signed, but no release: {error}") from None
    wrong = [name for name in manifest.wheels if not _WHEEL.fullmatch(name)]
    if wrong:
        raise UntrustedError(f"{source}: its manifest names wheels that are no file names")
    return Bundle(file, manifest, comment)


def unpack(bundle: Bundle, folder: Path) -> list[Path]:
    """Write the wheels into `folder`, which is made.

    Raises `UntrustedError` where one is not as the manifest has it, and `OSError`.
    """
    folder.mkdir(mode=0o700)
    wheels = []
    with tarfile.open(bundle.file, "r:") as tar:
        for name, digest in bundle.manifest.wheels.items():
            content = _member(tar, f"{WHEELS}/{name}", _MOST_BYTES)
            if hashlib.sha256(content).hexdigest() != digest:
                raise UntrustedError(f"{name}: not the wheel of the manifest; nothing was changed")
            wheels.append(folder / name)
            wheels[-1].write_bytes(content)
    sync_directory(folder)
    return wheels


def _member(tar: tarfile.TarFile, name: str, most: int) -> bytes:
    try:
        member = tar.getmember(name)
    except KeyError:
        raise UntrustedError(f"{name} is missing in the release; nothing was changed") from None
    content = tar.extractfile(member) if member.isreg() and member.size <= most else None
    if content is None:
        raise UntrustedError(f"{name} in the release is no file, or too large")
    return content.read()
