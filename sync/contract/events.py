"""The events topic: a batch of consecutive ledger records, each a CloudEvents 1.0 object.

- A payload is one JSON array; its records' `sequence` numbers follow each other.
- `data` is the record's payload object exactly as the ledger signed it, on the wire in its
  RFC 8785 form; `hash`, `previoushash` and `signature` let a reader check it (`verify`).
- A batch holds at most 100 records and 256 KiB when built here; a reader takes up to 1000.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from store.records import Utc
from sync.contract.errors import MalformedPayloadError
from sync.contract.topics import Address
from sync.contract.wire import (
    HexDigest,
    Identifier,
    Message,
    Name,
    load_json,
    validate,
)
from sync.contract.wire import (
    Sequence as SequenceNumber,
)

MAX_BATCH_RECORDS = 100
MAX_BATCH_BYTES = 256 * 1024
MAX_READ_RECORDS = 1000
TYPE_PREFIX = "kiosk."
TYPE_SUFFIX = ".v1"


class LedgerRecord(Protocol):
    """What an event is built from: a row of the ledger."""

    @property
    def seq(self) -> int:
        """Its number, from 1."""

    @property
    def id(self) -> str:
        """Its UUIDv7."""

    @property
    def kind(self) -> str:
        """`punch`, `boot`, …."""

    @property
    def payload(self) -> bytes:
        """RFC 8785 bytes."""

    @property
    def previous(self) -> bytes:
        """The hash before it, 32 bytes."""

    @property
    def hash(self) -> bytes:
        """Its own hash, 32 bytes."""

    @property
    def signature(self) -> bytes:
        """Ed25519, 64 bytes."""


class RecordTime(Message):
    """When a record was made, as far as every consumer needs it; the rest is kept."""

    utc: Utc


class RecordData(Message):
    """The signed payload of a record, as far as every consumer needs it; the rest is kept."""

    v: int = Field(ge=1)
    site: Name
    terminal: Name
    seq: SequenceNumber
    id: Identifier
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    time: RecordTime
    body: dict[str, Any]


class Event(Message):
    """One record as a CloudEvents 1.0 object in structured JSON."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Annotated[str, Field(max_length=200)]
    type: Annotated[str, Field(max_length=100, description="kiosk.<kind>.v1")]
    time: Utc
    datacontenttype: Literal["application/json"]
    sequence: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,15}$")]
    previoushash: HexDigest
    hash: HexDigest
    signature: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{86}==$", description="Ed25519")]
    data: dict[str, Any]

    @property
    def seq(self) -> int:
        """The record's number as an integer."""
        return int(self.sequence)

    @property
    def kind(self) -> str | None:
        """`punch` for `kiosk.punch.v1`; None for a type that this version does not know."""
        if self.type.startswith(TYPE_PREFIX) and self.type.endswith(TYPE_SUFFIX):
            return self.type[len(TYPE_PREFIX) : -len(TYPE_SUFFIX)]
        return None


def build_event(record: LedgerRecord) -> bytes:
    """One record as CloudEvents JSON; `data` holds the ledger's own bytes."""
    content = json.loads(record.payload)
    address = Address(content["site"], content["terminal"])
    attributes = {
        "specversion": "1.0",
        "id": record.id,
        "source": address.source,
        "type": f"{TYPE_PREFIX}{record.kind}{TYPE_SUFFIX}",
        "time": content["time"]["utc"],
        "datacontenttype": "application/json",
        "sequence": str(record.seq),
        "previoushash": record.previous.hex(),
        "hash": record.hash.hex(),
        "signature": base64.b64encode(record.signature).decode("ascii"),
    }
    head = json.dumps(attributes, separators=(",", ":")).encode("utf-8")
    return head[:-1] + b',"data":' + record.payload + b"}"


def build_batch(
    records: Iterable[LedgerRecord],
    max_records: int = MAX_BATCH_RECORDS,
    max_bytes: int = MAX_BATCH_BYTES,
) -> tuple[bytes, int]:
    """The longest batch of the first records within both limits, and how many it holds.

    At least one record goes in, whatever its size; no records give an empty array and 0.
    """
    parts: list[bytes] = []
    size = 2
    for record in records:
        part = build_event(record)
        if parts and (len(parts) >= max_records or size + len(part) + 1 > max_bytes):
            break
        parts.append(part)
        size += len(part) + 1
    return b"[" + b",".join(parts) + b"]", len(parts)


def parse_batch(raw: bytes) -> Sequence[Event]:
    """The events of a payload, in their order; raises MalformedPayloadError."""
    value = load_json(raw)
    if not isinstance(value, list):
        raise MalformedPayloadError("a batch is a JSON array")
    if len(value) > MAX_READ_RECORDS:
        raise MalformedPayloadError(f"a batch holds at most {MAX_READ_RECORDS} records")
    return [validate(Event, item) for item in value]
