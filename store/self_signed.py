"""Signed documents that bring their own key along: site files and requests to join.

The signature proves that whoever made the document has the key in it, and no more: whose key it is
is for the caller to ask (a fingerprint that people compare, a token).
"""

from __future__ import annotations

import hashlib
import json

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from store.documents import open_document
from store.errors import MalformedDocument


def open_self_signed(
    purpose: str, field: str, raw: bytes
) -> tuple[dict[str, object], Ed25519PublicKey]:
    """The body, and the Ed25519 key that stands in its `field` as PEM and signed it.

    Raises `MalformedDocument`, `ForgedDocument`.
    """
    try:
        body = json.loads(raw)["body"]
        key = load_pem_public_key(body[field].encode("ascii"))
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise MalformedDocument(f"not a {purpose} document with its key") from error
    except UnsupportedAlgorithm as error:
        raise MalformedDocument("an unknown kind of key") from error
    if not isinstance(key, Ed25519PublicKey):
        raise MalformedDocument("its key is no Ed25519 key")
    return open_document(key, purpose, raw), key


def pem_of(key: Ed25519PublicKey) -> str:
    """The PEM text of a public key."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key as 16 groups of 4 hex digits, for people to compare."""
    digits = hashlib.sha256(key.public_bytes_raw()).hexdigest()
    return " ".join(digits[n : n + 4] for n in range(0, len(digits), 4))
