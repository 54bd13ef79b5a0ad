"""Walking a chain from its beginning: what must hold for it to be whole. Pure.

- The first record is number 1 after `GENESIS`, or, after pruning, a later record of the chain is a
  `checkpoint` that names the number and hash before it.
- Every record follows the one before it by number and hash, and its hash and signature hold. A
  `resumption` follows a record of headquarters' by hash and skips numbers; it names the record that
  lies before it here.
- A row says the same as its signed payload, and all are of one terminal.

    walk = Walk(public_key, terminal)
    for record in records:
        walk.step(record)
    walk.end()
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.chain import GENESIS, check_record
from store.errors import BrokenChainError
from store.records import Checkpoint, Envelope, Record, Resumption
from store.settings import Terminal


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record: its number (0 in an empty ledger) and its hash (32 bytes)."""

    seq: int
    hash: bytes


class Walk:
    """One walk along one terminal's chain; every step may raise `BrokenChainError`."""

    def __init__(
        self, public_key: Ed25519PublicKey, terminal: Terminal, known: Head | None = None
    ) -> None:
        self._public_key = public_key
        self._terminal = terminal
        self._known = known
        self._begin: Head | None = None  # what lies before the first record
        self._begin_confirmed = False
        self._cut = 0  # the newest pruning that a checkpoint tells of
        self.head = Head(0, GENESIS)

    def step(self, record: Record) -> None:
        """Check the next record and take it as the head."""
        resumption = _resumption(record)
        if self._begin is None:
            self._begin = self.head
            if resumption is not None:
                self._begin = self.head = _held(resumption)
            elif record.seq > 1:
                self._begin = self.head = Head(record.seq - 1, record.previous)
            self._begin_confirmed = self.head == Head(0, GENESIS)
        seq, previous = self.head.seq + 1, self.head.hash
        if resumption is not None and record.seq > seq and _held(resumption) == self.head:
            seq, previous = record.seq, bytes.fromhex(resumption.after_hash)
        if record.seq != seq:
            raise BrokenChainError(seq, f"is missing; the next one is {record.seq}")
        if record.previous != previous:
            raise BrokenChainError(seq, "does not follow the record before it")
        parts = (record.previous, record.payload, record.hash, record.signature)
        if not check_record(self._public_key, *parts):
            raise BrokenChainError(seq, "its hash or signature does not hold")
        self._check_content(record)
        known = self._known
        if known is not None and known.seq == seq and known.hash != record.hash:
            raise BrokenChainError(seq, "is not the record that is known elsewhere")
        self.head = Head(seq, record.hash)

    def end(self) -> Head:
        """Check what only the whole walk shows; returns the head."""
        if self._begin is not None and not self._begin_confirmed:
            seq = min(self._cut + 1, self._begin.seq)
            what = f"is missing; the first one is {self._begin.seq + 1}, and no checkpoint says why"
            raise BrokenChainError(seq, what)
        if self._known is not None and self._known.seq > self.head.seq:
            seq = self.head.seq + 1
            raise BrokenChainError(seq, f"is missing; record {self._known.seq} is known")
        return self.head

    def _check_content(self, record: Record) -> None:
        try:
            content = record.content()
        except ValueError:
            raise BrokenChainError(record.seq, "its payload is no record") from None
        if (content.seq, content.id, content.kind) != (record.seq, record.id, record.kind):
            raise BrokenChainError(record.seq, "its row says something else than its payload")
        if (content.site, content.terminal) != (self._terminal.site, self._terminal.name):
            raise BrokenChainError(record.seq, "belongs to another terminal")
        if record.kind == Checkpoint.kind:
            self._take_checkpoint(content)

    def _take_checkpoint(self, content: Envelope) -> None:
        body, begin = content.known_body(), self._begin
        if isinstance(body, Checkpoint) and begin is not None and body.seq <= begin.seq:
            self._cut = max(self._cut, body.seq)
            if Head(body.seq, bytes.fromhex(body.hash)) == begin:
                self._begin_confirmed = True


def _resumption(record: Record) -> Resumption | None:
    if record.kind != Resumption.kind:
        return None
    try:
        body = record.content().known_body()
    except ValueError:
        return None
    return body if isinstance(body, Resumption) else None


def _held(resumption: Resumption) -> Head:
    return Head(resumption.held_seq, bytes.fromhex(resumption.held_hash))
