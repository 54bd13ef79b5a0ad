"""Headquarters' signing key: `hq.key` (Ed25519, PKCS#8 PEM, 0400) and `hq.pub` (PEM) for terminals.

A key is never overwritten: every terminal trusts this one.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from hq.errors import KeyFileError
from store.files import sync_directory


def create_keys(directory: Path) -> tuple[Path, Path]:
    """Make `hq.key` and `hq.pub`; raises KeyFileError when one is there already."""
    private, public = directory / "hq.key", directory / "hq.pub"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (private, public):
            if path.exists():
                raise KeyFileError(f"{path}: is there already; terminals trust it, it stays")
        key = Ed25519PrivateKey.generate()
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _place(private, secret, 0o400)
        _place(public, public_pem(key.public_key()).encode("ascii"), 0o444)
    except KeyFileError:
        raise
    except OSError as error:
        raise KeyFileError(f"{directory}: cannot be written: {error.strerror}") from error
    return private, public


def load_key(path: Path) -> Ed25519PrivateKey:
    """The signing key; raises KeyFileError."""
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}; `kiosk-hq keys create` makes one") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(f"{path}: not an unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: not an Ed25519 private key")
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """A terminal's public key file; raises KeyFileError."""
    try:
        return parse_public_key(path.read_text(encoding="ascii"))
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    except ValueError:
        raise KeyFileError(f"{path}: not an Ed25519 public key in PEM") from None


def read_sealing_key(path: Path) -> X25519PublicKey:
    """A terminal's `sealing.pub`; raises KeyFileError."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, X25519PublicKey):
        raise KeyFileError(f"{path}: not an X25519 public key in PEM")
    return key


def parse_public_key(pem: str) -> Ed25519PublicKey:
    """A public key from its PEM text; raises ValueError."""
    try:
        key = load_pem_public_key(pem.encode("ascii"))
    except UnsupportedAlgorithm as error:
        raise ValueError("an unknown kind of key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")
    return key


def public_pem(key: Ed25519PublicKey) -> str:
    """The PEM text of a public key."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def _place(path: Path, content: bytes, mode: int) -> None:
    """Write it aside, fsync, rename, fsync the folder."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    aside.rename(path)
    sync_directory(path.parent)
