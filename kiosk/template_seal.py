"""A person's templates on their way to one other terminal: sealed so that only that one reads them.

- HPKE (RFC 9180), base mode: X25519, HKDF-SHA256, ChaCha20-Poly1305. Only the receiving terminal's
  `sealing.key` opens it; not the sender's, not headquarters', not another terminal's.
- `info` binds site, sender, receiver, person and headquarters' number: a seal that is put into
  another envelope does not open. The model and the consent are inside and bound with the rest.
- Inside are vectors free of any terminal's transform. They are in memory only, and nowhere else.
- HPKE in base mode does not say who sealed. That is headquarters' word: it takes seals from the
  terminal's signed reply and signs the command that carries them.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kiosk.errors import SealError
from recognizer.coverage import MAX_TEMPLATES
from store.canonical import canonical
from store.people import MAX_NAME
from store.records import HexDigest, Number, Utc, Word, utc_text
from store.register import Agreement

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_MAX_DIMENSION = 512  # of the embedders in models/manifest.toml and those they are chosen from
_UNIT_TOLERANCE = 1e-3  # as `store.people` takes in
Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom, about whom, and headquarters' number."""

    site: str
    sender: str
    receiver: str
    person: str
    change: int

    def info(self) -> bytes:
        """What HPKE binds the seal to."""
        return b"kiosk-template-v1\0" + canonical(
            {
                "site": self.site,
                "sender": self.sender,
                "receiver": self.receiver,
                "person": self.person,
                "change": self.change,
            }
        )


@dataclass(frozen=True, slots=True)
class Letter:
    """What travels: (n, d) float32 vectors of length 1, each one's quality, model and consent.

    `name` and `language` are for a terminal that does not know the person yet. `enrolled` is the
    consent that they were enrolled with, `agreement` the one for the site, given at `given`.
    """

    name: str
    language: str
    model: str
    vectors: Vectors
    qualities: tuple[int, ...]
    enrolled: Agreement
    agreement: Agreement
    given: str


class _Template(BaseModel):
    vector: Annotated[str, Field(min_length=4, max_length=4 * _MAX_DIMENSION * 2)]
    quality: Annotated[int, Field(ge=0, le=1_000_000, strict=True)]


class _Agreement(BaseModel):
    text_version: Word
    text_digest: HexDigest
    how: Annotated[str, Field(min_length=1, max_length=1000)]
    witness: Number | None = None

    def value(self) -> Agreement:
        """As the store has it."""
        return Agreement(self.text_version, self.text_digest, self.how, self.witness)


class _Content(BaseModel):
    """The plaintext; unknown fields are passed over."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1]
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    language: Annotated[str, Field(min_length=1, max_length=35)]
    model: HexDigest
    templates: Annotated[list[_Template], Field(min_length=1, max_length=MAX_TEMPLATES)]
    enrolled: _Agreement
    agreement: _Agreement
    given: Utc


def seal(letter: Letter, envelope: Envelope, receiver: bytes) -> str:
    """The letter sealed to a receiver's raw X25519 key (32 bytes), in base64.

    Raises `SealError` for what is no such key, and for more templates than anybody has.
    """
    if not 1 <= len(letter.vectors) <= MAX_TEMPLATES:
        raise SealError(f"{len(letter.vectors)} templates; 1 to {MAX_TEMPLATES} can be sealed")
    content = {
        "v": 1,
        "name": letter.name,
        "language": letter.language,
        "model": letter.model,
        "templates": [
            {"vector": base64.b64encode(v.astype("<f4").tobytes()).decode(), "quality": q}
            for v, q in zip(letter.vectors, letter.qualities, strict=True)
        ],
        "enrolled": asdict(letter.enrolled),
        "agreement": asdict(letter.agreement),
        "given": letter.given,
    }
    try:
        key = X25519PublicKey.from_public_bytes(receiver)
        sealed = _SUITE.encrypt(canonical(content), key, envelope.info())
    except ValueError:  # not 32 bytes, or a point of small order
        raise SealError("the receiver's key is no X25519 public key") from None
    return base64.b64encode(sealed).decode("ascii")


def open_seal(sealed: str, envelope: Envelope, key: X25519PrivateKey) -> Letter:
    """The letter in a seal to this terminal; raises `SealError`."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        content = _Content.model_validate_json(_SUITE.decrypt(raw, key, envelope.info()))
        vectors = _vectors(content.templates)
    except (InvalidTag, ValidationError, ValueError):
        # Nothing of the cause: a ValidationError shows what it read.
        raise SealError("it does not open with this terminal's key") from None
    return Letter(
        content.name,
        content.language,
        content.model,
        vectors,
        tuple(t.quality for t in content.templates),
        content.enrolled.value(),
        content.agreement.value(),
        utc_text(content.given),
    )


def _vectors(templates: Sequence[_Template]) -> Vectors:
    rows = [np.frombuffer(base64.b64decode(t.vector, validate=True), "<f4") for t in templates]
    vectors = np.stack(rows).astype(np.float32)  # ValueError for unequal lengths
    if not bool((abs(np.linalg.norm(vectors, axis=1) - 1) <= _UNIT_TOLERANCE).all()):
        raise ValueError("not of length 1")
    return vectors
