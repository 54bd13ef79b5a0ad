"""Real messages for the exported contract: fixed keys and times, signed by the code that signs.

- The keys are published test keys. They protect nothing.
- Every kind of record and type of command has a sample, made from its schema: a new one has its own
  without anybody writing it.
- The same program makes the same bytes everywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel

from store.chain import record_hash, sign_record
from store.documents import seal_document
from store.records import BODIES, Body, Instant, Record, build_payload, utc_text
from sync.contract.commands import COMMANDS
from sync.contract.documents import build_command, build_receipt
from sync.contract.schemas import Schema
from sync.contract.status import build_status
from sync.contract.topics import Address
from sync.contract.verify import START, Head

TERMINAL_SEED = bytes(range(1, 33))
HQ_SEED = bytes(range(32))
STRANGER_SEED = bytes(range(2, 34))
TERMINAL_KEY = Ed25519PrivateKey.from_private_bytes(TERMINAL_SEED)
HQ_KEY = Ed25519PrivateKey.from_private_bytes(HQ_SEED)
STRANGER_KEY = Ed25519PrivateKey.from_private_bytes(STRANGER_SEED)
GATE = Address("plant-1", "gate-a")
MORNING = datetime(2026, 3, 2, 7, 58, 3, 120000, tzinfo=UTC)
# What reads better than a value made from the type alone.
_WORDS: dict[str, Any] = {
    "person": "4711",
    "witness": "12",
    "by": "12",
    "approved_by": "13",
    "reason": "stopped",
    "detail": "",
    "day": "2026-03-02",
    "month": "2026-02",
    "key": "CQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJyg=",
    "badges": "0009127734",
    "pin_hash": (  # of 2718, salted with the bytes 0 to 15
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0OD"
        "w$FT4KJvYF+MyTVPZAEQ6doXZW6bEFauWY0Ta0udJOIjo"
    ),
}


def uuid7(number: int) -> str:
    """A UUIDv7 that is always the same for a number."""
    return f"019cad5a-7b40-7000-8000-{number:012x}"


def instant(number: int) -> Instant:
    """The time of record `number`: a minute after the one before."""
    return Instant(
        utc=MORNING + timedelta(minutes=number),
        zone="Europe/Berlin",
        boot="7d3cbd24-0c5e-4a52-9c0e-3a1f0d1b8a77",
        monotonic_ns=2**60 + number * 60_000_000_000,  # beyond 2^53, so a decimal string
        synchronised=True,
        error_ms=3,
    )


def signed_record(head: Head, kind: str, payload: bytes, record_id: str) -> Record:
    """The record of a payload that follows `head`."""
    hash_ = record_hash(head.hash, payload)
    return Record(
        head.seq + 1, record_id, kind, payload, head.hash, hash_, sign_record(TERMINAL_KEY, hash_)
    )


def records() -> Sequence[Record]:
    """A chain with one record of every kind."""
    made: list[Record] = []
    head = START
    for number, model in enumerate(BODIES.values(), 1):
        record_id = uuid7(number)
        body = sample(model)
        payload = build_payload(GATE.site, GATE.terminal, number, record_id, body, instant(number))
        made.append(signed_record(head, body.kind, payload, record_id))
        head = Head(number, made[-1].hash)
    return made


def sample(model: type[Body]) -> Body:
    """A body of the kind; a pydantic ValidationError means that the kind needs a word above."""
    return model.model_validate(_from_schema(model))


def receipt(key: Ed25519PrivateKey = HQ_KEY) -> bytes:
    """Headquarters' receipt for the whole sample chain."""
    last = records()[-1]
    return build_receipt(key, GATE, Head(last.seq, last.hash), MORNING + timedelta(hours=1))


def command(type: str, key: Ed25519PrivateKey = HQ_KEY) -> bytes:
    """A command of a type in `COMMANDS`."""
    number = 1 + list(COMMANDS).index(type)
    return build_command(
        key,
        GATE,
        command_id=uuid7(0x1000 + number),
        number=number,
        type=type,
        expires=MORNING + timedelta(hours=2),
        arguments=_from_schema(COMMANDS[type]),
    )


def reply(key: Ed25519PrivateKey = TERMINAL_KEY) -> bytes:
    """The terminal's reply to the first command."""
    body = {
        "v": 1,
        "command": uuid7(0x1001),
        "site": GATE.site,
        "terminal": GATE.terminal,
        "outcome": "done",
        "detail": "from 1",
        "time": utc_text(MORNING + timedelta(hours=1, minutes=1)),
    }
    return seal_document(key, "reply", body)


def status() -> bytes:
    """A terminal's status with some records on the way."""
    return build_status(state="online", now=MORNING, head=12, confirmed=9, version="0.1.0")


def _from_schema(model: type[BaseModel]) -> Any:
    whole = model.model_json_schema()
    return _value(whole, "", whole.get("$defs", {}))


def _value(schema: Schema, name: str, definitions: Schema) -> Any:  # noqa: PLR0911 (one a JSON type)
    if "$ref" in schema:
        return _value(definitions[schema["$ref"].rsplit("/", 1)[1]], name, definitions)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return _value(schema[choice][0], name, definitions)
    for fixed in ("const", "default"):
        if schema.get(fixed) is not None:
            return schema[fixed]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {key: _value(inner, key, definitions) for key, inner in fields.items()}
    if kind == "array":
        return [_value(schema["items"], name, definitions)] if "items" in schema else []
    if kind == "string":
        return _text(schema, name)
    simple: dict[str | None, Any] = {"integer": max(1, schema.get("minimum", 1)), "boolean": True}
    return simple.get(kind)


def _text(schema: Schema, name: str) -> str:
    if name in _WORDS:
        return str(_WORDS[name])
    if schema.get("format") == "date-time":
        return utc_text(MORNING)
    if schema.get("format") == "date":
        return MORNING.date().isoformat()
    if "{64}" in schema.get("pattern", ""):
        return hashlib.sha256(name.encode()).hexdigest()
    if schema.get("pattern", "").startswith("^-?(0|"):
        return str(2**60)
    return name or "text"
