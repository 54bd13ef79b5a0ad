"""What headquarters says to a request to join while there is no admission: it waits, or is refused.

Signed by headquarters (purpose "join-notice") and bound to the request by its SHA-256, as the
admission is: nobody else can make a machine give up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from store.documents import open_document, seal_document
from store.errors import DocumentError, JoinDocumentError
from store.records import utc_text

State = Literal["waiting", "refused"]
MAX_WHY = 500  # characters; the longest reason is some 200


class JoinNotice(BaseModel):
    """`waiting` for an operator's signature, or `refused` and `why`."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    request: str
    state: State
    why: Annotated[str, Field(max_length=MAX_WHY)]
    made: AwareDatetime


def seal_notice(
    key: Ed25519PrivateKey, request: str, state: State, why: str, now: datetime
) -> bytes:
    """The signed notice to the request with this SHA-256 (hex)."""
    said = {"v": 1, "request": request, "state": state, "why": why[:MAX_WHY]}
    return seal_document(key, "join-notice", {**said, "made": utc_text(now)})


def open_notice(hq_key: Ed25519PublicKey, raw: bytes, request: str) -> JoinNotice:
    """The notice to exactly this request (SHA-256 in hex); raises JoinDocumentError."""
    try:
        notice = JoinNotice.model_validate(open_document(hq_key, "join-notice", raw))
    except (DocumentError, ValidationError):
        raise JoinDocumentError("not a notice of this site's headquarters") from None
    if notice.request != request:
        raise JoinDocumentError("the notice is to another request")
    return notice
