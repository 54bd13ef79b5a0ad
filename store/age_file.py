"""The door to age (https://age-encryption.org/v1): files encrypted to public keys.

- X25519 keys only: `age1…` is public, `AGE-SECRET-KEY-1…` opens. `age-keygen` makes both.
- Everything streams; nothing of the plain text is on a disk because of this module.
- age says that a file was not changed since it was encrypted, not who encrypted it: anybody who has
  the public key can make one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyrage

from store.errors import DamagedArchiveError, IdentityError, RecipientError

_MAX_FILE_BYTES = 64 * 1024
_MAX_HEADER_BYTES = 64 * 1024  # some 600 recipients
_FIRST_LINE = b"age-encryption.org/v1\n"
# A nonce of 16 bytes and one empty chunk's tag of 16: no payload is shorter.
_LEAST_PAYLOAD_BYTES = 32


def check_recipient(text: str) -> str:
    """The public key as it is written; raises `RecipientError`."""
    try:
        return str(pyrage.x25519.Recipient.from_str(text.strip()))
    except pyrage.RecipientError:
        raise RecipientError(
            "not an age public key (age1…); `age-keygen -y KEY` shows it"
        ) from None


def read_recipients(path: Path) -> tuple[str, ...]:
    """The public keys in a file, one a line; `#` begins a comment. Raises `RecipientError`."""
    found = []
    for number, line in _lines(path, RecipientError):
        try:
            found.append(check_recipient(line))
        except RecipientError as error:
            raise RecipientError(f"{path} line {number}: {error}") from None
    return tuple(found)


def recipient_id(recipient: str) -> str:
    """What a record names a recipient by: the first 16 hex of the SHA-256 of the key as text."""
    return hashlib.sha256(recipient.encode("ascii")).hexdigest()[:16]


class Identities:
    """Secret keys of age's; they are in no message."""

    def __init__(self, path: Path) -> None:
        """Read a key file as `age-keygen` writes it. Raises `IdentityError`."""
        self.keys = []
        for number, line in _lines(path, IdentityError):
            try:
                self.keys.append(pyrage.x25519.Identity.from_str(line))
            except pyrage.IdentityError:
                raise IdentityError(
                    f"{path} line {number}: not an age secret key (AGE-SECRET-KEY-1…); decrypt a "
                    "key that has a passphrase with `age -d` first"
                ) from None
        if not self.keys:
            raise IdentityError(f"{path}: there is no age secret key in it")


def _lines(
    path: Path, error: type[RecipientError] | type[IdentityError]
) -> Iterator[tuple[int, str]]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES).decode("ascii")
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}") from None
    except UnicodeDecodeError:
        raise error(f"{path}: not a text file of age keys") from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line.strip()


def encrypt(parts: Iterator[bytes], write: Callable[[bytes], object], to: Sequence[str]) -> None:
    """Encrypt to every recipient; raises what `parts` and `write` raise, and `RecipientError`."""
    if not to:
        raise RecipientError("there is nobody to encrypt to; name recipients in [backup]")
    source, target = _Source(parts), _Target(write)
    try:
        keys = [pyrage.x25519.Recipient.from_str(text) for text in to]
        pyrage.encrypt_io(source, target, keys)
    except (pyrage.EncryptError, OSError) as error:
        # The library wraps what our side raised in an error of its own.
        raise (source.error or target.error or error) from None


def decrypt(file: BinaryIO, write: Callable[[bytes], object], identities: Identities) -> None:
    """Decrypt to `write`, which has everything that is authentic when this returns.

    Raises `IdentityError`, `DamagedArchiveError`, OSError from reading, and what `write` raises.
    """
    target = _Target(write)
    try:
        pyrage.decrypt_io(file, target, identities.keys)
    except (pyrage.DecryptError, OSError) as error:
        if target.error is not None:
            raise target.error from None
        if isinstance(error, pyrage.DecryptError) and "No matching keys" in str(error):
            raise IdentityError("it is encrypted to another key than this identity's") from None
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedArchiveError("it is cut off, was changed, or is no age file") from None


def read_header(file: BinaryIO) -> int:
    """How many public keys it is encrypted to, without a key; reads from the beginning.

    Raises `DamagedArchiveError` for what is no whole header, or has nothing behind it.
    """
    raw = file.read(_MAX_HEADER_BYTES + _LEAST_PAYLOAD_BYTES)
    end = re.search(rb"\n--- [A-Za-z0-9+/]{43}\n", raw)
    if not raw.startswith(_FIRST_LINE) or end is None:
        raise DamagedArchiveError("it does not begin as an age file does")
    if len(raw) - end.end() < _LEAST_PAYLOAD_BYTES:
        raise DamagedArchiveError("it ends with its header")
    recipients = len(re.findall(rb"^-> X25519 ", raw[: end.start()], re.MULTILINE))
    if not recipients:
        raise DamagedArchiveError("it is encrypted to no age public key")
    return recipients


class _Source:
    """A file to read from, made of parts; keeps what they raised."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._rest:
                self._rest = next(self._parts)
        except StopIteration:
            return b""
        except BaseException as error:
            self.error = error
            raise
        size = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


class _Target:
    """A file to write to; keeps what writing raised."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self.error: BaseException | None = None

    def write(self, data: bytes) -> int:
        try:
            self._write(data)
        except BaseException as error:
            self.error = error
            raise
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""
