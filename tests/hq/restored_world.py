"""The world with a terminal whose data folder is put back to an old copy, and which then resumes.

What kiosk does with a receipt that is not for its ledger (`kiosk.resumption`, `Ledger.resume`) is
done here on a list: the same rules, a hundred times as fast as on an encrypted file. The file has
its turn in test_resumption.py and `./scripts/soak line`.

A record that was made after the copy and has not come to headquarters when the copy is put back is
nowhere any more but, perhaps, on its way: it may be counted. All others must be.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from hq.punches import Punches
from store.chain import record_hash, sign_record
from store.records import Body, Fault, Record, Resumption, renumber_payload
from sync.contract.documents import Receipt, open_receipt
from sync.contract.verify import START, Head
from tests.hq.databases import Databases
from tests.hq.world import RECORDS, World
from tests.sync.made import GATE_A, GATE_A_KEY, HQ_KEY, MemoryOutbox, chain, head_of, next_record

_SKIPPED = 10_000  # as `store.ledger`


class RestorableOutbox(MemoryOutbox):
    """A ledger with numbers that are left out, copies of it, and kiosk's resuming."""

    def __init__(self) -> None:
        super().__init__()
        self.punches: set[str] = set()
        self._copy: tuple[list[Record], bytes | None] = ([], None)

    def punch(self, count: int = 1) -> None:
        """From `RECORDS` as long as the ledger is the beginning of them: signing is what costs."""
        have = len(self.ledger)
        if self.punches == {record.id for record in RECORDS[:have]}:
            new = RECORDS[have : have + count]
        else:
            new = chain(count, self.head())
        self.ledger = [*self.ledger, *new]
        self.punches |= {record.id for record in new}
        self._version += 1

    def records(self, after: int, limit: int) -> Sequence[Record]:
        self.reads += 1
        at = bisect_right(self.ledger, after, key=lambda record: record.seq)
        return self.ledger[at : at + limit]

    def hash_at(self, seq: int) -> bytes | None:
        found = self.records(seq - 1, 1)
        return found[0].hash if found and found[0].seq == seq else None

    def copy(self) -> None:
        self._copy = (self.ledger, self._receipt)

    def put_back(self) -> None:
        self.ledger, self._receipt = self._copy
        self.receipts.clear()  # the inbox is in the same file
        self._version += 1

    def held(self) -> set[str]:
        """The ids of the punches that are in the ledger."""
        return {record.id for record in self.ledger if record.kind == "punch"}

    def resume(self) -> None:
        """Deal with the receipts in the inbox."""
        for document in self.receipts:
            receipt, known = _opened(document), self._receipt and _opened(self._receipt)
            if known and receipt.time <= known.time:
                continue
            if self._differs(receipt.head):
                self._append(Fault(code="ledger_diverged", detail=""))
                self._resume(receipt.head, document, known.seq if known else 0)
        self.receipts.clear()

    def _differs(self, confirmed: Head) -> bool:
        known = self.hash_at(confirmed.seq)
        return confirmed.seq > self.head().seq or known not in (None, confirmed.hash)

    def _resume(self, confirmed: Head, document: bytes, kept: int) -> None:
        used, moved = self.head().seq, self.records(kept, len(self.ledger))
        self.ledger = self.ledger[: len(self.ledger) - len(moved)]
        held = head_of(self.ledger)
        body = Resumption(
            after_seq=confirmed.seq,
            after_hash=confirmed.hash.hex(),
            held_seq=held.seq,
            held_hash=held.hash.hex(),
            reason="diverged",
        )
        seq = max(confirmed.seq, held.seq, used) + _SKIPPED + 1
        self.ledger = [*self.ledger, next_record(Head(seq - 1, confirmed.hash), body)]
        for record in moved:
            if record.kind != Resumption.kind:
                self.ledger.append(_renumbered(record, self.head()))
        self._receipt = document
        self._version += 1

    def _append(self, body: Body) -> None:
        self.ledger = [*self.ledger, next_record(self.head() if self.ledger else START, body)]


class RestoredWorld(World):
    """A `World` in which the terminal, too, can go back."""

    outbox: RestorableOutbox

    def __init__(self, databases: Databases) -> None:
        super().__init__(databases, RestorableOutbox())
        self.lost: set[str] = set()

    def back_up_terminal(self) -> None:
        self.outbox.copy()

    def restore_terminal(self) -> None:
        """The card is put back; whatever ran on the terminal begins anew."""
        self.outbox.put_back()
        self.lost |= self.outbox.punches - self.outbox.held() - set(self.punches_counted())
        self.kill_sync()

    def punches_counted(self) -> list[str]:
        assert self.database is not None
        return [line["id"] for line in Punches(self.database).read()]

    def whole(self) -> bool:
        counted = set(self.punches_counted())
        return self.outbox.punches - self.lost <= counted <= self.outbox.punches

    def _obey(self) -> None:
        super()._obey()
        self.outbox.resume()


def _opened(document: bytes) -> Receipt:
    return open_receipt(HQ_KEY.public_key(), GATE_A, document)


def _renumbered(record: Record, head: Head) -> Record:
    payload = renumber_payload(record, head.seq + 1)
    hash_ = record_hash(head.hash, payload)
    signature = sign_record(GATE_A_KEY, hash_)
    return Record(head.seq + 1, record.id, record.kind, payload, head.hash, hash_, signature)
