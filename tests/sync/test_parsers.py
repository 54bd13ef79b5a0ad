"""Whatever arrives: a value or a typed error, in every parser and in who acts on it."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from store.documents import seal_document
from sync.contract.documents import open_command, open_receipt, open_reply
from sync.contract.errors import ContractError
from sync.contract.events import build_batch, parse_batch
from sync.contract.status import build_status, parse_status
from sync.contract.topics import Channel, parse_topic, topic
from sync.contract.verify import check_event
from sync.reception import Reception
from tests.sync.made import (
    GATE_A,
    GATE_A_KEY,
    HQ_KEY,
    NOON,
    MemoryOutbox,
    chain,
    head_of,
    inbound,
    receipt,
    replay_command,
)

RECORDS = chain(3)
VALID = (
    build_batch(RECORDS)[0],
    receipt(head_of(RECORDS)),
    replay_command(1),
    build_status(state="online", now=NOON, head=1, confirmed=0, version="1"),
    seal_document(GATE_A_KEY, "reply", {"v": 1, "command": "x", "outcome": "done"}),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1.0", "plant-1", "kiosk.punch.v1", "2026-03-02T12:00:00Z", "0" * 64]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["v", "body", "signature", "seq", "data", "time", "id"]) | st.text(),
            inner,
            max_size=6,
        )
    ),
    max_leaves=30,
)


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    """A valid payload with bytes changed, cut out, doubled or put in."""
    raw = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        end = min(len(raw), at + draw(st.integers(0, 40)))
        raw[at:end] = draw(st.binary(max_size=20) | st.just(bytes(raw[at:end]) * 2))
    return bytes(raw)


@st.composite
def twisted(draw: st.DrawFn) -> bytes:
    """A valid payload with one JSON value somewhere in it exchanged."""
    value = json.loads(draw(st.sampled_from(VALID)))
    place = value
    while True:
        keys = list(range(len(place))) if isinstance(place, list) else sorted(place)
        key = draw(st.sampled_from(keys))
        inner = place[key]
        if isinstance(inner, (dict, list)) and inner and draw(st.booleans()):
            place = inner
            continue
        place[key] = draw(JSON)
        return json.dumps(value).encode("utf-8", "surrogatepass")


PAYLOADS = st.binary(max_size=200) | JSON.map(lambda v: json.dumps(v).encode()) | mangled()
ANYTHING = PAYLOADS | twisted()


def check_everything(raw: bytes) -> None:
    for event in parse_batch(raw):
        check_event(GATE_A, GATE_A_KEY.public_key(), event)


PARSERS: tuple[Callable[[bytes], object], ...] = (
    check_everything,
    parse_status,
    lambda raw: open_receipt(HQ_KEY.public_key(), GATE_A, raw),
    lambda raw: open_command(HQ_KEY.public_key(), GATE_A, raw),
    lambda raw: open_reply(GATE_A_KEY.public_key(), GATE_A, raw),
)


@settings(max_examples=400)
@given(ANYTHING)
def test_every_parser_gives_a_value_or_a_contract_error(raw: bytes) -> None:
    for parse in PARSERS:
        try:
            parse(raw)
        except ContractError:
            continue


@given(st.text() | st.sampled_from([topic(GATE_A, c) for c in Channel]).map(lambda t: t + "x"))
def test_every_topic_is_read_or_malformed(name: str) -> None:
    try:
        parse_topic(name)
    except ContractError:
        return


@given(JSON, st.sampled_from(["receipt", "command"]))
def test_even_what_headquarters_signed_is_read_or_refused(body: object, purpose: str) -> None:
    try:
        raw = seal_document(HQ_KEY, purpose, body if isinstance(body, dict) else {"v": body})
    except ValueError:
        return  # has no canonical form, so cannot be signed
    reception = Reception(GATE_A, MemoryOutbox(), HQ_KEY.public_key())
    for channel in Channel:
        reception.take(inbound(topic(GATE_A, channel), raw), NOON)


@settings(max_examples=200)
@given(st.lists(ANYTHING, max_size=5), st.sampled_from(Channel))
def test_the_reception_takes_anything_and_counts_it(raws: list[bytes], channel: Channel) -> None:
    outbox = MemoryOutbox()
    reception = Reception(GATE_A, outbox, HQ_KEY.public_key())
    for raw in raws:
        reception.take(inbound(topic(GATE_A, channel), raw), NOON)
    # White space is no part of what was signed: a document written out again says the same.
    assert all(json.loads(raw) == json.loads(VALID[2]) for raw in outbox.commands)
    assert outbox.receipt() is None
