"""Key files in a directory, or in the credentials directory that systemd hands a service.

| file | holds | mode |
| --- | --- | --- |
| `ledger.key`, `gallery.key` | a database's raw 256-bit key, 64 hex characters | 0400 |
| `templates.key` | the transform of the templates (`recognizer.protection`), as above | 0400 |
| `badges.key` | the key of the badges' hashes (`store.credentials`), as above | 0400 |
| `….key.new` | a successor of the first three, while a key is changed | as its predecessor |
| `signing.key` | Ed25519, PKCS 8 PEM: signs records and replies | 0400 |
| `sealing.key` | X25519, PKCS 8 PEM: opens what is sealed to this terminal | 0400 |
| `signing.pub`, `sealing.pub` | the public halves, PEM | 0444 |

- A key that is there is never overwritten, also when two processes create keys at once.
- A key file is complete or absent: written aside, fsynced, linked into place, directory fsynced.
- Key material appears in no message and no traceback text of ours. Raw keys are `store.secret`s,
  wiped by whoever loaded them. Private keys are OpenSSL's objects; what is read to make one is
  wiped.
- A service's credentials directory takes the place of the configured one. It cannot be written.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from store.errors import (
    ExposedKeyError,
    KeyFileError,
    MalformedKeyError,
    MissingKeyError,
    ReadOnlyKeysError,
)
from store.files import sync_directory
from store.secret import Secret

RAW_KEY_BYTES = 32
DatabaseName = Literal["ledger", "gallery"]
NAMES: tuple[DatabaseName, ...] = get_args(DatabaseName)
RawName = Literal["ledger", "gallery", "templates"]
_MAX_FILE_BYTES = 16 * 1024
_SECRET, _PUBLIC = 0o400, 0o444
_MAKE = "`kiosk keys create` makes the keys of a new terminal"
_FETCH = "get it from whom it belongs to, headquarters or a terminal"


def create_keys(directory: Path) -> tuple[str, ...]:
    """Make every key that is not there yet; returns the names of the files that were made.

    The directory is made with mode 0700 if need be. Raises `KeyFileError`.
    """
    with _writing(directory):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = [
            name
            for name in ("ledger.key", "gallery.key", "templates.key", "badges.key")
            if _place_random(directory / name, _SECRET)
        ]
        pairs = (("signing", Ed25519PrivateKey), ("sealing", X25519PrivateKey))
        for name, kind in pairs:
            if _place(directory / f"{name}.key", _private_pem(kind.generate()), _SECRET):
                made.append(f"{name}.key")
        publics: tuple[tuple[str, Ed25519PublicKey | X25519PublicKey], ...] = (
            ("signing.pub", load_signing_key(directory).public_key()),
            ("sealing.pub", load_sealing_key(directory).public_key()),
        )
        for name, key in publics:
            if _place(directory / name, _public_pem(key), _PUBLIC):
                made.append(name)
    return tuple(made)


def keys_directory(configured: Path) -> Path:
    """systemd's credentials directory when it holds the ledger's key, else the configured one."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(given) if given and (Path(given) / "ledger.key").exists() else configured


def require_writable(directory: Path) -> None:
    """Raise `ReadOnlyKeysError` where no key can be changed: credentials, a read-only disk."""
    if directory.is_dir() and not _is_writable(directory):
        raise ReadOnlyKeysError(
            f"{directory}: the keys cannot be changed here, nothing was changed; change them where "
            "they come from: `kiosk keys unseal DIR`, then again with `--seal DIR` (docs/keys.md)"
        )


def _is_writable(directory: Path) -> bool:
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return not (given and Path(given) == directory) and os.access(directory, os.W_OK)


def load_database_key(directory: Path, name: DatabaseName) -> Secret:
    """The raw key (32 bytes) of a database; raises `KeyFileError`."""
    return _load_raw(directory / f"{name}.key")


def load_templates_key(directory: Path) -> Secret:
    """The raw key (32 bytes) of the templates' transform; raises `KeyFileError`."""
    return _load_raw(directory / "templates.key")


def open_badges_key(directory: Path) -> Secret:
    """The raw key (32 bytes) of the badges' hashes.

    A terminal of a time before badges lacks it: it is made where keys can be written. Raises
    `KeyFileError`.
    """
    path = directory / "badges.key"
    if not path.exists() and _is_writable(directory):
        with _writing(directory):
            _place_random(path, _SECRET)
    return _load_raw(path)


def load_next_key(directory: Path, name: RawName) -> Secret | None:
    """The key that follows, while there is one; raises `KeyFileError`."""
    try:
        return _load_raw(directory / f"{name}.key.new")
    except MissingKeyError:
        return None


def create_next_key(directory: Path, name: RawName) -> Secret:
    """The key to follow, made unless one waits already; raises `KeyFileError`.

    It gets its predecessor's owner, group and mode: sync may have to read it.
    """
    require_writable(directory)
    with _writing(directory):
        now = (directory / f"{name}.key").stat()
        owner = (now.st_uid, now.st_gid)
        _place_random(directory / f"{name}.key.new", stat.S_IMODE(now.st_mode), owner)
    return _load_raw(directory / f"{name}.key.new")


def take_next_key(directory: Path, name: RawName) -> None:
    """Let the key that waits replace the present one; none waiting was taken by another process.

    Raises `KeyFileError`.
    """
    with _writing(directory), suppress(FileNotFoundError):
        (directory / f"{name}.key.new").replace(directory / f"{name}.key")
        sync_directory(directory)


def sweep_next_key(directory: Path, name: RawName) -> None:
    """Remove what a killed `create_next_key` left aside; no other may be at work.

    Raises `KeyFileError`.
    """
    with _writing(directory):
        for aside in directory.glob(f".{name}.key.new.*"):
            aside.unlink()


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except KeyFileError:
        raise
    except OSError as error:
        raise KeyFileError(f"{directory}: keys cannot be written: {error.strerror}") from error


def _load_raw(path: Path) -> Secret:
    with _read_secret(path) as content:
        text = content.view
        end = len(text)
        while end and text[end - 1] in b"\0\r\n\t ":  # the buffer's rest, and an editor's newline
            end -= 1
        try:
            key = Secret.from_hex(text[:end])
        except ValueError:
            key = Secret(0)
    if len(key) != RAW_KEY_BYTES:
        key.wipe()
        raise MalformedKeyError(f"{path}: not 64 hex characters; bring it back from the backup")
    return key


def load_signing_key(directory: Path) -> Ed25519PrivateKey:
    """The key that signs this terminal's records; raises `KeyFileError`."""
    path = directory / "signing.key"
    key = _private(path)
    if not isinstance(key, Ed25519PrivateKey):
        raise MalformedKeyError(f"{path}: not an Ed25519 private key")
    return key


def load_sealing_key(directory: Path) -> X25519PrivateKey:
    """The key that opens what was sealed to this terminal; raises `KeyFileError`."""
    path = directory / "sealing.key"
    key = _private(path)
    if not isinstance(key, X25519PrivateKey):
        raise MalformedKeyError(f"{path}: not an X25519 private key")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 public key in PEM; raises `KeyFileError`."""
    try:
        key = load_pem_public_key(bytes(_read(path, _FETCH).view))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise MalformedKeyError(f"{path}: not an Ed25519 public key in PEM")
    return key


def _private(path: Path) -> object:
    with _read_secret(path) as content:
        try:
            return load_pem_private_key(content.view, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise MalformedKeyError(f"{path}: not an unencrypted private key in PEM") from None


def _read_secret(path: Path) -> Secret:
    try:
        mode = path.stat().st_mode
    except OSError:
        return _read(path)
    if stat.S_IMODE(mode) & 0o027:
        raise ExposedKeyError(f"{path}: others can read or write it; `chmod 0400 {path}`")
    return _read(path)


def _read(path: Path, mend: str = _MAKE) -> Secret:
    """The content, and zeros up to the most that a key file has."""
    content = Secret(_MAX_FILE_BYTES)
    try:
        with path.open("rb", buffering=0) as file:  # a buffered file would keep a copy
            file.readinto(content.view)
    except FileNotFoundError:
        raise MissingKeyError(f"{path}: there is no such key; {mend}") from None
    except OSError as error:
        raise KeyFileError(f"{path}: cannot be read: {error.strerror}") from error
    return content


def _place_random(path: Path, mode: int, owner: tuple[int, int] | None = None) -> bool:
    with Secret.random(RAW_KEY_BYTES) as key, key.hex() as text:
        return _place(path, text.view, mode, owner)


def _place(
    path: Path, content: bytes | memoryview, mode: int, owner: tuple[int, int] | None = None
) -> bool:
    """Write a file that appears whole or not at all; False when there is one already."""
    if path.exists():
        return False
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            if file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        try:
            os.link(aside, path)  # unlike a rename, this never replaces
        except FileExistsError:
            return False
    finally:
        aside.unlink()
    sync_directory(path.parent)
    return True


def _private_pem(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public_pem(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
