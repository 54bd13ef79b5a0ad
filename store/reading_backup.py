"""Reading a backup file: what can be seen of it without the identity, and all of it with.

Without, only these are known: that it is an age file, for how many public keys, and that it is what
the `.sha256` beside it says. With the identity it is opened for real: decrypted (age authenticates
every 64 KiB), each member's digest, both databases page by page, the whole chain up to the
manifest's head. Secrets stay in memory; the databases are decrypted only as far as their own
encryption.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from store.age_file import Identities, decrypt, read_header
from store.archive import Manifest, Unpacker
from store.backup_files import check_digest, file_digest
from store.database import KEY_BYTES
from store.errors import (
    BackupError,
    BrokenChainError,
    DamagedArchiveError,
    DatabaseError,
    StorageError,
)
from store.files import disk_error
from store.opened import Sound, open_copies
from store.settings import Terminal


@dataclass(frozen=True, slots=True)
class Outside:
    """What is seen without the identity; `checked` whether there was a checksum to compare with."""

    bytes: int
    digest: str
    recipients: int
    checked: bool


@dataclass(frozen=True, slots=True)
class Inside:
    """A decrypted backup: the manifest, and the small members by name."""

    manifest: Manifest
    small: Mapping[str, bytes]

    @property
    def database_keys(self) -> dict[str, bytes]:
        """The keys of the databases in it; raises `DamagedArchiveError`."""
        try:
            keys = {n: bytes.fromhex(self.small[f"keys/{n}.key"].decode()) for n in _NAMES}
        except ValueError:
            keys = {}
        if any(len(key) != KEY_BYTES for key in keys.values()) or not keys:
            raise DamagedArchiveError("its database keys are no keys")
        return keys

    @property
    def signer(self) -> Ed25519PrivateKey:
        """The terminal's signing key; raises `DamagedArchiveError`."""
        try:
            key = load_pem_private_key(self.small["keys/signing.key"], password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise DamagedArchiveError("its signing key is no Ed25519 key")
        raw = key.public_key().public_bytes_raw()
        if hashlib.sha256(raw).hexdigest() != self.manifest.signing_key:
            raise DamagedArchiveError("its signing key is not the one that its manifest names")
        return key


_NAMES = ("ledger", "gallery")
T = TypeVar("T")


class _EnoughError(Exception):
    """All that was wanted has come."""


def look_at(path: Path) -> Outside:
    """What is seen from outside. Raises `DamagedArchiveError`, `StorageError`."""
    digest = file_digest(path)
    with disk_error(path), path.open("rb") as file:
        recipients = _named(path, lambda: read_header(file))
        size = path.stat().st_size
    return Outside(size, digest, recipients, check_digest(path, digest))


def unpack(path: Path, identities: Identities, folder: Path) -> Inside:
    """Decrypt a backup, its databases into `folder`; every digest holds afterwards.

    Raises `IdentityError`, `DamagedArchiveError`, `NewerArchiveError`, `StorageError`.
    """
    return _read(path, identities, Unpacker(folder), lambda _: None)


def peek(path: Path, identities: Identities) -> Inside:
    """The manifest and the small members, without the databases. Raises as `unpack`."""

    def stop(unpacker: Unpacker) -> None:
        if unpacker.small_members_are_here:
            raise _EnoughError

    return _read(path, identities, Unpacker(None), stop)


def open_backup(inside: Inside, folder: Path) -> Sound:
    """Check the databases that `unpack` left in `folder` against the manifest.

    Raises `DamagedArchiveError` when they are not what it says; `DatabaseError`.
    """
    manifest = inside.manifest
    public_key = inside.signer.public_key()
    # The time zone is in no chain: any will do.
    terminal = Terminal(site=manifest.site, name=manifest.terminal, zone="UTC")
    try:
        sound = open_copies(folder, inside.database_keys, terminal, public_key)
    except (StorageError, BackupError):
        raise
    except (BrokenChainError, DatabaseError) as error:
        raise DamagedArchiveError(f"a database in it is not whole: {error}") from error
    if (sound.head.seq, sound.head.hash.hex()) != (manifest.head_seq, manifest.head_hash):
        raise DamagedArchiveError("its ledger ends elsewhere than its manifest says")
    return sound


def _read(
    path: Path,
    identities: Identities,
    unpacker: Unpacker,
    after_each: Callable[[Unpacker], None],
) -> Inside:
    def write(data: bytes) -> None:
        unpacker.write(data)
        after_each(unpacker)

    with disk_error(path), path.open("rb") as file:
        try:
            _named(path, lambda: decrypt(file, write, identities))
            _named(path, unpacker.finish)
        except _EnoughError:
            pass
        finally:
            unpacker.close()
    return Inside(unpacker.manifest, unpacker.small)


def _named(path: Path, work: Callable[[], T]) -> T:
    """Errors of a backup say which file they are about."""
    try:
        return work()
    except BackupError as error:
        raise type(error)(f"{path}: {error}") from error
