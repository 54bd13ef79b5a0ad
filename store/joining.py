"""How a new terminal becomes known: the one-time token, the request to join, the admission.

1. A token is 40 letters and digits of base32 in groups of five: 9 bytes of id, 14 of secret, 2 of a
   check against typing errors. Headquarters' database has the id alone; the secret is
   HMAC-SHA256 of the id under a key derived from headquarters' signing key. So whoever reads the
   database cannot join, and the token itself never travels.
2. The request (purpose "join") names site and terminal, the id, the terminal's public keys and a
   PKCS#10 request for its TLS certificate. Its `mac` is HMAC-SHA256 of all that under the token's
   secret: nothing of it can be exchanged on the way. It is signed by the key that it brings.
3. The admission (purpose "admission", signed by headquarters) names the request by its SHA-256 and
   brings the certificate.

None of the three is secret once the token is used; the request without the token is of no use to
anybody.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from store.canonical import canonical
from store.documents import open_document, seal_document
from store.errors import DocumentError, JoinDocumentError, TokenError
from store.records import utc_text
from store.self_signed import open_self_signed, pem_of
from store.settings import Label

ID_BYTES = 9
_SECRET_BYTES, _CHECK_BYTES = 14, 2
_TOKEN_CHARS, _GROUP = 40, 5
_MAX_BYTES = 64 * 1024  # a request is some 2 KiB, an admission with its chain some 5
_Pem = Annotated[str, Field(min_length=1, max_length=16 * 1024)]


@dataclass(frozen=True, slots=True)
class Token:
    """A token taken apart; `id` is hex."""

    id: str
    secret: bytes


class JoinRequest(BaseModel):
    """What a terminal asks with. `csr`, `signing` and `sealing` are PEM."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    site: Label
    terminal: Label
    token: Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * ID_BYTES}}}$")]
    csr: _Pem
    signing: _Pem
    sealing: _Pem
    made: AwareDatetime
    mac: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request whose own signature holds, with its public keys; `bound` is what `mac` covers."""

    raw: bytes
    request: JoinRequest
    signing: Ed25519PublicKey
    sealing: X25519PublicKey
    bound: dict[str, object]

    def proves(self, secret: bytes) -> bool:
        """Whether it was made with the token of this secret."""
        return hmac.compare_digest(_mac(secret, self.bound), self.request.mac)


class Admission(BaseModel):
    """What headquarters answers; `request` is the SHA-256 of the request, `certificate` PEM."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    site: str
    terminal: str
    request: str
    certificate: _Pem
    made: AwareDatetime


def token_of(key: Ed25519PrivateKey, id: str) -> str:
    """The token with this id (hex), as it is handed out."""
    raw = bytes.fromhex(id) + token_secret(key, id)
    text = base64.b32encode(raw + _check(raw)).decode("ascii").lower()
    return "-".join(text[n : n + _GROUP] for n in range(0, len(text), _GROUP))


def token_secret(key: Ed25519PrivateKey, id: str) -> bytes:
    """The secret half of a token, which only who has headquarters' signing key can tell."""
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=b"kiosk-join-tokens-v1")
    own = derived.derive(key.private_bytes_raw())
    return hmac.digest(own, bytes.fromhex(id), "sha256")[:_SECRET_BYTES]


def read_token(text: str) -> Token:
    """A token as somebody typed it: case, spaces and hyphens do not matter. Raises TokenError."""
    plain = "".join(text.replace("-", "").split()).upper()
    try:
        raw = base64.b32decode(plain) if len(plain) == _TOKEN_CHARS else b""
    except ValueError:
        raw = b""
    if not raw or raw[-_CHECK_BYTES:] != _check(raw[:-_CHECK_BYTES]):
        raise TokenError("this is no token, or it is mistyped; nothing was done; type it again")
    return Token(raw[:ID_BYTES].hex(), raw[ID_BYTES:-_CHECK_BYTES])


def seal_request(
    signer: Ed25519PrivateKey,
    sealing: X25519PublicKey,
    site: str,
    terminal: str,
    token: Token,
    csr: str,
    now: datetime,
) -> bytes:
    """The signed request of a terminal."""
    body: dict[str, object] = {
        "v": 1,
        "site": site,
        "terminal": terminal,
        "token": token.id,
        "csr": csr,
        "signing": pem_of(signer.public_key()),
        "sealing": sealing.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
        "made": utc_text(now),
    }
    return seal_document(signer, "join", {**body, "mac": _mac(token.secret, body)})


def open_request(raw: bytes) -> Asked:
    """A request as it came; raises JoinDocumentError. `Asked.proves` says about the token.

    A field that is not known here was signed and bound too, but means nothing: it is refused.
    """
    try:
        if len(raw) > _MAX_BYTES:
            raise JoinDocumentError("a request to join is not that long")
        body, key = open_self_signed("join", "signing", raw)
        request = JoinRequest.model_validate(body)
        sealing = load_pem_public_key(request.sealing.encode("ascii"))
    except (DocumentError, ValidationError, ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, JoinDocumentError):
            raise
        raise JoinDocumentError("not a request to join, or it was changed on the way") from None
    if not isinstance(sealing, X25519PublicKey) or body.keys() != JoinRequest.model_fields.keys():
        raise JoinDocumentError("not a request to join as this version knows it")
    bound = {name: value for name, value in body.items() if name != "mac"}
    return Asked(raw, request, key, sealing, bound)


def seal_admission(key: Ed25519PrivateKey, asked: Asked, certificate: str, now: datetime) -> bytes:
    """Headquarters' signed answer to a request."""
    body = {
        "v": 1,
        "site": asked.request.site,
        "terminal": asked.request.terminal,
        "request": digest(asked.raw),
        "certificate": certificate,
        "made": utc_text(now),
    }
    return seal_document(key, "admission", body)


def open_admission(hq_key: Ed25519PublicKey, raw: bytes, request: bytes) -> Admission:
    """The admission to exactly this request; raises JoinDocumentError."""
    try:
        if len(raw) > _MAX_BYTES:
            raise JoinDocumentError("an admission is not that long; nothing was taken from it")
        admission = Admission.model_validate(open_document(hq_key, "admission", raw))
    except (DocumentError, ValidationError) as error:
        raise JoinDocumentError(
            f"not an answer of this site's headquarters ({type(error).__name__}); nothing was taken"
        ) from None
    if admission.request != digest(request):
        raise JoinDocumentError(
            "the answer is to another request; nothing was taken from it; carry the newest request "
            "to headquarters again"
        )
    return admission


def digest(raw: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(raw).hexdigest()


def _mac(secret: bytes, body: dict[str, object]) -> str:
    return hmac.new(secret, b"kiosk-join-v1\0" + canonical(body), "sha256").hexdigest()


def _check(raw: bytes) -> bytes:
    return hashlib.sha256(b"kiosk-token\0" + raw).digest()[:_CHECK_BYTES]
