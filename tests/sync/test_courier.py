"""The courier on a broker in memory: order, batches, windows, resending, replies and status."""

from __future__ import annotations

from random import Random

import pytest

from sync.contract.events import parse_batch
from sync.contract.status import Status, parse_status
from sync.contract.topics import Channel, topic
from sync.contract.verify import START, Head
from sync.courier import Courier, Pace
from sync.transport_memory import Fault, MemoryBroker, MemoryTransport
from tests.sync.made import GATE_A, HQ_KEY, Clock, MemoryOutbox, head_of, receipt

EVENTS = topic(GATE_A, Channel.EVENTS)
STATUS = topic(GATE_A, Channel.STATUS)
RECEIPTS = topic(GATE_A, Channel.RECEIPT)


class Bench:
    """A courier, its outbox, a broker, and a hand that plays headquarters."""

    def __init__(self, pace: Pace | None = None) -> None:
        self.clock = Clock()
        self.broker = MemoryBroker()
        self.outbox = MemoryOutbox()
        self.pace = pace or Pace()
        self.hq = MemoryTransport(self.broker, "hq")
        self.hq.start()
        self.restart()

    def restart(self) -> None:
        """As a new process."""
        self.steps = 0
        self.courier = Courier(
            GATE_A,
            self.outbox,
            HQ_KEY.public_key(),
            Random(1),
            self.clock,
            version="0.1.0",
            pace=self.pace,
            progress=self.step,
        )
        self.transport = MemoryTransport(
            self.broker,
            "gate-a",
            [RECEIPTS, topic(GATE_A, Channel.COMMAND)],
            will=self.courier.will,
        )
        self.transport.start()

    def step(self) -> None:
        """One step more of what feeds the watchdog."""
        self.steps += 1

    def run(self) -> None:
        while self.courier.step(self.transport):
            pass

    def confirm(self, seq: int) -> None:
        self.clock.pass_s(0.01)
        head = head_of(self.outbox.ledger[:seq])
        self.hq.publish(RECEIPTS, receipt(head, self.clock.passed_s), retain=True)
        self.run()

    def sent(self) -> list[list[int]]:
        """The record numbers of every batch so far."""
        return [
            [event.seq for event in parse_batch(message.payload)]
            for message in self.broker.history
            if message.topic == EVENTS
        ]

    def statuses(self) -> list[Status]:
        return [parse_status(m.payload) for m in self.broker.history if m.topic == STATUS]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_records_go_up_in_order_and_in_batches(bench: Bench) -> None:
    bench.outbox.punch(250)
    bench.run()
    confirmed = 0
    while confirmed < 250:
        confirmed = bench.sent()[-1][-1]
        bench.confirm(confirmed)
    sent = [seq for batch in bench.sent() for seq in batch]
    assert sent == list(range(1, 251))
    assert all(len(batch) <= 100 for batch in bench.sent())


def test_each_message_that_goes_up_or_is_dealt_with_is_progress_and_waiting_is_none(
    bench: Bench,
) -> None:
    bench.outbox.punch()
    bench.run()
    sent = bench.steps
    assert sent == len(bench.broker.history) == 2, "a batch and a status"
    bench.clock.pass_s(1)
    bench.run()
    assert bench.steps == sent
    bench.confirm(1)
    assert bench.steps > sent


def test_a_new_punch_goes_up_alone_and_at_once(bench: Bench) -> None:
    bench.run()
    bench.outbox.punch()
    bench.run()
    assert bench.sent() == [[1]]


def test_without_receipts_one_batch_is_on_its_way_then_it_is_sent_again(bench: Bench) -> None:
    bench.outbox.punch(3)
    bench.run()
    bench.outbox.punch(3)
    bench.run()
    assert bench.sent() == [[1, 2, 3]]
    bench.clock.pass_s(4.9 * 1.25)
    bench.run()
    bench.clock.pass_s(1)
    bench.run()
    assert bench.sent() == [[1, 2, 3], [1, 2, 3, 4, 5, 6]]


def test_a_quiet_store_is_not_read(bench: Bench) -> None:
    bench.outbox.punch()
    bench.run()
    bench.confirm(1)
    reads = bench.outbox.reads
    for _ in range(100):
        bench.run()
    assert bench.outbox.reads == reads


def test_a_broker_that_is_down_at_the_start_is_no_trouble(bench: Bench) -> None:
    bench.broker.stop()
    bench.outbox.punch(2)
    bench.run()
    assert bench.sent() == []
    bench.broker.start()
    bench.run()
    assert bench.sent() == [[1, 2]]


def test_a_new_connection_starts_again_from_the_receipt_at_once(bench: Bench) -> None:
    bench.outbox.punch(2)
    bench.run()
    bench.confirm(1)
    bench.broker.stop()
    bench.broker.forget()
    bench.broker.start()
    bench.run()
    assert bench.sent()[-1] == [2]


def test_a_lost_publish_is_tried_again_after_a_pause(bench: Bench) -> None:
    bench.outbox.punch(2)
    bench.broker.faults.append(Fault.LOST)
    bench.run()
    assert bench.sent() == []
    bench.clock.pass_s(1)
    bench.run()
    assert bench.sent() == [[1, 2]]


def test_a_refused_publish_does_not_spin(bench: Bench) -> None:
    bench.broker.allowed = lambda _client, name: name != EVENTS
    bench.outbox.punch()
    bench.run()
    reads = bench.outbox.reads
    for _ in range(100):
        bench.run()
    assert bench.outbox.reads == reads
    bench.broker.allowed = lambda _client, _name: True
    bench.clock.pass_s(60)
    bench.run()
    assert bench.sent() == [[1]]


def test_a_restart_goes_on_after_the_saved_receipt(bench: Bench) -> None:
    bench.outbox.punch(5)
    bench.run()
    bench.confirm(3)
    bench.transport.vanish()
    bench.restart()
    bench.run()
    assert bench.sent()[-1] == [4, 5]


def test_a_headquarters_that_lost_records_gets_them_again(bench: Bench) -> None:
    bench.outbox.punch(4)
    bench.run()
    bench.confirm(4)
    bench.clock.pass_s(1)
    bench.hq.publish(RECEIPTS, receipt(START, bench.clock.passed_s), retain=True)
    bench.run()
    assert bench.sent()[-1] == [1, 2, 3, 4]


def test_a_replay_that_kiosk_asked_for_goes_back(bench: Bench) -> None:
    bench.outbox.punch(4)
    bench.run()
    bench.confirm(4)
    bench.outbox.ask_replay(2)
    bench.run()
    assert bench.sent()[-1] == [2, 3, 4]


def test_a_diverged_ledger_shows_in_the_status_and_sends_slowly(bench: Bench) -> None:
    bench.outbox.punch(3)
    bench.run()
    bench.confirm(3)
    bench.outbox.go_back_to(1)
    bench.restart()
    bench.outbox.punch(300)
    bench.run()
    before = len(bench.sent())
    for _ in range(100):
        bench.clock.pass_s(0.2)
        bench.run()
    assert bench.statuses()[-1].fault == "ledger_forked"
    assert len(bench.sent()) - before <= 1


def test_replies_are_carried_once_acknowledged(bench: Bench) -> None:
    bench.run()
    bench.outbox.post_reply(b"signed by kiosk")
    bench.broker.faults.append(Fault.LOST)
    bench.run()
    bench.clock.pass_s(1)
    bench.run()
    carried = [m.payload for m in bench.broker.history if m.topic.endswith("/reply")]
    assert carried == [b"signed by kiosk"]
    assert bench.outbox.letters == []


def test_the_status_tells_the_backlog_and_the_will_tells_the_end(bench: Bench) -> None:
    bench.outbox.punch(7)
    bench.run()
    bench.clock.pass_s(2)
    bench.confirm(3)
    assert [(s.state, s.backlog) for s in bench.statuses()] == [("online", 7), ("online", 4)]
    bench.transport.vanish()
    assert bench.statuses()[-1].state == "offline"


def test_a_polite_end_says_offline(bench: Bench) -> None:
    bench.run()
    bench.courier.farewell(bench.transport, 0.5)
    assert bench.statuses()[-1].state == "offline"


def test_many_news_make_one_status_a_second(bench: Bench) -> None:
    for _ in range(50):
        bench.outbox.punch()
        bench.clock.pass_s(0.1)
        bench.run()
    assert len(bench.statuses()) <= 6


def test_a_slow_line_gets_smaller_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(Pace(batch_bytes=64 * 1024, window=64))
    bench.outbox.punch(400)
    accept = bench.broker.accept

    def slowly(client_id: str, name: str, payload: bytes, *, retain: bool) -> None:
        bench.clock.pass_s(len(payload) / 1000)  # 1 kB/s
        accept(client_id, name, payload, retain=retain)

    monkeypatch.setattr(bench.broker, "accept", slowly)
    bench.run()
    for _ in range(5):
        bench.confirm(bench.sent()[-1][-1])
    assert len(bench.sent()[0]) > 5
    assert len(bench.sent()[-1]) <= 3


def test_a_full_inbox_does_not_stop_delivery(bench: Bench) -> None:
    bench.outbox.inbox_limit = 0
    bench.outbox.punch()
    bench.hq.publish(topic(GATE_A, Channel.COMMAND), b"{}")
    bench.run()
    assert bench.sent() == [[1]]


def test_a_receipt_for_what_was_never_sent_is_no_harm(bench: Bench) -> None:
    bench.run()
    bench.outbox.punch(2)
    bench.hq.publish(RECEIPTS, receipt(Head(2, bench.outbox.head().hash), 1), retain=True)
    bench.run()
    assert bench.courier.reception.confirmed.seq == 2
    assert bench.sent() == []
