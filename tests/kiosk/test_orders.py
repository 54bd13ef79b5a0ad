"""What headquarters orders: done once, recorded and answered; everything else changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kiosk.orders import obey
from kiosk.settings import Settings
from kiosk.stores import Stores, open_stores
from store.documents import open_document, seal_document
from store.keys import create_keys
from store.records import Instant
from store.settings import HqSection, StoreSection, Terminal

HQ = Ed25519PrivateKey.generate()
TERMINAL = Terminal(site="plant-1", name="gate-a", zone="Europe/Berlin")
UTC_NOW = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
NOW = Instant(
    utc=UTC_NOW,
    zone="Europe/Berlin",
    boot="b",
    monotonic_ns=1,
    synchronised=True,
    error_ms=1,
)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    create_keys(tmp_path / "keys")
    public = HQ.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "hq.pub").write_bytes(public)
    settings = Settings(
        terminal=TERMINAL,
        store=StoreSection(directory=tmp_path, keys=tmp_path / "keys"),
        hq=HqSection(public_key=tmp_path / "hq.pub"),
    )
    with open_stores(settings) as opened:
        yield opened


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "v": 1,
        "id": f"c-{number}",
        "number": number,
        "site": "plant-1",
        "terminal": "gate-a",
        "type": "replay",
        "expires": (UTC_NOW + timedelta(minutes=5)).isoformat(),
        "arguments": {"from_seq": 3},
        **changes,
    }


def outcomes(stores: Stores) -> list[str]:
    replies = [message.document for message in stores.delivery.replies(10)]
    key = stores.signer.public_key()
    return [str(open_document(key, "reply", reply)["outcome"]) for reply in replies]


def test_a_replay_is_done_once_recorded_and_answered(stores: Stores) -> None:
    document = seal_document(HQ, "command", order())
    stores.delivery.post_inbox("command", document)
    stores.delivery.post_inbox("command", document)
    assert obey(stores, TERMINAL, NOW) == 2
    assert stores.delivery.take_replay() == 3
    assert outcomes(stores) == ["done"]
    assert [record.kind for record in stores.ledger.records(0, 10)] == ["command_done"]
    assert stores.delivery.inbox(10) == []


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{}",
        b'{"body":{},"signature":""}',
        seal_document(Ed25519PrivateKey.generate(), "command", order()),
        seal_document(HQ, "receipt", order()),
        seal_document(HQ, "command", order(terminal="gate-b")),
        seal_document(HQ, "command", order(number=0)),
        seal_document(HQ, "command", {"v": 1}),
    ],
)
def test_what_is_no_order_to_us_changes_nothing(stores: Stores, document: bytes) -> None:
    stores.delivery.post_inbox("command", document)
    obey(stores, TERMINAL, NOW)
    assert stores.delivery.take_replay() is None
    assert outcomes(stores) == []
    assert stores.ledger.head().seq == 0
    assert stores.delivery.inbox(10) == []


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"expires": (UTC_NOW - timedelta(seconds=1)).isoformat()}, "expired"),
        ({"type": "dance"}, "unknown type"),
        ({"arguments": {"from_seq": 0}}, "malformed arguments"),
    ],
)
def test_an_order_that_cannot_be_done_is_refused_with_the_reason(
    stores: Stores, changes: dict[str, Any], detail: str
) -> None:
    stores.delivery.post_inbox("command", seal_document(HQ, "command", order(**changes)))
    obey(stores, TERMINAL, NOW)
    assert stores.delivery.take_replay() is None
    assert outcomes(stores) == ["refused"]
    (record,) = stores.ledger.records(0, 10)
    assert record.content().body["detail"] == detail
