"""The chain's arithmetic: what a record's hash and signature are. Pure; no clock, no disk.

- `hash = SHA-256(previous ‖ payload)`, where `previous` is the hash of the record before it and
  `GENESIS` for the first.
- `signature = Ed25519("kiosk-record-v1" ‖ 0x00 ‖ hash)`: the prefix keeps a record's signature from
  passing for anything else that the terminal signs.
- Contiguity of the numbers and sameness of links are not here; the ledger checks those.

    hash = record_hash(GENESIS, payload)
    check_record(public_key, GENESIS, payload, hash, sign_record(key, hash))   # True
"""

from __future__ import annotations

import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

HASH_BYTES = 32
SIGNATURE_BYTES = 64
GENESIS = bytes(HASH_BYTES)
_CONTEXT = b"kiosk-record-v1\0"


def record_hash(previous: bytes, payload: bytes) -> bytes:
    """SHA-256 of the previous record's hash (32 bytes) and this record's canonical payload."""
    if len(previous) != HASH_BYTES:
        raise ValueError(f"a hash is {HASH_BYTES} bytes, not {len(previous)}")
    return hashlib.sha256(previous + payload).digest()


def sign_record(key: Ed25519PrivateKey, hash_: bytes) -> bytes:
    """The terminal's signature (64 bytes) over a record's hash (32 bytes)."""
    if len(hash_) != HASH_BYTES:
        raise ValueError(f"a hash is {HASH_BYTES} bytes, not {len(hash_)}")
    return key.sign(_CONTEXT + hash_)


def check_record(
    public_key: Ed25519PublicKey, previous: bytes, payload: bytes, hash_: bytes, signature: bytes
) -> bool:
    """Whether the hash is that of `previous` and `payload` and the signature holds for it."""
    if len(previous) != HASH_BYTES:
        return False
    if not hmac.compare_digest(record_hash(previous, payload), hash_):
        return False
    try:
        public_key.verify(signature, _CONTEXT + hash_)
    except InvalidSignature:
        return False
    return True
