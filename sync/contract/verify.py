"""What a consumer must check before it believes an event, and where the event stands in the chain.

1. `check_event`: the envelope and the signed data say the same, of the terminal that the topic
   names; SHA-256(previous hash ‖ RFC 8785(data)) is the hash; the terminal's Ed25519 key signed it.
2. A `resumption` (`skips`) comes after the records that the terminal held before it, and skips the
   numbers up to its own: they were lost, or never used. It names as its previous hash that of
   headquarters' record `after_seq`; a head of that number with another hash is another history.
3. `place`: against the head (highest record accepted so far) the event is NEXT, KNOWN, a GAP or a
   FORK. Only NEXT moves the head. A FORK is an alarm and never overwrites anything.

A KNOWN event may still be a fork further down: who keeps the hashes compares them.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.canonical import canonical
from store.chain import GENESIS, check_record
from store.errors import StoreError
from store.records import BODIES, Checkpoint, Resumption
from sync.contract.errors import ForgedPayloadError, MalformedPayloadError, MisaddressedPayloadError
from sync.contract.events import Event, RecordData
from sync.contract.topics import Address
from sync.contract.wire import validate


@dataclass(frozen=True, slots=True)
class Head:
    """The highest record accepted so far: its number (0: none) and its hash (32 bytes)."""

    seq: int
    hash: bytes


START = Head(0, GENESIS)


class Place(Enum):
    """Where an event stands against the head."""

    NEXT = "next"
    KNOWN = "known"
    GAP = "gap"
    FORK = "fork"


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event whose hash and signature hold. `payload` is RFC 8785 bytes, hashes are 32 bytes."""

    address: Address
    seq: int
    id: str
    kind: str
    utc: datetime
    payload: bytes
    previous: bytes
    hash: bytes
    signature: bytes
    data: RecordData


def check_event(address: Address, public_key: Ed25519PublicKey, event: Event) -> CheckedEvent:
    """Check one event by itself; raises an error of `sync.contract.errors`."""
    data = validate(RecordData, event.data)
    if event.source != address.source or (data.site, data.terminal) != (
        address.site,
        address.terminal,
    ):
        raise MisaddressedPayloadError("the event speaks of another terminal than its topic")
    if data.seq != event.seq or data.id != event.id or event.kind not in (None, data.kind):
        raise MalformedPayloadError("the envelope says something else than the signed data")
    try:
        payload = canonical(event.data)
    except (StoreError, ValueError, RecursionError) as error:
        raise MalformedPayloadError("the data has no canonical form") from error
    checked = CheckedEvent(
        address=address,
        seq=data.seq,
        id=data.id,
        kind=data.kind,
        utc=data.time.utc,
        payload=payload,
        previous=bytes.fromhex(event.previoushash),
        hash=bytes.fromhex(event.hash),
        signature=base64.b64decode(event.signature),
        data=data,
    )
    if not _holds(public_key, checked):
        raise ForgedPayloadError("the record's hash or signature does not hold")
    return checked


def skips(event: CheckedEvent) -> Resumption | Checkpoint | None:
    """What the event says of numbers that will not come (any more); None if nothing.

    A resumption that says to follow another record than the one whose hash it names says nothing.
    """
    if event.kind not in (Resumption.kind, Checkpoint.kind):
        return None
    try:
        body = BODIES[event.kind].model_validate(event.data.body)
    except ValueError:
        return None  # a later form, not known here
    if isinstance(body, Resumption):
        return body if body.after_hash == event.previous.hex() else None
    return body if isinstance(body, Checkpoint) else None


def place(head: Head, event: CheckedEvent) -> Place:
    """Where the event stands against `head`."""
    said = skips(event)
    if isinstance(said, Resumption) and said.held_seq <= head.seq < event.seq:
        other = head.seq == said.after_seq and head.hash != event.previous
        return Place.FORK if other else Place.NEXT
    if event.seq == head.seq + 1:
        return Place.NEXT if event.previous == head.hash else Place.FORK
    if event.seq > head.seq:
        return Place.GAP
    if event.seq == head.seq and event.hash != head.hash:
        return Place.FORK
    return Place.KNOWN


def _holds(public_key: Ed25519PublicKey, event: CheckedEvent) -> bool:
    return bool(
        check_record(public_key, event.previous, event.payload, event.hash, event.signature)
    )
