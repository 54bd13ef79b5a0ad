"""Real messages and what is made of them: mangled, exchanged, and signed again with the right key.

Who holds the key may sign anything at all: headquarters' key may be stolen, or its program wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fuzzing.mangling import mangled, odd_text, odd_value, twisted, written
from store.canonical import canonical
from store.chain import record_hash, sign_record
from store.documents import seal_document
from store.errors import NotCanonicalError
from store.records import Record
from sync.contract import samples
from sync.contract.commands import COMMANDS
from sync.contract.events import build_batch
from sync.contract.topics import Channel, topic

Make = Callable[[Random], bytes]

RECORDS = samples.records()
DOCUMENTS: Mapping[Channel, tuple[bytes, ...]] = {
    Channel.EVENTS: (build_batch(RECORDS[:4])[0], build_batch(RECORDS[4:12])[0], b"[]"),
    Channel.STATUS: (samples.status(),),
    Channel.RECEIPT: (samples.receipt(),),
    Channel.COMMAND: tuple(samples.command(type) for type in COMMANDS),
    Channel.REPLY: (samples.reply(),),
}
ALL = tuple(raw for raws in DOCUMENTS.values() for raw in raws)
SIGNERS = {
    Channel.RECEIPT: samples.HQ_KEY,
    Channel.COMMAND: samples.HQ_KEY,
    Channel.REPLY: samples.TERMINAL_KEY,
}


def anything(random: Random, raws: Sequence[bytes]) -> bytes:
    """Random bytes, any JSON, or one of `raws` as it is, mangled or with values exchanged."""
    kind = random.randrange(10)
    if kind == 0:
        return random.randbytes(random.choice((0, 1, 10, 200)))
    if kind == 1:
        return written(random, odd_value(random))
    raw = random.choice(raws)
    if kind == 2 and random.random() < 0.3:
        return raw
    if kind < 6:
        return mangled(random, raw, ALL)
    return written(random, twisted(random, json.loads(raw)))


def document(channel: Channel) -> Make:
    """Cases of a signed document; half of them are signed with the right key."""
    raws, key = DOCUMENTS[channel], SIGNERS[channel]

    def make(random: Random) -> bytes:
        if random.random() < 0.5:
            return anything(random, raws)
        body = twisted(random, json.loads(random.choice(raws))["body"])
        return signed(random, key, channel.value, body)

    return make


def signed(random: Random, key: Ed25519PrivateKey, purpose: str, body: Any) -> bytes:
    """The signed document of any body; what has no canonical form keeps a wrong signature."""
    try:
        return seal_document(key, purpose, body)
    except NotCanonicalError:
        return written(random, {"body": body, "signature": "A" * 86 + "=="})


def batch(random: Random) -> bytes:
    """Cases of an events payload; half of them hold a twisted record, signed all the same."""
    if random.random() < 0.5:
        return anything(random, DOCUMENTS[Channel.EVENTS])
    at = random.randrange(len(RECORDS))
    record = resigned(random, RECORDS[at])
    try:
        raw = build_batch([*RECORDS[max(0, at - 1) : at], record])[0]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return b"[" + record.payload + b"]"  # what cannot even be put into an envelope
    return raw if random.random() < 0.7 else written(random, twisted(random, json.loads(raw)))


def resigned(random: Random, record: Record) -> Record:
    """The record with another payload, its hash and signature right."""
    value = twisted(random, json.loads(record.payload))
    try:
        payload = canonical(value)
    except NotCanonicalError:
        payload = written(random, value)
    previous = record.previous if random.random() < 0.8 else random.randbytes(32)
    hash_ = record_hash(previous, payload)
    signature = sign_record(samples.TERMINAL_KEY, hash_)
    return Record(record.seq, record.id, record.kind, payload, previous, hash_, signature)


def message(channels: Sequence[Channel]) -> Make:
    """A topic, a line feed and a payload (`parted` takes them apart)."""

    def make(random: Random) -> bytes:
        channel = random.choice(channels)
        if channel is Channel.EVENTS:
            payload = batch(random)
        elif channel is Channel.STATUS:
            payload = anything(random, DOCUMENTS[channel])
        else:
            payload = document(channel)(random)
        name = topic(samples.GATE, channel).encode("ascii")
        if random.random() < 0.05:
            name = topic_name(random)
        return name.replace(b"\n", b"") + b"\n" + payload

    return make


def parted(case: bytes) -> tuple[str, bytes]:
    """Topic and payload; MQTT's topics are UTF-8, so no other reaches us."""
    name, _, payload = case.partition(b"\n")
    return name.decode("utf-8", "replace"), payload


def topic_name(random: Random) -> bytes:
    """A topic, mostly a wrong one."""
    parts = topic(samples.GATE, random.choice(list(Channel))).split("/")
    for _ in range(random.randrange(3)):
        parts[random.randrange(len(parts))] = random.choice(("+", "#", "$share", odd_text(random)))
    if random.random() < 0.3:
        parts.insert(random.randrange(len(parts)), odd_text(random))
    return "/".join(parts).encode("utf-8", "replace")
