"""The ledger: everything that happened at a terminal, in one signed chain.

- Records are numbered 1, 2, 3, … without a gap; each holds the hash of the one before it
  (`store.chain`) and is signed by the terminal. None is ever changed.
- `append` returns only after the record is committed (fsync). When it raises, the ledger goes on as
  if nothing had been appended; only where an fsync failed and the power then did too may the record
  turn up after all. Inside a surrounding `database.transaction()` this holds for the end of that.
- The head is read inside the write transaction, so several processes may append to one chain.
- A ledger belongs to one terminal and one signing key, fixed by its first record.
- What waits for headquarters is what lies after the receipt (`store.delivery`); delivering changes
  nothing here.
- When the file was lost or is older than what headquarters has, the ledger is *provisional*: it
  takes records, but none is sent until `resume` has headquarters' receipt. Then a `resumption`
  record follows headquarters' newest one by hash and skips every number that may have been used,
  and what the terminal had beyond its last receipt follows under new numbers, with its ids.
- `prune` cuts off old records that headquarters has. Before anything goes, a signed `checkpoint`
  record names the last of them; with it the rest of the chain verifies. The newest record stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import uuid6
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from store.chain import GENESIS, record_hash, sign_record
from store.database import Database
from store.delivery import Delivery
from store.erasure import Erasure
from store.errors import (
    BrokenChainError,
    ForeignLedgerError,
    NoSignerError,
    NotReceivedError,
)
from store.export import write_export
from store.records import (
    COLUMNS,
    Body,
    Checkpoint,
    Envelope,
    Instant,
    Record,
    Resumption,
    build_payload,
    renumber_payload,
)
from store.settings import Terminal
from store.walk import Head, Walk

__all__ = ["Envelope", "Head", "Ledger", "Record"]

_PAGE = 1000  # records read, or deleted, at once
# Numbers that a resumption skips beyond the highest one known: more than can have been on the way
# without a receipt (64 batches of 100 records, `sync.settings`) or since the mark was on disk.
_SKIPPED = 10_000
_ALL = 2**62


def _new_id() -> str:
    return str(uuid6.uuid7())


class Ledger:
    """The chain in `database`, which belongs to this thread.

    Without a `signer` it can only be read. `new_id` makes the records' UUIDv7.
    """

    def __init__(
        self,
        database: Database,
        terminal: Terminal,
        signer: Ed25519PrivateKey | None,
        *,
        new_id: Callable[[], str] = _new_id,
    ) -> None:
        self._database = database
        self._terminal = terminal
        self._signer = signer
        self._new_id = new_id
        self._erasure = Erasure(database)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction of this connection is open."""
        return self._database.in_transaction

    def append(self, body: Body, at: Instant) -> Record:
        """Add a record; returns it once it is on disk.

        Raises `NoSignerError`, `ForeignLedgerError`, `InvalidValueError`, `NotCanonicalError`, and
        from the disk `StorageError`, `DiskFullError`, `DatabaseBusyError`, `DamagedDatabaseError`.
        """
        with self._database.transaction():
            head = self.head()
            return self._append(Head(head.seq + 1, head.hash), body, at)

    def _append(self, place: Head, body: Body, at: Instant) -> Record:
        """Append as number `place.seq` behind the hash `place.hash`."""
        record_id, site, name = self._new_id(), self._terminal.site, self._terminal.name
        payload = build_payload(site, name, place.seq, record_id, body, at)
        return self._insert(place, record_id, body.kind, payload)

    def _insert(self, place: Head, record_id: str, kind: str, payload: bytes) -> Record:
        if self._signer is None:
            raise NoSignerError("the signing key is needed to append; this process has none")
        self._claim(self._signer.public_key().public_bytes_raw())
        hash_ = record_hash(place.hash, payload)
        signature = sign_record(self._signer, hash_)
        row = (place.seq, record_id, kind, payload, place.hash, hash_, signature)
        self._database.execute(
            f"INSERT INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            row,
        )
        return Record(*row)

    def append_once(self, token: str, body: Body, at: Instant) -> Record | None:
        """Like `append`, but None when a record was appended with this token before.

        Tokens are remembered until `forget`.
        """
        with self._database.transaction():
            if self._database.one("SELECT note FROM settled WHERE note = ?", (token,), str):
                return None
            self._database.execute("INSERT INTO settled VALUES (?)", (token,))
            return self.append(body, at)

    def forget(self, token: str) -> None:
        """Forget a token that will not come again."""
        self._database.execute("DELETE FROM settled WHERE note = ?", (token,))

    def head(self) -> Head:
        """The newest record's number and hash; (0, GENESIS) in an empty ledger."""
        return head_of(self._database)

    def await_receipt(self, reason: str) -> None:
        """Be provisional from now on: nothing is sent until `resume`. `reason` is stable."""
        self._database.execute("INSERT OR IGNORE INTO provisional VALUES (1, ?)", (reason,))

    def provisional(self) -> str | None:
        """Why this ledger is provisional; None when it is not."""
        return self._database.one("SELECT reason FROM provisional", (), str)

    def differs(self, confirmed: Head) -> bool:
        """Whether headquarters has a record that this ledger lacks, or has otherwise."""
        known = self._hash_of(confirmed.seq)
        return confirmed.seq > self.head().seq or known not in (b"", confirmed.hash)

    def carry(self, records: Iterable[Record]) -> int:
        """Append records of a lost file again, as new numbers of this one; returns how many.

        Only a provisional ledger takes them. Raises ValueError for what is no record.
        """
        count = 0
        with self._database.transaction():
            if self.provisional() is None:
                raise RuntimeError("only a provisional ledger carries records")
            for record in records:
                if record.kind == Resumption.kind:
                    continue  # it told of another place in the chain
                head = self.head()
                payload = renumber_payload(record, head.seq + 1)
                self._insert(Head(head.seq + 1, head.hash), record.id, record.kind, payload)
                count += 1
        return count

    def resume(self, confirmed: Head, document: bytes, at: Instant) -> Record:
        """Go on where headquarters' verified receipt says; returns the `resumption` record.

        `document` is the receipt as it came. Records beyond the last receipt that this file knew
        are numbered again. Raises RuntimeError when the ledger is not provisional.
        """
        with self._database.transaction():
            reason = self.provisional()
            if reason is None:
                raise RuntimeError("only a provisional ledger resumes")
            kept = self._database.one("SELECT seq FROM receipt", (), int) or 0
            used, moved = self.head().seq, self.records(kept, _ALL)
            self._database.execute("DELETE FROM records WHERE seq > ?", (kept,))
            held, marked = self.head(), self._database.mark.read()
            floor = 0 if marked is None else marked.after.number
            seq = max(confirmed.seq, held.seq, used, floor) + _SKIPPED + 1
            row = (seq, confirmed.seq, confirmed.hash)
            self._database.execute("INSERT INTO resumptions VALUES (?, ?, ?)", row)
            body = Resumption(
                after_seq=confirmed.seq,
                after_hash=confirmed.hash.hex(),
                held_seq=held.seq,
                held_hash=held.hash.hex(),
                reason=reason,
            )
            record = self._append(Head(seq, confirmed.hash), body, at)
            self.carry(moved)
            self._database.execute("DELETE FROM provisional")
            Delivery(self._database).save_receipt(document, confirmed.seq, confirmed.hash)
        return record

    def pruned(self) -> int:
        """The number up to which records were pruned; 0 when none was."""
        return self._database.one("SELECT seq FROM pruned", (), int) or 0

    def newest_checkpoint(self) -> Record | None:
        """The newest checkpoint record; None before the first pruning."""
        return newest(self._database, Checkpoint.kind)

    def records(self, after: int, limit: int) -> list[Record]:
        """At most `limit` records with a number above `after`, in order; never a pruned one."""
        return self._database.rows(
            f"SELECT {COLUMNS} FROM records "  # noqa: S608
            "WHERE seq > max(?, coalesce((SELECT seq FROM pruned), 0)) ORDER BY seq LIMIT ?",
            (after, limit),
            Record,
        )

    def verify(
        self,
        public_key: Ed25519PublicKey,
        on_progress: Callable[[int, int], None] | None = None,
        *,
        known: Head | None = None,
    ) -> Head:
        """Walk the whole chain; returns its head.

        `on_progress(done, total)` is called now and then, in records. `known` is a record that the
        ledger must hold, as headquarters' receipt names it: without one, missing newest records
        cannot be noticed. Raises `BrokenChainError` naming the first bad record.
        """
        while True:
            cut = self.pruned()
            walk = Walk(public_key, self._terminal, known)
            try:
                for record in self._all(on_progress):
                    walk.step(record)
                return walk.end()
            except BrokenChainError:
                if self.pruned() == cut:
                    raise
                # Somebody pruned meanwhile; what was missing is gone rightly. Walk again.

    def export(self, path: Path, on_progress: Callable[[int, int], None] | None = None) -> int:
        """Write every record to a file as JSON lines, in clear; returns how many.

        Raises `StorageError`.
        """
        return write_export(path, self._all(on_progress))

    def prune(
        self, up_to: int, confirmed: Head, at: Instant, evidence: Iterable[Body] = ()
    ) -> Record | None:
        """Cut off the records up to number `up_to`; returns the checkpoint that stands for them.

        `confirmed` is what headquarters' verified receipt names; `evidence` is appended together
        with the checkpoint. None when the records are gone already.
        Raises `NotReceivedError` when headquarters does not have them, or the newest would go.
        """
        with self._database.transaction():
            if up_to <= self.pruned():
                return None
            if not up_to <= confirmed.seq or up_to >= self.head().seq:
                raise NotReceivedError("only records that headquarters has are pruned")
            if not self._has(confirmed):
                raise NotReceivedError("headquarters has another record; the chains have split")
            last = self._hash_of(up_to)
            for body in evidence:
                self.append(body, at)
            record = self.append(Checkpoint(seq=up_to, hash=last.hex()), at)
            self._database.execute(
                "INSERT INTO pruned VALUES (1, ?, ?) ON CONFLICT DO UPDATE SET "
                "seq = excluded.seq, hash = excluded.hash",
                (up_to, last),
            )
        self.finish_pruning()
        return record

    def finish_pruning(self) -> bool:
        """Delete what is pruned, a part at a time, and cut the log; False if a reader hinders it.

        After a crash in the middle of `prune` this does the rest. Appending goes on in between.
        """
        while True:
            with self._database.transaction():
                deleted = self._database.execute(
                    "DELETE FROM records WHERE seq IN (SELECT seq FROM records "
                    "WHERE seq <= (SELECT seq FROM pruned) ORDER BY seq LIMIT ?)",
                    (_PAGE,),
                )
                if deleted:
                    self._erasure.mark()
            if deleted < _PAGE:
                return self._erasure.finish()
            self._database.give_way()

    def _all(self, on_progress: Callable[[int, int], None] | None) -> Iterator[Record]:
        first = last = self.pruned()
        total = self.head().seq - first
        while page := self.records(last, _PAGE):
            yield from page
            last = page[-1].seq
            if on_progress is not None:
                on_progress(last - first, max(total, last - first))

    def _hash_of(self, seq: int) -> bytes:
        query = "SELECT hash FROM records WHERE seq = ?"
        return self._database.one(query, (seq,), bytes) or b""

    def _has(self, confirmed: Head) -> bool:
        """Whether the record that headquarters names is here, or was lost and followed by hash."""
        if known := self._hash_of(confirmed.seq):
            return known == confirmed.hash
        query = "SELECT seq FROM resumptions WHERE after_seq = ? AND after_hash = ?"
        return self._database.one(query, (confirmed.seq, confirmed.hash), int) is not None

    def _claim(self, public_key: bytes) -> None:
        owner = self._database.one("SELECT site, terminal, public_key FROM owner", (), _owner)
        site, terminal = self._terminal.site, self._terminal.name
        if owner is None:
            row = (site, terminal, public_key)
            self._database.execute("INSERT INTO owner VALUES (1, ?, ?, ?)", row)
        elif owner[:2] != (site, terminal):
            raise ForeignLedgerError(
                f"this is the ledger of {owner[0]}/{owner[1]}, not of {site}/{terminal}; "
                "give this terminal its own directory"
            )
        elif owner[2] != public_key:
            raise ForeignLedgerError("the ledger was signed with another key than signing.key")


def head_of(database: Database) -> Head:
    """The newest record's number and hash; (0, GENESIS) in an empty ledger."""
    query = "SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1"
    return database.one(query, (), Head) or Head(0, GENESIS)


def newest(database: Database, kind: str) -> Record | None:
    """The newest record of a kind; None without one. Kinds have no index: it reads back to it."""
    query = f"SELECT {COLUMNS} FROM records WHERE kind = ? ORDER BY seq DESC LIMIT 1"  # noqa: S608
    return database.one(query, (kind,), Record)


def _owner(site: str, terminal: str, public_key: bytes) -> tuple[str, str, bytes]:
    return site, terminal, public_key
