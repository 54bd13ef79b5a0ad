"""Reception: which receipts are believed, which commands reach kiosk, and what is only counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync.contract.topics import Channel, topic
from sync.contract.verify import START, Head
from sync.reception import Heard, Reception
from tests.sync.made import (
    GATE_A,
    GATE_B,
    HQ_KEY,
    NOON,
    OTHER_KEY,
    MemoryOutbox,
    head_of,
    inbound,
    receipt,
    replay_command,
)

RECEIPTS = topic(GATE_A, Channel.RECEIPT)
COMMANDS = topic(GATE_A, Channel.COMMAND)


@pytest.fixture
def outbox() -> MemoryOutbox:
    made = MemoryOutbox()
    made.punch(5)
    return made


@pytest.fixture
def reception(outbox: MemoryOutbox) -> Reception:
    return Reception(GATE_A, outbox, HQ_KEY.public_key())


def head_at(outbox: MemoryOutbox, seq: int) -> Head:
    return head_of(outbox.ledger[:seq])


def test_a_receipt_is_saved_as_it_came(reception: Reception, outbox: MemoryOutbox) -> None:
    document = receipt(head_at(outbox, 3))
    assert reception.take(inbound(RECEIPTS, document), NOON) is Heard.RECEIPT
    assert outbox.receipt() == document
    assert reception.confirmed == head_at(outbox, 3)


def test_the_saved_receipt_holds_after_a_restart(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    reception.take(inbound(RECEIPTS, receipt(head_at(outbox, 3))), NOON)
    again = Reception(GATE_A, outbox, HQ_KEY.public_key())
    assert again.confirmed == head_at(outbox, 3)


def test_a_saved_receipt_that_was_tampered_with_counts_for_nothing(outbox: MemoryOutbox) -> None:
    outbox.save_receipt(receipt(head_at(outbox, 5), key=OTHER_KEY), head_at(outbox, 5))
    assert Reception(GATE_A, outbox, HQ_KEY.public_key()).confirmed == START


def test_an_earlier_or_repeated_receipt_changes_nothing(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    newest = receipt(head_at(outbox, 4), after_s=10)
    reception.take(inbound(RECEIPTS, newest), NOON)
    for stale in (newest, receipt(head_at(outbox, 2), 9), receipt(head_at(outbox, 5), 10)):
        assert reception.take(inbound(RECEIPTS, stale), NOON) is Heard.NOTHING
    assert outbox.receipt() == newest
    assert not reception.refused


def test_a_later_receipt_that_goes_back_means_that_hq_lost_records(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    reception.take(inbound(RECEIPTS, receipt(head_at(outbox, 5), 1)), NOON)
    assert reception.take(inbound(RECEIPTS, receipt(START, 2)), NOON) is Heard.SETBACK
    assert reception.confirmed == START


def test_a_forged_receipt_is_counted_and_changes_nothing(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    forged = receipt(head_at(outbox, 5), key=OTHER_KEY)
    assert reception.take(inbound(RECEIPTS, forged), NOON) is Heard.NOTHING
    assert (outbox.receipt(), reception.refused["forged"]) == (None, 1)


def test_a_receipt_for_another_history_is_a_divergence(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    reception.take(inbound(RECEIPTS, receipt(Head(3, b"x" * 32))), NOON)
    assert (reception.fault, outbox.receipt()) == ("ledger_forked", None)
    reception.take(inbound(RECEIPTS, receipt(Head(9, b"x" * 32), 1)), NOON)
    assert (reception.fault, outbox.receipt()) == ("ledger_behind_headquarters", None)
    reception.take(inbound(RECEIPTS, receipt(head_at(outbox, 3), 2)), NOON)
    assert (reception.fault, reception.confirmed.seq) == (None, 3)


def test_a_command_is_put_before_kiosk(reception: Reception, outbox: MemoryOutbox) -> None:
    document = replay_command(1)
    assert reception.take(inbound(COMMANDS, document), NOON) is Heard.COMMAND
    assert outbox.commands == [document]


def test_what_is_no_command_for_us_never_reaches_kiosk(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    for document in (
        replay_command(1, key=OTHER_KEY),
        replay_command(2, address=GATE_B),
        replay_command(3, expires=NOON),
        b"{}",
        receipt(START),
    ):
        assert reception.take(inbound(COMMANDS, document), NOON) is Heard.NOTHING
    assert outbox.commands == []
    assert reception.refused == {"forged": 2, "misaddressed": 1, "expired": 1, "malformed": 1}


def test_a_command_expires_by_our_clock(reception: Reception) -> None:
    document = replay_command(1, expires=NOON + timedelta(seconds=1))
    late = NOON + timedelta(seconds=2)
    assert reception.take(inbound(COMMANDS, document), late) is Heard.NOTHING


def test_a_full_inbox_leaves_the_command_with_the_broker(
    reception: Reception, outbox: MemoryOutbox
) -> None:
    outbox.inbox_limit = 0
    assert reception.take(inbound(COMMANDS, replay_command(1)), NOON) is Heard.NO_ROOM


def test_other_topics_are_refused(reception: Reception) -> None:
    for name in (topic(GATE_B, Channel.RECEIPT), topic(GATE_A, Channel.EVENTS), "", "a/b"):
        assert reception.take(inbound(name, b"{}"), NOON) is Heard.NOTHING
    assert reception.refused.total() == 4
