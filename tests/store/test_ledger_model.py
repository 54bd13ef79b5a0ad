"""Random histories of a terminal's store against a model of it.

Two connections, as of two processes, work on one ledger: they append, fail, roll back, crash, close
and open again, and prune, while receipts, messages, replies, replays and command numbers come and
go.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from store.chain import GENESIS
from store.errors import NotCanonicalError
from store.ledger import Head, Record
from store.records import Fault
from tests.store.made import PUBLIC, PowerCut, Shop, at, cut_power_at, open_shop, punch

WHO = st.sampled_from([0, 1])
NUMBERS = st.integers(1, 30)


@dataclass
class Model:
    """What the store must hold."""

    records: list[Record] = field(default_factory=list)
    receipt: bytes | None = None
    confirmed: int = 0
    pruned: int = 0
    inbox: list[bytes] = field(default_factory=list)
    replies: list[bytes] = field(default_factory=list)
    replay: int | None = None
    command: int = 0


class StoreHistory(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name)
        self.shops: list[Shop] = [open_shop(self.folder), open_shop(self.folder)]
        self.model = Model()

    @rule(who=WHO, number=st.sampled_from(["1", "工号七", "x" * 64]), seconds=st.integers(-9, 9))
    def append(self, who: int, number: str, seconds: int) -> None:
        self.model.records.append(self.shops[who].ledger.append(punch(number), at(seconds)))

    @rule(who=WHO)
    def append_what_cannot_be_written(self, who: int) -> None:
        with suppress(NotCanonicalError):
            self.shops[who].ledger.append(Fault.model_construct(code="\ud800"), at())

    @rule(who=WHO, many=st.integers(1, 3))
    def append_and_roll_back(self, who: int, many: int) -> None:
        shop = self.shops[who]
        with suppress(KeyError), shop.ledger_db.transaction():
            for _ in range(many):
                shop.ledger.append(punch(), at())
            shop.delivery.post_reply(b"never")
            raise KeyError

    @rule(who=WHO, many=st.integers(1, 3))
    def append_together(self, who: int, many: int) -> None:
        shop = self.shops[who]
        with shop.ledger_db.transaction():
            appended = [shop.ledger.append(punch(), at()) for _ in range(many)]
        self.model.records += appended

    @rule(who=WHO)
    def open_again(self, who: int) -> None:
        self.shops[who].close()
        self.shops[who] = open_shop(self.folder)

    @rule(who=WHO, statement=st.integers(0, 12))
    def crash_while_appending(self, who: int, statement: int) -> None:
        """Cut off before a statement; what was not committed must not be there afterwards."""
        shop, done = self.shops[who], []
        with pytest.MonkeyPatch.context() as patch:
            cut_power_at(patch, statement)
            with suppress(PowerCut):
                done.append(shop.ledger.append(punch(), at()))
        shop.ledger_db._connection.close()
        shop.gallery_db._connection.close()
        self.shops[who] = open_shop(self.folder)
        self.model.records += done

    @rule(who=WHO, share=st.floats(0, 1))
    def prune(self, who: int, share: float) -> None:
        model = self.model
        up_to = int(min(model.confirmed, len(model.records) - 1) * share)
        if up_to <= model.pruned:
            return
        confirmed = Head(model.confirmed, model.records[model.confirmed - 1].hash)
        checkpoint = self.shops[who].ledger.prune(up_to, confirmed, at())
        assert checkpoint is not None
        model.records.append(checkpoint)
        model.pruned = up_to

    @rule(who=WHO)
    def fold_the_log_in(self, who: int) -> None:
        assert self.shops[who].ledger_db.checkpoint()

    @rule(who=WHO, share=st.floats(0, 1))
    def confirm(self, who: int, share: float) -> None:
        seq = max(self.model.pruned, int(len(self.model.records) * share))
        hash_ = self.model.records[seq - 1].hash if seq else GENESIS
        document = f"receipt for {seq}".encode()
        self.shops[who].delivery.save_receipt(document, seq, hash_)
        self.model.receipt, self.model.confirmed = document, seq

    @rule(who=WHO, document=st.binary(max_size=20))
    def message(self, who: int, document: bytes) -> None:
        self.shops[who].delivery.post_inbox("command", document)
        self.model.inbox.append(document)

    @rule(who=WHO)
    def deal_with_a_message(self, who: int) -> None:
        for message in self.shops[who].delivery.inbox(1):
            self.shops[who].delivery.drop_inbox(message.id)
            self.shops[who].delivery.drop_inbox(message.id)
            assert message.document == self.model.inbox.pop(0)

    @rule(who=WHO, document=st.binary(max_size=20))
    def reply(self, who: int, document: bytes) -> None:
        self.shops[who].delivery.post_reply(document)
        self.model.replies.append(document)

    @rule(who=WHO)
    def carry_a_reply(self, who: int) -> None:
        for reply in self.shops[who].delivery.replies(1):
            self.shops[who].delivery.drop_reply(reply.id)
            assert reply.document == self.model.replies.pop(0)

    @rule(who=WHO, seq=NUMBERS)
    def ask_for_a_replay(self, who: int, seq: int) -> None:
        self.shops[who].delivery.request_replay(seq)
        self.model.replay = min(seq, self.model.replay or seq)

    @rule(who=WHO)
    def take_the_replay(self, who: int) -> None:
        assert self.shops[who].delivery.take_replay() == self.model.replay
        self.model.replay = None

    @rule(who=WHO, number=NUMBERS)
    def see_a_command(self, who: int, number: int) -> None:
        self.shops[who].delivery.seen_command(number)
        self.model.command = max(number, self.model.command)

    @invariant()
    def both_connections_agree_with_the_model(self) -> None:
        model = self.model
        for shop in self.shops:
            assert shop.ledger.records(0, 1000) == model.records[model.pruned :]
            assert shop.ledger.records(model.confirmed, 1000) == model.records[model.confirmed :]
            assert shop.ledger.pruned() == model.pruned
            newest = model.records[-1] if model.records else None
            head = Head(newest.seq, newest.hash) if newest else Head(0, GENESIS)
            assert shop.ledger.head() == head == shop.ledger.verify(PUBLIC)
            assert shop.delivery.receipt() == model.receipt
            assert [m.document for m in shop.delivery.inbox(1000)] == model.inbox
            assert [r.document for r in shop.delivery.replies(1000)] == model.replies
            assert shop.delivery.last_command_number() == model.command

    def teardown(self) -> None:
        for shop in self.shops:
            shop.close()
        self.place.cleanup()


TestStoreHistory = StoreHistory.TestCase
TestStoreHistory.settings = settings(max_examples=60, stateful_step_count=25)
