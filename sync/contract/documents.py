"""Signed documents: receipts and commands from headquarters, replies from a terminal.

Each is canonical JSON `{"body": {…}, "signature": base64}`; the signature is Ed25519 over
`kiosk-<purpose>-v1`, a zero byte and RFC 8785(body), so none can pass for another purpose.

- A **receipt** names the highest record without a gap before it that HQ has on disk. Of two
  receipts the one with the later `time` holds: HQ's times for one terminal only grow, also across
  its workers, so a stale retained copy never wins, and an HQ that lost records can say so.
- A **command** is for one terminal, numbered and expiring. Only `kiosk` carries it out.
- A **reply** says what became of a command, by the command's id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from pydantic import Field

from store.documents import open_document, seal_document
from store.errors import ForgedDocument, StoreError
from store.orders import MAX_SEALED
from store.records import Utc, utc_text
from sync.contract.errors import ForgedPayloadError, MalformedPayloadError, MisaddressedPayloadError
from sync.contract.topics import Address
from sync.contract.verify import Head
from sync.contract.wire import (
    MAX_PAYLOAD_BYTES,
    HexDigest,
    Identifier,
    Message,
    Name,
    Sequence,
    validate,
)


class Receipt(Message):
    """HQ has every record up to `seq` on disk, and `hash` is that record's hash."""

    v: Literal[1]
    site: Name
    terminal: Name
    seq: Sequence
    hash: HexDigest
    time: Utc

    @property
    def head(self) -> Head:
        """The record that the receipt names."""
        return Head(self.seq, bytes.fromhex(self.hash))


class Command(Message):
    """An order to one terminal; `number` only grows, after `expires` it is void."""

    v: Literal[1]
    id: Identifier
    number: Annotated[Sequence, Field(ge=1)]
    site: Name
    terminal: Name
    type: Annotated[str, Field(min_length=1, max_length=64)]
    expires: Utc
    arguments: dict[str, Any] = Field(default_factory=dict)


class Reply(Message):
    """What became of a command; `sealed` is for another terminal (`share`), in base64."""

    v: Literal[1]
    command: Identifier
    site: Name
    terminal: Name
    outcome: Annotated[str, Field(min_length=1, max_length=64)]
    detail: Annotated[str, Field(max_length=1000)] = ""
    sealed: Annotated[str, Field(max_length=MAX_SEALED)] | None = None
    time: Utc


AddressedT = TypeVar("AddressedT", Receipt, Command, Reply)


def build_receipt(key: Ed25519PrivateKey, address: Address, head: Head, now: datetime) -> bytes:
    """HQ's signed receipt for everything up to `head`."""
    body = {
        "v": 1,
        "site": address.site,
        "terminal": address.terminal,
        "seq": head.seq,
        "hash": head.hash.hex(),
        "time": utc_text(now),
    }
    return seal_document(key, "receipt", body)


def build_command(
    key: Ed25519PrivateKey,
    address: Address,
    *,
    command_id: str,
    number: int,
    type: str,
    expires: datetime,
    arguments: dict[str, Any],
) -> bytes:
    """HQ's signed command to one terminal."""
    body = {
        "v": 1,
        "id": command_id,
        "number": number,
        "site": address.site,
        "terminal": address.terminal,
        "type": type,
        "expires": utc_text(expires),
        "arguments": arguments,
    }
    return seal_document(key, "command", body)


def open_receipt(public_key: Ed25519PublicKey, address: Address, raw: bytes) -> Receipt:
    """Verify HQ's receipt for this terminal; raises an error of `sync.contract.errors`."""
    return _open(Receipt, public_key, "receipt", address, raw)


def open_command(public_key: Ed25519PublicKey, address: Address, raw: bytes) -> Command:
    """Verify HQ's command to this terminal (not its expiry); raises a ContractError."""
    return _open(Command, public_key, "command", address, raw)


def open_reply(public_key: Ed25519PublicKey, address: Address, raw: bytes) -> Reply:
    """Verify a terminal's reply; raises an error of `sync.contract.errors`."""
    return _open(Reply, public_key, "reply", address, raw)


def _open(
    model: type[AddressedT],
    public_key: Ed25519PublicKey,
    purpose: str,
    address: Address,
    raw: bytes,
) -> AddressedT:
    if len(raw) > MAX_PAYLOAD_BYTES:
        raise MalformedPayloadError(f"more than {MAX_PAYLOAD_BYTES} bytes")
    try:
        body = open_document(public_key, purpose, raw)
    except ForgedDocument as error:
        raise ForgedPayloadError(f"the {purpose}'s signature does not hold") from error
    except (StoreError, ValueError, RecursionError) as error:
        raise MalformedPayloadError(f"not a signed {purpose}") from error
    message = validate(model, body)
    if (message.site, message.terminal) != (address.site, address.terminal):
        raise MisaddressedPayloadError(f"the {purpose} is for another terminal")
    return message
