"""The delivery state's edges; its ordinary life is in the ledger's model."""

from __future__ import annotations

import pytest

from store.delivery import MAX_DOCUMENT_BYTES, MAX_INBOX
from store.errors import ConstraintError, InboxFullError, InvalidValueError
from tests.store.made import Shop


def test_nothing_has_come_yet(shop: Shop) -> None:
    assert shop.delivery.receipt() is None
    assert shop.delivery.inbox(10) == []
    assert shop.delivery.replies(10) == []
    assert shop.delivery.take_replay() is None
    assert shop.delivery.last_command_number() == 0


def test_a_receipt_may_go_back_when_headquarters_lost_records(shop: Shop) -> None:
    shop.delivery.save_receipt(b"nine", 9, bytes(32))
    shop.delivery.save_receipt(b"four", 4, bytes(32))
    assert shop.delivery.receipt() == b"four"


def test_the_lowest_replay_counts_and_is_taken_once(shop: Shop) -> None:
    shop.delivery.request_replay(7)
    shop.delivery.request_replay(3)
    shop.delivery.request_replay(5)
    assert shop.delivery.take_replay() == 3
    assert shop.delivery.take_replay() is None


@pytest.mark.parametrize("seq", [0, -1])
def test_a_replay_begins_at_a_record(shop: Shop, seq: int) -> None:
    with pytest.raises(InvalidValueError):
        shop.delivery.request_replay(seq)


def test_a_flood_ends_in_a_full_inbox(shop: Shop) -> None:
    with shop.ledger_db.transaction():
        for _ in range(MAX_INBOX):
            shop.delivery.post_inbox("command", b"{}")
    with pytest.raises(InboxFullError):
        shop.delivery.post_inbox("command", b"{}")
    shop.delivery.drop_inbox(shop.delivery.inbox(1)[0].id)
    shop.delivery.post_inbox("command", b"{}")


def test_a_huge_document_is_refused(shop: Shop) -> None:
    with pytest.raises(InvalidValueError):
        shop.delivery.post_inbox("command", bytes(MAX_DOCUMENT_BYTES + 1))


def test_a_receipt_with_a_hash_of_another_size_is_refused(shop: Shop) -> None:
    with pytest.raises(ConstraintError):
        shop.delivery.save_receipt(b"x", 1, b"short")


def test_the_id_of_a_dropped_message_is_not_used_again(shop: Shop) -> None:
    first = shop.delivery.post_inbox("command", b"a")
    shop.delivery.drop_inbox(first)
    assert shop.delivery.post_inbox("command", b"b") > first
