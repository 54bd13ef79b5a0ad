"""The receiver: stored once, in order, receipts after the commit, and alarms instead of crashes."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from hq.errors import DatabaseTroubleError
from hq.intake import take_in
from hq.punches import Punches
from hq.receiver import Receiver
from hq.reports import Reader, terminal_lines
from hq.terminals import add_terminal
from store.documents import seal_document
from store.records import Rejection, utc_text
from sync.contract.events import build_batch
from sync.contract.status import build_status
from sync.contract.topics import Channel, topic
from sync.contract.verify import START, Head
from tests.hq.databases import Databases
from tests.hq.made import POLICY, Office, open_office
from tests.sync.made import (
    GATE_A,
    GATE_A_KEY,
    GATE_B,
    HQ_KEY,
    NOON,
    OTHER_KEY,
    chain,
    head_of,
    inbound,
    next_record,
)


def test_records_are_stored_and_answered_with_a_receipt_for_the_last(office: Office) -> None:
    records = chain(5)
    receipt = office.take(records)
    assert receipt.head == head_of(records)
    assert office.seqs() == [1, 2, 3, 4, 5]
    assert office.hashes() == [record.hash.hex() for record in records]


def test_a_punch_is_reported_with_its_times_and_its_receipt(office: Office) -> None:
    office.pass_s(2.5)
    office.take(chain(2))
    [first, _] = list(Punches(office.database).read())
    assert first["person"] == "E1"
    assert first["time"] == "2026-03-02T12:00:00.000000Z"
    assert first["received"] == "2026-03-02T12:00:02.500000Z"
    assert (first["seq"], first["receipt"]) == (1, 2)


def test_a_reader_goes_on_where_it_was(office: Office) -> None:
    records = chain(4)
    reader = Punches(office.database)
    office.take(records[:2])
    assert [line["seq"] for line in reader.read()] == [1, 2]
    assert list(reader.read()) == []
    office.take(records[3:])
    assert list(reader.read()) == []
    office.take(records[2:3])
    assert [line["seq"] for line in reader.read()] == [3, 4]


def test_duplicates_are_stored_once_and_answered_again(office: Office) -> None:
    records = chain(5)
    first = office.take(records)
    second = office.take(records[2:])
    assert second.head == first.head
    assert second.time > first.time
    assert office.seqs() == [1, 2, 3, 4, 5]
    assert office.alarms() == []


def test_receipt_times_grow_even_when_the_clock_goes_back(office: Office) -> None:
    records = chain(3)
    first = office.take(records[:1])
    office.pass_s(-3600)
    assert office.take(records[1:]).time > first.time


def test_a_gap_waits_and_closes(office: Office) -> None:
    records = chain(6)
    office.take(records[:2])
    assert office.take(records[4:]).seq == 2
    assert office.seqs() == [1, 2]
    assert office.take(records[2:4]).seq == 6
    assert office.seqs() == [1, 2, 3, 4, 5, 6]


def test_a_gap_that_lasts_is_asked_for_with_growing_pauses_and_numbers(office: Office) -> None:
    records = chain(6)
    office.take(records[:2])
    office.take(records[4:])
    assert office.commands() == []
    asked = []
    for second in range(1, 101):
        office.pass_s(1)
        office.answers = office.receiver.due_replays(office.now)
        for command in office.commands():
            asked.append((second, command))
    assert [second for second, _ in asked] == [3, 13, 33, 73]
    assert {json.dumps(command.arguments) for _, command in asked} == {'{"from_seq": 3}'}
    numbers = [command.number for _, command in asked]
    assert numbers == sorted(set(numbers))
    assert asked[0][1].expires == NOON + timedelta(seconds=603)
    office.take(records[2:4])
    office.pass_s(1000)
    assert office.receiver.due_replays(office.now) == []


def test_command_numbers_outgrow_those_of_a_lost_database(
    databases: Databases, office: Office
) -> None:
    records = chain(2)
    office.take(records[1:])
    office.pass_s(10)
    office.answers = office.receiver.due_replays(office.now)
    [before] = office.commands()
    again = open_office(databases.ready())
    again.now = office.now
    again.take(records[1:])
    again.pass_s(10)
    again.answers = again.receiver.due_replays(again.now)
    [after] = again.commands()
    assert after.number > before.number
    again.database.close()


def test_a_fork_is_an_alarm_and_the_receipt_stays(office: Office) -> None:
    records = chain(5)
    office.take(records)
    other = chain(4, head_of(records[:3]))
    for _ in range(2):
        assert office.take(other).head == head_of(records)
    assert office.hashes() == [record.hash.hex() for record in records]
    assert office.alarms() == [("fork", 4, 2)]


def test_a_history_that_does_not_follow_the_head_is_a_fork(office: Office) -> None:
    records = chain(5)
    office.take(records)
    stranger = chain(1, Head(5, b"x" * 32))
    assert office.take(stranger).head == head_of(records)
    assert office.alarms() == [("fork", 6, 1)]


def test_a_forged_record_is_an_alarm_and_the_true_ones_count(office: Office) -> None:
    records = chain(3)
    forged = chain(1, head_of(records), key=OTHER_KEY)
    assert office.take([*records, *forged]).seq == 3
    assert office.alarms() == [("forged", 4, 1)]


def test_another_terminals_records_are_misaddressed(office: Office) -> None:
    payload = build_batch(chain(2, address=GATE_B))[0]
    assert office.hear(Channel.EVENTS, payload) == []
    assert office.alarms() == [("misaddressed", 1, 1), ("misaddressed", 2, 1)]


def test_an_unknown_terminal_is_counted_and_gets_no_answer(office: Office) -> None:
    payload = build_batch(chain(2, address=GATE_B))[0]
    for _ in range(3):
        assert office.hear(Channel.EVENTS, payload, GATE_B) == []
    assert office.alarms() == [("unknown", 0, 3)]


@pytest.mark.parametrize("payload", [b"", b"[]x", b"null", b'[{"id":"a\x00"}]', b"\xff" * 100])
def test_a_malformed_payload_is_an_alarm(office: Office, payload: bytes) -> None:
    for channel in (Channel.EVENTS, Channel.STATUS, Channel.REPLY):
        assert office.hear(channel, payload) == []
    assert office.alarms() == [("malformed", 0, 3)]


def test_a_topic_that_is_none_of_ours_is_an_alarm(office: Office) -> None:
    assert office.hear_at("", b"{}") == []
    assert office.hear(Channel.RECEIPT, b"{}") == []
    assert office.alarms() == [("malformed", 0, 1), ("malformed", 0, 1)]


def test_an_empty_batch_asks_for_the_receipt(office: Office) -> None:
    (answer,) = office.hear(Channel.EVENTS, b"[]")
    assert answer.topic == topic(GATE_A, Channel.RECEIPT)
    assert office.receipt().head == START
    assert office.alarms() == []


def test_every_kind_is_kept_and_only_punches_are_punches(office: Office) -> None:
    records = chain(1)
    records.append(next_record(head_of(records), Rejection(reason="unknown", frames=3)))
    office.take(records)
    kinds = [line["kind"] for line in Reader(office.database).read()]
    assert kinds == ["punch", "rejection"]
    assert len(list(Punches(office.database).read())) == 1


def test_a_status_that_knows_of_more_than_we_have_is_answered_with_the_receipt(
    office: Office,
) -> None:
    """We lost records; the terminal sends them again from the receipt on, without a new punch."""
    office.take(chain(2))
    known = build_status(state="online", now=NOON, head=9, confirmed=2, version="0.1.0")
    assert office.hear(Channel.STATUS, known) == []
    more = build_status(state="online", now=NOON, head=9, confirmed=4, version="0.1.0")
    office.hear(Channel.STATUS, more)
    assert office.receipt().seq == 2


def test_a_status_and_a_reply_are_kept(office: Office) -> None:
    status = build_status(state="online", now=NOON, head=9, confirmed=4, version="0.1.0")
    office.hear(Channel.STATUS, status)
    [line] = terminal_lines(office.database)
    assert line["status"]["backlog"] == 5
    office.take(chain(2)[1:])
    office.pass_s(10)
    office.answers = office.receiver.due_replays(office.now)
    [command] = office.commands()
    body = {
        "v": 1,
        "command": command.id,
        "site": "plant-1",
        "terminal": "gate-a",
        "outcome": "done",
        "detail": "from 1\x00",
        "time": utc_text(NOON),
    }
    office.hear(Channel.REPLY, seal_document(OTHER_KEY, "reply", body))
    assert office.alarms() == [("forged", 0, 1)]
    office.hear(Channel.REPLY, seal_document(GATE_A_KEY, "reply", body))
    assert office.alarms() == [("forged", 0, 1)]


def test_nothing_is_answered_when_the_commit_fails(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = inbound(topic(GATE_A, Channel.EVENTS), build_batch(chain(2))[0])
    with monkeypatch.context() as patch:
        patch.setattr(office.database, "write", _failing_write)
        with pytest.raises(DatabaseTroubleError):
            office.receiver.take([message], NOON)
    assert office.seqs() == []
    assert office.take(chain(1)).seq == 1


def _failing_write() -> None:
    raise DatabaseTroubleError("the disk is full")


def test_our_own_mistake_puts_one_message_aside_and_not_the_others(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_terminal(office.database, GATE_B, GATE_A_KEY.public_key(), NOON)

    def clumsy(*given: object) -> object:
        if any(str(getattr(item, "address", "")) == str(GATE_B) for item in given):
            raise RuntimeError("a bug")
        return take_in(*given)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr("hq.receiver.take_in", clumsy)
    messages = [
        inbound(topic(address, Channel.EVENTS), build_batch(chain(2, address=address))[0])
        for address in (GATE_B, GATE_A)
    ]
    [answer] = office.receiver.take(messages, NOON)
    assert answer.topic == topic(GATE_A, Channel.RECEIPT)
    assert office.alarms() == [("internal", 0, 1)]


def test_a_round_of_many_messages_is_answered_once_a_terminal(office: Office) -> None:
    records = chain(30)
    messages = [
        inbound(topic(GATE_A, Channel.EVENTS), build_batch(records[at : at + 5])[0])
        for at in range(0, 30, 5)
    ]
    office.answers = office.receiver.take(messages, NOON)
    assert office.receipt().seq == 30
    assert len(office.answers) == 1


def test_two_workers_at_once_store_everything_once(office: Office) -> None:
    records = chain(300)
    parts = [records[at : at + 10] for at in range(0, 300, 10)]
    messages = [inbound(topic(GATE_A, Channel.EVENTS), build_batch(part)[0]) for part in parts]

    def work(mine: list[int]) -> None:
        receiver = Receiver(office.database, HQ_KEY, POLICY)
        for index in mine:
            receiver.take([messages[index]], NOON)

    even, odd = list(range(0, 30, 2)), list(range(1, 30, 2))
    both = [*odd, *even, *range(30)]
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, [*even, *odd]), pool.submit(work, both)]:
            done.result()
    assert office.hashes() == [record.hash.hex() for record in records]
    assert office.take(records[-1:]).head == head_of(records)
    assert office.alarms() == []


def test_terminals_do_not_mix(databases: Databases) -> None:
    office = open_office(databases.ready(), GATE_A, GATE_B)
    assert office.take(chain(2)).seq == 2
    assert office.take(chain(3, address=GATE_B), GATE_B).seq == 3
    assert office.seqs() == [1, 2, 1, 2, 3]
    office.database.close()


def test_the_start_of_a_chain_names_nothing_before_it(office: Office) -> None:
    assert office.take(chain(2)[1:]).head == START
