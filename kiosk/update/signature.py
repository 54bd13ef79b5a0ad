"""The door to minisign: a release's file is signed by one Ed25519 key, in minisign's format.

py-minisign is kept by minisign's author among others and stands on `cryptography`; the same files
are made and checked by the `minisign` program. The prehashed kind alone is taken: BLAKE2b-512 of
the file, read in parts, so that a release of any size fits a small memory.
"""

from __future__ import annotations

from pathlib import Path

import minisign

from kiosk.update.errors import UntrustedError

SUFFIX = ".minisig"
_MOST_BYTES = 16 * 1024  # a key has some 120 bytes, a signature some 330 and a comment


def check(file: Path, signature: bytes, public_key: bytes) -> str:
    """The trusted comment of a signature that holds; raises `UntrustedError`, and `OSError`."""
    if max(len(signature), len(public_key)) > _MOST_BYTES:
        raise UntrustedError(f"{file.name}: its signature or the public key is no minisign file")
    try:
        key = minisign.PublicKey.from_bytes(public_key)
        signed = minisign.Signature.from_bytes(signature)
        if not signed.is_prehashed():
            raise minisign.ParseError("not of the prehashed kind")
        with file.open("rb") as content:
            key.verify(content, signed)
    except minisign.Error as error:
        raise UntrustedError(
            f"{file.name}: {error}; nothing of it was opened; get release and signature anew, and "
            "compare the public key with the publisher's"
        ) from None
    return str(signed.trusted_comment)


def sign(file: Path, secret_key: minisign.SecretKey, comment: str) -> bytes:
    """The signature file's content; the key is open. Raises `OSError`."""
    with file.open("rb") as content:
        signed = secret_key.sign(content, prehash=True, trusted_comment=comment)
    return bytes(signed) + b"\n"
