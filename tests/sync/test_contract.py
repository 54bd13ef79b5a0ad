"""The contract: what is built can be read and checked again, and what is wrong is told apart."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from store.chain import record_hash, sign_record
from store.records import Fault
from sync.contract.documents import open_command, open_receipt
from sync.contract.errors import (
    ContractError,
    ForgedPayloadError,
    MalformedPayloadError,
    MisaddressedPayloadError,
)
from sync.contract.events import MAX_BATCH_BYTES, build_batch, parse_batch
from sync.contract.status import build_status, parse_status
from sync.contract.topics import Address, Channel, every, parse_topic, topic
from sync.contract.verify import START, Head, Place, check_event, place
from tests.sync.made import (
    GATE_A,
    GATE_A_KEY,
    GATE_B,
    HQ_KEY,
    NOON,
    OTHER_KEY,
    chain,
    head_of,
    next_record,
    receipt,
    replay_command,
)

PUBLIC = GATE_A_KEY.public_key()


def test_a_topic_names_its_terminal_and_channel() -> None:
    name = topic(GATE_A, Channel.EVENTS)
    assert name == "kiosk/v1/plant-1/gate-a/events"
    assert parse_topic(name) == (GATE_A, Channel.EVENTS)
    assert every(Channel.EVENTS, "hq") == "$share/hq/kiosk/v1/+/+/events"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "kiosk/v2/plant-1/gate-a/events",
        "kiosk/v1/plant-1/gate-a",
        "kiosk/v1/plant-1/gate-a/events/x",
        "kiosk/v1/+/gate-a/events",
        "kiosk/v1/Plant/gate-a/events",
        "kiosk/v1/plant-1/gate-a/gossip",
        "kiosk/v1/plant-1/gate-a\n/events",
    ],
)
def test_no_other_topic_is_read(name: str) -> None:
    with pytest.raises(MalformedPayloadError):
        parse_topic(name)


def test_a_batch_round_trips_and_every_record_checks() -> None:
    records = chain(7)
    payload, count = build_batch(records)
    events = parse_batch(payload)
    assert count == 7
    head = START
    for record, event in zip(records, events, strict=True):
        checked = check_event(GATE_A, PUBLIC, event)
        assert (checked.payload, checked.hash) == (record.payload, record.hash)
        assert place(head, checked) is Place.NEXT
        head = Head(checked.seq, checked.hash)
    assert event.type == "kiosk.punch.v1"
    assert event.source == "/kiosk/v1/plant-1/gate-a"


def test_the_wire_carries_the_ledgers_own_bytes() -> None:
    [record] = chain(1)
    payload, _ = build_batch([record])
    assert record.payload in payload


def test_batches_keep_both_limits_and_hold_at_least_one_record() -> None:
    records = chain(150)
    assert build_batch(records)[1] == 100
    one, count = build_batch(records, max_bytes=10)
    assert count == 1
    assert len(parse_batch(one)) == 1
    big = next_record(START, Fault(code="x", detail="y" * 900))
    payload, count = build_batch([big] * 1000, max_records=1000)
    assert len(payload) <= MAX_BATCH_BYTES
    assert count < 1000


def test_unknown_fields_and_unknown_types_are_kept_and_passed_over() -> None:
    [record] = chain(1)
    content = json.loads(record.payload)
    content["kind"] = "handshake"
    content["future"] = {"a": [1, "zwei"]}
    content["body"] = {"v": 9, "new": "thing"}
    payload = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    hash_ = record_hash(START.hash, payload)
    signature = sign_record(GATE_A_KEY, hash_)
    later = replace(record, kind="handshake", payload=payload, hash=hash_, signature=signature)
    raw = build_batch([later])[0]
    envelope = json.loads(raw)
    envelope[0]["traceparent"] = "00-abc"
    [event] = parse_batch(json.dumps(envelope).encode())
    checked = check_event(GATE_A, PUBLIC, event)
    assert checked.kind == "handshake"
    assert event.model_extra == {"traceparent": "00-abc"}
    assert json.loads(checked.payload)["future"] == {"a": [1, "zwei"]}
    assert json.loads(event.model_dump_json())["traceparent"] == "00-abc"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"hash": "00" * 32}, ForgedPayloadError),
        ({"previoushash": "11" * 32}, ForgedPayloadError),
        ({"signature": "A" * 86 + "=="}, ForgedPayloadError),
        ({"sequence": "2"}, MalformedPayloadError),
        ({"id": "other"}, MalformedPayloadError),
        ({"type": "kiosk.boot.v1"}, MalformedPayloadError),
        ({"source": "/kiosk/v1/plant-1/gate-b"}, MisaddressedPayloadError),
    ],
)
def test_a_changed_envelope_is_refused(change: dict[str, str], error: type[ContractError]) -> None:
    [event] = json.loads(build_batch(chain(1))[0])
    [changed] = parse_batch(json.dumps([event | change]).encode())
    with pytest.raises(error):
        check_event(GATE_A, PUBLIC, changed)


def test_a_changed_record_is_forged_and_another_terminals_is_misaddressed() -> None:
    [event] = json.loads(build_batch(chain(1))[0])
    event["data"]["body"]["person"] = "E2"
    [changed] = parse_batch(json.dumps([event]).encode())
    with pytest.raises(ForgedPayloadError):
        check_event(GATE_A, PUBLIC, changed)
    [other] = parse_batch(build_batch(chain(1, address=GATE_B))[0])
    with pytest.raises(MisaddressedPayloadError):
        check_event(GATE_A, PUBLIC, other)


def test_another_key_signs_nothing_of_this_terminal() -> None:
    [event] = parse_batch(build_batch(chain(1, key=OTHER_KEY))[0])
    with pytest.raises(ForgedPayloadError):
        check_event(GATE_A, PUBLIC, event)


def test_where_an_event_stands() -> None:
    records = chain(4)
    checked = [check_event(GATE_A, PUBLIC, e) for e in parse_batch(build_batch(records)[0])]
    head = head_of(records[:2])
    assert [place(head, event) for event in checked] == [
        Place.KNOWN,
        Place.KNOWN,
        Place.NEXT,
        Place.GAP,
    ]
    other = chain(2, head_of(records[:1]))
    forked = [check_event(GATE_A, PUBLIC, e) for e in parse_batch(build_batch(other)[0])]
    assert [place(head, event) for event in forked] == [Place.FORK, Place.FORK]


def test_a_receipt_holds_for_its_terminal_key_and_purpose_only() -> None:
    document = receipt(Head(3, bytes(32)))
    opened = open_receipt(HQ_KEY.public_key(), GATE_A, document)
    assert (opened.seq, opened.time) == (3, NOON)
    with pytest.raises(ForgedPayloadError):
        open_receipt(OTHER_KEY.public_key(), GATE_A, document)
    with pytest.raises(MisaddressedPayloadError):
        open_receipt(HQ_KEY.public_key(), GATE_B, document)
    with pytest.raises(ForgedPayloadError):
        open_command(HQ_KEY.public_key(), GATE_A, document)


def test_a_command_keeps_what_it_says() -> None:
    document = replay_command(7, from_seq=3, expires=NOON + timedelta(minutes=5))
    command = open_command(HQ_KEY.public_key(), GATE_A, document)
    assert (command.number, command.type, command.arguments) == (7, "replay", {"from_seq": 3})
    assert command.expires == NOON + timedelta(minutes=5)


def test_a_status_says_how_much_waits() -> None:
    raw = build_status(state="online", now=NOON, head=12, confirmed=5, version="0.1.0")
    status = parse_status(raw)
    assert (status.backlog, status.state, status.time) == (7, "online", NOON)
    assert json.loads(raw)["time"] == "2026-03-02T12:00:00.000000Z"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff",
        b"{}",
        b'[{"a":1,"a":2}]',
        b"[NaN]",
        b"[" * 100_000,
        b"[1" + b"0" * 5000 + b"]",
        b"[" + b"1," * 1001 + b"1]",
        b" " * (1024 * 1024 + 1),
    ],
)
def test_what_is_no_batch_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedPayloadError):
        parse_batch(raw)


def test_an_address_is_two_labels() -> None:
    with pytest.raises(MalformedPayloadError):
        Address("plant-1", "a/b")
