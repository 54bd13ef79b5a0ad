"""Random histories of a terminal's store against a model of it.

Two connections, as of two processes, work on one ledger: they append, fail, roll back, crash, close
and open again, and prune, while receipts, messages, replies, replays and command numbers come and
go. Now and then the file is lost, and the ledger resumes.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store.chain import GENESIS
from store.errors import NotCanonicalError
from store.ledger import Head, Record
from store.records import Fault
from store.recovery import recover
from tests.store.made import (
    DOORS,
    PUBLIC,
    SIGNER,
    TERMINAL,
    PowerCut,
    Shop,
    at,
    cut_power_at,
    open_shop,
    punch,
)

WHO = st.sampled_from([0, 1])
ELSEWHERE = b"\x07" * 32
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

    def after(self, seq: int) -> list[Record]:
        """The records that the ledger still has with a number above `seq`."""
        return [record for record in self.records if record.seq > max(seq, self.pruned)]

    def hash_of(self, seq: int) -> bytes:
        """The hash of a record, of one that headquarters alone has, or what lies before all."""
        if seq == 0:
            return GENESIS
        return next((r.hash for r in self.records if r.seq == seq), ELSEWHERE)


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
        old = [r.seq for r in model.after(0)[:-1] if r.seq <= model.confirmed]
        if not old:
            return
        up_to = old[int((len(old) - 1) * share)]
        confirmed = Head(model.confirmed, model.hash_of(model.confirmed))
        checkpoint = self.shops[who].ledger.prune(up_to, confirmed, at())
        assert checkpoint is not None
        model.records.append(checkpoint)
        model.pruned = up_to

    @precondition(lambda self: self.model.records)
    @rule(damage=st.sampled_from(["cut", "delete", "old copy", "flip"]), beyond=st.integers(0, 40))
    def lose_the_file_and_resume(self, damage: str, beyond: int) -> None:
        """The terminal starts on a lost file, works, and resumes behind headquarters."""
        for shop in self.shops:
            shop.close()
        used = self.model.records[-1].seq
        path = self.folder / "ledger.db"
        if damage == "delete":
            path.unlink()
        elif damage == "old copy":
            with tempfile.TemporaryDirectory() as other:
                empty = open_shop(Path(other))
                empty.close()
                shutil.copy(Path(other) / "ledger.db", path)
        else:
            content = bytearray(path.read_bytes())
            content[4096 + 100] ^= 1
            path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
        assert recover(self.folder, DOORS, TERMINAL, SIGNER, at())
        self.shops = [open_shop(self.folder), open_shop(self.folder)]
        ledger = self.shops[0].ledger
        ledger.append(punch(), at())
        head = Head(used + beyond, ELSEWHERE)
        resumption = ledger.resume(head, b"receipt", at())
        assert resumption.seq > max(used, head.seq)
        model, delivery = self.model, self.shops[0].delivery
        model.records = ledger.records(0, 100_000)
        model.pruned = 0
        model.receipt, model.confirmed = b"receipt", head.seq
        # What could not be read is lost; the rest goes on from what is there.
        model.inbox = [message.document for message in delivery.inbox(1000)]
        model.replies = [reply.document for reply in delivery.replies(1000)]
        model.replay, model.command = None, delivery.last_command_number()

    @rule(who=WHO)
    def fold_the_log_in(self, who: int) -> None:
        assert self.shops[who].ledger_db.checkpoint()

    @rule(who=WHO, share=st.floats(0, 1))
    def confirm(self, who: int, share: float) -> None:
        index = int(len(self.model.records) * share)
        seq = max(self.model.pruned, self.model.records[index - 1].seq if index else 0)
        hash_ = self.model.hash_of(seq)
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
            assert shop.ledger.records(0, 1000) == model.after(0)
            assert shop.ledger.records(model.confirmed, 1000) == model.after(model.confirmed)
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


class TestStoreHistory(StoreHistory.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(max_examples=12, stateful_step_count=25)


@pytest.mark.soak
class TestManyStoreHistories(StoreHistory.TestCase):  # type: ignore[misc,valid-type]
    settings = settings(max_examples=200, stateful_step_count=50)
