"""What is inside a backup: a tar of a manifest, the keys, the settings and the two databases.

- Members are exactly `manifest.json` first, then `MEMBERS` in their order, regular files only: any
  other name, kind, order or size is refused before a byte of it is kept.
- The manifest gives every member's size and SHA-256. The whole is encrypted with age.
- The databases are SQLCipher files under two keys that were made for this backup and are nowhere
  but in it, so no staged copy can be opened by whoever finds it, nor by this terminal.
- A reader keeps manifest fields that it does not know; a higher `v` is refused.

`age -d -i KEY FILE | tar -x` takes one apart without this program.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from store.errors import DamagedArchiveError, NewerArchiveError
from store.records import HexDigest, Utc

VERSION = 1
MANIFEST = "manifest.json"
DATABASES = ("gallery.db", "ledger.db")
_SMALL = (
    "kiosk.toml",
    "hq.pub",
    "keys/signing.key",
    "keys/sealing.key",
    "keys/templates.key",
    "keys/badges.key",
    "keys/ledger.key",
    "keys/gallery.key",
)
MEMBERS = (*_SMALL, *DATABASES)
# What backups had before there were badges.
_FORMER = tuple(name for name in MEMBERS if name != "keys/badges.key")
_MAX_SMALL_BYTES = 256 * 1024
_BLOCK = tarfile.BLOCKSIZE
_READ = 1024 * 1024


class Member(BaseModel):
    """One file of the backup."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    bytes: int = Field(ge=0)
    sha256: HexDigest


class Manifest(BaseModel):
    """What a backup says of itself.

    `head_seq` and `head_hash` are the newest record in it (0 and zeros without one), `receipt_seq`
    the highest that headquarters had confirmed (0 before the first), `schemas` the version of each
    database, `signing_key` the SHA-256 of the terminal's raw Ed25519 public key.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    v: int = VERSION
    program: str
    site: str
    terminal: str
    made: Utc
    head_seq: int = Field(ge=0)
    head_hash: HexDigest
    receipt_seq: int = Field(ge=0)
    schemas: dict[str, int]
    signing_key: HexDigest
    members: tuple[Member, ...]


def describe(contents: Mapping[str, bytes | Path]) -> tuple[Member, ...]:
    """The manifest's entries for contents, each given as bytes or as a file."""
    return tuple(_member(name, contents[name]) for name in MEMBERS)


def pack(manifest: Manifest, contents: Mapping[str, bytes | Path]) -> Iterator[bytes]:
    """The tar, in parts. Raises OSError from reading the files."""
    raw = manifest.model_dump_json(indent=2).encode()
    yield from _entry(MANIFEST, len(raw), iter((raw,)))
    for member in manifest.members:
        yield from _entry(member.name, member.bytes, _parts(contents[member.name]))
    yield bytes(2 * _BLOCK)


class Unpacker:
    """Takes the tar in parts (`write`), keeps small members here and databases in `folder`.

    Without a `folder` the databases are only checked. After `finish` all is there and every digest
    holds. Raises `DamagedArchiveError`, `NewerArchiveError`, and OSError from writing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.small: dict[str, bytes] = {}
        self._folder = folder
        self._manifest: Manifest | None = None
        self._waiting = [MANIFEST, *MEMBERS]
        self._buffer = bytearray()
        self._name = ""
        self._left = self._padding = 0
        self._digest = hashlib.sha256()
        self._small = bytearray()
        self._file: IO[bytes] | None = None

    @property
    def manifest(self) -> Manifest:
        """The manifest; raises `DamagedArchiveError` before it has come."""
        if self._manifest is None:
            raise DamagedArchiveError("it ends before its manifest does")
        return self._manifest

    @property
    def small_members_are_here(self) -> bool:
        """Whether all but the databases has come and was checked."""
        return len(self._waiting) <= len(DATABASES) and not self._name

    def write(self, data: bytes) -> None:
        """Take the next part."""
        self._buffer += data
        while self._buffer:
            if self._name:
                self._take_content()
            elif self._padding:
                dropped = min(self._padding, len(self._buffer))
                del self._buffer[:dropped]
                self._padding -= dropped
            elif not self._take_header():
                return

    def finish(self) -> None:
        """Check that nothing is missing."""
        if self._waiting or self._name or self._buffer:
            raise DamagedArchiveError("it ends before all of it has come")

    def close(self) -> None:
        """Close the file in hand."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _take_header(self) -> bool:
        if len(self._buffer) < _BLOCK:
            return False
        raw = bytes(self._buffer[:_BLOCK])
        del self._buffer[:_BLOCK]
        if not self._waiting:
            if any(raw):
                raise DamagedArchiveError("something follows its last member")
            return True
        try:
            info = tarfile.TarInfo.frombuf(raw, "utf-8", "strict")
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise DamagedArchiveError("it is no backup of ours") from None
        if info.name != self._waiting[0] or not info.isreg():
            raise DamagedArchiveError(
                f"{ascii(info.name)[:80]} is in it where {self._waiting[0]} belongs"
            )
        self._begin(info.name, info.size)
        return True

    def _begin(self, name: str, size: int) -> None:
        if name not in DATABASES and size > _MAX_SMALL_BYTES:
            raise DamagedArchiveError(f"{name} is too big")
        if name != MANIFEST and size != self._said(name).bytes:
            raise DamagedArchiveError(f"{name} has another size than its manifest says")
        self._name, self._left, self._padding = name, size, -size % _BLOCK
        self._digest, self._small = hashlib.sha256(), bytearray()
        if name in DATABASES and self._folder is not None:
            self._file = (self._folder / name).open("xb")
        if not size:
            self._end()

    def _take_content(self) -> None:
        part = bytes(self._buffer[: self._left])
        del self._buffer[: len(part)]
        self._left -= len(part)
        self._digest.update(part)
        if self._name in DATABASES:
            if self._file is not None:
                self._file.write(part)
        else:
            self._small += part
        if not self._left:
            self._end()

    def _end(self) -> None:
        name, self._name = self._name, ""
        self.close()
        self._waiting.pop(0)
        if name == MANIFEST:
            self._manifest = _parse(bytes(self._small))
            self._waiting = [member.name for member in self._manifest.members]
            return
        if self._digest.hexdigest() != self._said(name).sha256:
            raise DamagedArchiveError(f"{name} has another digest than its manifest says")
        if name not in DATABASES:
            self.small[name] = bytes(self._small)

    def _said(self, name: str) -> Member:
        return next(member for member in self.manifest.members if member.name == name)


def _parse(raw: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError:
        manifest = None
    version = _version(raw) if manifest is None else manifest.v
    if version > VERSION:
        raise NewerArchiveError(
            f"made by a newer version (backup format {version}, this program knows {VERSION}); "
            "update the program"
        )
    if manifest is None or tuple(m.name for m in manifest.members) not in (
        MEMBERS,
        _FORMER,
    ):
        raise DamagedArchiveError("its manifest is no manifest")
    return manifest


class _Versioned(BaseModel):
    v: int


def _version(raw: bytes) -> int:
    try:
        return _Versioned.model_validate_json(raw).v
    except ValidationError:
        return 0


def _member(name: str, content: bytes | Path) -> Member:
    digest, size = hashlib.sha256(), 0
    for part in _parts(content):
        digest.update(part)
        size += len(part)
    return Member(name=name, bytes=size, sha256=digest.hexdigest())


def _parts(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while part := file.read(_READ):
            yield part


def _entry(name: str, size: int, parts: Iterator[bytes]) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    yield info.tobuf(tarfile.GNU_FORMAT)
    yield from parts
    yield bytes(-size % _BLOCK)
