"""Strict JSON and the small types that the payloads share.

- JSON is UTF-8 without duplicate keys, NaN or Infinity; too deep or too long is malformed.
- Frozen models keep fields they do not know (`extra="allow"`).
"""

from __future__ import annotations

import json
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sync.contract.errors import MalformedPayloadError

# Above what a batch may be (256 KiB) with room for later versions; HQ and terminals read no more.
MAX_PAYLOAD_BYTES = 1024 * 1024
SAFE_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: what every JSON reader keeps exactly

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
HexDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, lower-case hex")]
Identifier = Annotated[str, Field(pattern=r"^[!-~]{1,64}$")]
Sequence = Annotated[int, Field(ge=0, le=SAFE_INTEGER, strict=True)]

ModelT = TypeVar("ModelT", bound=BaseModel)


class Message(BaseModel):
    """Base of every payload: frozen, and unknown fields are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")


def load_json(raw: bytes) -> object:
    """Parse strictly; raises MalformedPayloadError."""
    if len(raw) > MAX_PAYLOAD_BYTES:
        raise MalformedPayloadError(f"more than {MAX_PAYLOAD_BYTES} bytes")
    try:
        return json.loads(
            raw.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise MalformedPayloadError("not strict JSON") from error


def validate(model: type[ModelT], value: object) -> ModelT:
    """Validate parsed JSON; MalformedPayloadError names the wrong fields, never their values."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in e["loc"])[:80] for e in error.errors()})
        raise MalformedPayloadError(f"not a {model.__name__}: {', '.join(places[:8])}") from None
    except RecursionError:
        raise MalformedPayloadError(f"not a {model.__name__}: too deep") from None


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
