"""Test vectors that another language checks itself against, as a value. Pure.

Every case says what a reader must find. Valid cases are signed by the code that signs in earnest;
each invalid one is a valid one with a single thing changed. `result` is `ok`, `malformed`, `forged`
or `misaddressed`, and `next`, `known`, `gap` or `fork` for places.
"""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from store.canonical import canonical
from store.records import Record, Resumption, build_payload
from sync.contract import samples
from sync.contract.commands import COMMANDS
from sync.contract.events import build_event
from sync.contract.verify import START, Head

Case = dict[str, Any]
_CANONICAL: tuple[Any, ...] = (
    {"b": 1, "a": [True, False, None], "aa": {}, "": []},
    {"text": 'quote " backslash \\ newline \n tab \t control \x01 slash / delete \x7f'},
    {"umlaut": "Käthe", "euro": "€", "beyond": "😀"},
    {"€": "keys sort by UTF-16 units", "😀": 1, "\ufb33": 2},
    {"most": 2**53 - 1, "least": -(2**53 - 1), "zero": 0},
)


def vectors() -> dict[str, Any]:
    """Keys, canonical forms, records, events, places, documents."""
    chain = [*samples.records()]
    chain.append(_unknown(chain[-1]))
    return {
        "about": "Published test keys: they protect nothing. docs/contract/README.md says how to "
        "check; `result` is what a reader must find.",
        "address": {"site": samples.GATE.site, "terminal": samples.GATE.terminal},
        "keys": {
            "terminal": _key(samples.TERMINAL_KEY, samples.TERMINAL_SEED),
            "hq": _key(samples.HQ_KEY, samples.HQ_SEED),
            "stranger": _key(samples.STRANGER_KEY, samples.STRANGER_SEED),
        },
        "canonical": [{"value": value, "bytes": canonical(value).hex()} for value in _CANONICAL],
        "records": [_record(record) for record in chain],
        "events": _events(chain),
        "places": _places(chain),
        "documents": _documents(),
    }


def _key(key: Ed25519PrivateKey, seed: bytes) -> Case:
    public = key.public_key()
    return {
        "seed": seed.hex(),
        "public": public.public_bytes(Encoding.Raw, PublicFormat.Raw).hex(),
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(),
    }


def _record(record: Record) -> Case:
    return {
        "payload": record.payload.decode(),
        "previous": record.previous.hex(),
        "hash": record.hash.hex(),
        "signature": json.loads(build_event(record))["signature"],
    }


def _unknown(last: Record) -> Record:
    """A record of a later version: a kind and fields that this one does not know."""
    content = json.loads(last.payload)
    number = last.seq + 1
    content |= {"seq": number, "id": samples.uuid7(number), "kind": "handshake"}
    content |= {"future": {"a": [1, "zwei"]}, "body": {"v": 9, "new": "thing"}}
    head = Head(last.seq, last.hash)
    return samples.signed_record(head, "handshake", canonical(content), content["id"])


def _events(chain: list[Record]) -> list[Case]:
    good = json.loads(build_event(chain[0]))
    other = json.loads(build_event(chain[1]))
    changed = json.loads(build_event(chain[0]))
    changed["data"]["body"]["person"] = "4712"
    cases = [("as sent", "ok", json.loads(build_event(record))) for record in chain]
    cases += [
        ("an attribute of a later version", "ok", good | {"traceparent": "00-abc"}),
        ("a type of a later version", "ok", good | {"type": "kiosk.punch.v2"}),
        ("another person in the data", "forged", changed),
        ("another hash", "forged", good | {"hash": "00" * 32}),
        ("another previous hash", "forged", good | {"previoushash": "11" * 32}),
        ("another record's signature", "forged", good | {"signature": other["signature"]}),
        ("another number outside than inside", "malformed", good | {"sequence": "2"}),
        ("another id outside than inside", "malformed", good | {"id": samples.uuid7(99)}),
        ("another kind outside than inside", "malformed", good | {"type": "kiosk.boot.v1"}),
        ("no signature", "malformed", {k: v for k, v in good.items() if k != "signature"}),
        ("another source", "misaddressed", good | {"source": "/kiosk/v1/plant-1/gate-b"}),
    ]
    return [{"why": why, "result": result, "event": event} for why, result, event in cases]


def _places(chain: list[Record]) -> list[Case]:
    second = chain[1]
    forked = {"seq": 1, "hash": "22" * 32}
    number = 10_003  # what a terminal skips is beyond all that it can have used
    after_second = _resumption(Head(2, second.hash), second.hash, START, number)
    holds_two = _resumption(Head(2, second.hash), second.hash, Head(2, second.hash), number)
    contradicts = _resumption(Head(2, second.hash), chain[0].hash, START, number)
    return [
        {"result": result, "head": head, "event": json.loads(build_event(record))}
        for result, head, record in (
            ("next", _head(START), chain[0]),
            ("next", _head(Head(1, chain[0].hash)), second),
            ("known", _head(Head(2, second.hash)), chain[0]),
            ("known", _head(Head(2, second.hash)), second),
            ("gap", _head(START), second),
            ("fork", forked, second),
            ("fork", forked, chain[0]),
            ("next", _head(Head(2, second.hash)), after_second),
            ("next", _head(START), after_second),
            ("next", _head(Head(2, second.hash)), holds_two),
            ("gap", _head(Head(1, chain[0].hash)), holds_two),
            ("fork", {"seq": 2, "hash": "33" * 32}, after_second),
            ("gap", _head(Head(2, second.hash)), contradicts),
            ("known", _head(Head(number, after_second.hash)), after_second),
        )
    ]


def _resumption(after: Head, named: bytes, held: Head, number: int) -> Record:
    """A resumption that says to follow `after` and `named`, and names `after` as its previous."""
    body = Resumption(
        after_seq=after.seq,
        after_hash=named.hex(),
        held_seq=held.seq,
        held_hash=held.hash.hex(),
        reason="damaged",
    )
    record_id = samples.uuid7(number)
    at = samples.instant(number)
    where = samples.GATE
    payload = build_payload(where.site, where.terminal, number, record_id, body, at)
    return samples.signed_record(Head(number - 1, after.hash), body.kind, payload, record_id)


def _head(head: Head) -> Case:
    return {"seq": head.seq, "hash": head.hash.hex()}


def _documents() -> list[Case]:
    good = samples.receipt().decode()
    changed = json.loads(good)
    changed["body"]["seq"] -= 1
    added = json.dumps(json.loads(good) | {"more": 1})
    cases = [
        ("as sent", "ok", "receipt", "hq", good),
        *(("as sent", "ok", "command", "hq", samples.command(t).decode()) for t in COMMANDS),
        ("as sent", "ok", "reply", "terminal", samples.reply().decode()),
        ("spaced and unsorted", "ok", "receipt", "hq", json.dumps(json.loads(good), indent=1)),
        ("another number", "forged", "receipt", "hq", json.dumps(changed)),
        ("a receipt taken for a command", "forged", "command", "hq", good),
        (
            "signed by somebody else",
            "forged",
            "receipt",
            "hq",
            samples.receipt(samples.STRANGER_KEY).decode(),
        ),
        ("a field beside body and signature", "malformed", "receipt", "hq", added),
        ("a key twice", "malformed", "receipt", "hq", good.replace("{", '{"body":{},', 1)),
        ("cut off", "malformed", "receipt", "hq", good[:-1]),
    ]
    names = ("why", "result", "purpose", "key", "text")
    return [dict(zip(names, case, strict=True)) for case in cases]
