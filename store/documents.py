"""Signed JSON documents: receipts and commands from headquarters, replies from a terminal, and the
state of headquarters' settings that a terminal keeps for itself.

- A document is the RFC 8785 form of `{"body": {…}, "signature": base64}`.
- The signature is Ed25519 over `kiosk-<purpose>-v1`, a zero byte and RFC 8785(body), so that a
  document of one purpose never passes for another.
- `open_document` returns a body only when its signature holds. What the body means (for whom, until
  when, which number) is for the caller to check.

    raw = seal_document(key, "receipt", {"v": 1, "seq": 12})
    open_document(key.public_key(), "receipt", raw)   # {"v": 1, "seq": 12}
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from store.canonical import canonical
from store.errors import ForgedDocument, MalformedDocument, NotCanonicalError

PURPOSES = frozenset(
    {
        "receipt",
        "command",
        "reply",
        "settings",
        "site",
        "join",
        "join-notice",
        "admission",
        "leaving",
    }
)


def seal_document(key: Ed25519PrivateKey, purpose: str, body: Mapping[str, object]) -> bytes:
    """The signed document of a body; raises `NotCanonicalError` for a body without such a form."""
    signature = key.sign(_signed(purpose, canonical(body)))
    return canonical({"body": body, "signature": base64.b64encode(signature).decode("ascii")})


def open_document(public_key: Ed25519PublicKey, purpose: str, raw: bytes) -> dict[str, object]:
    """The body of a document whose signature holds.

    Raises `MalformedDocument` when the bytes are no document, `ForgedDocument` when the signature
    is not this key's for this purpose.
    """
    document = _parse(raw)
    if not isinstance(document, dict) or document.keys() != {"body", "signature"}:
        raise MalformedDocument("not an object of exactly a body and a signature")
    body, signature = document["body"], document["signature"]
    if not isinstance(body, dict) or not isinstance(signature, str):
        raise MalformedDocument("the body is no object or the signature no text")
    try:
        signed = _signed(purpose, canonical(body))
    except NotCanonicalError as error:
        raise MalformedDocument("the body has no canonical form") from error
    try:
        public_key.verify(_decoded(signature), signed)
    except InvalidSignature:
        raise ForgedDocument(f"the signature is not that key's on a {purpose}") from None
    return body


def _decoded(signature: str) -> bytes:
    try:
        decoded = base64.b64decode(signature, validate=True)
    except ValueError as error:
        raise MalformedDocument("the signature is not base64") from error
    # Base64 has spare bits: a document has one form, or its bytes could change and still hold.
    if base64.b64encode(decoded).decode("ascii") != signature:
        raise MalformedDocument("the signature is not base64 in its one form")
    return decoded


def _signed(purpose: str, body: bytes) -> bytes:
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose!r} is no purpose; there are {', '.join(sorted(PURPOSES))}")
    return f"kiosk-{purpose}-v1\0".encode("ascii") + body


def _parse(raw: bytes) -> object:
    try:
        value: object = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise MalformedDocument("not strict JSON") from error
    return value


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
