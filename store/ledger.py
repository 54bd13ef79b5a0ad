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
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import uuid6
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from store.chain import GENESIS, check_record, record_hash, sign_record
from store.database import Database
from store.errors import BrokenChainError, ForeignLedgerError, NoSignerError
from store.records import Body, Envelope, Instant, Record, build_payload
from store.settings import Terminal

__all__ = ["Envelope", "Head", "Ledger", "Record"]

_COLUMNS = "seq, id, kind, payload, previous, hash, signature"
_PAGE = 1000  # records that verify holds at once


@dataclass(frozen=True, slots=True)
class Head:
    """The newest record: its number (0 in an empty ledger) and its hash (32 bytes)."""

    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class _Owner:
    site: str
    terminal: str
    public_key: bytes


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

    def append(self, body: Body, at: Instant) -> Record:
        """Add a record; returns it once it is on disk.

        Raises `NoSignerError`, `ForeignLedgerError`, `InvalidValueError`, `NotCanonicalError`, and
        from the disk `StorageError`, `DiskFullError`, `DatabaseBusyError`, `DamagedDatabaseError`.
        """
        if self._signer is None:
            raise NoSignerError("the signing key is needed to append; this process has none")
        with self._database.transaction():
            head = self.head()
            self._claim(self._signer)
            seq, record_id = head.seq + 1, self._new_id()
            payload = build_payload(
                self._terminal.site, self._terminal.name, seq, record_id, body, at
            )
            hash_ = record_hash(head.hash, payload)
            signature = sign_record(self._signer, hash_)
            record = Record(seq, record_id, body.kind, payload, head.hash, hash_, signature)
            self._database.execute(
                f"INSERT INTO records ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
                (seq, record_id, body.kind, payload, head.hash, hash_, signature),
            )
        return record

    def head(self) -> Head:
        """The newest record's number and hash; (0, GENESIS) in an empty ledger."""
        query = "SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1"
        return self._database.one(query, (), Head) or Head(0, GENESIS)

    def records(self, after: int, limit: int) -> list[Record]:
        """At most `limit` records with a number above `after`, in order."""
        return self._database.rows(
            f"SELECT {_COLUMNS} FROM records WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
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
        total = self.head().seq
        head = Head(0, GENESIS)
        while page := self.records(head.seq, _PAGE):
            for record in page:
                head = self._follow(public_key, head, record)
                if known is not None and known.seq == head.seq and known.hash != head.hash:
                    raise BrokenChainError(head.seq, "is not the record that is known elsewhere")
            if on_progress is not None:
                on_progress(head.seq, max(total, head.seq))
        if known is not None and known.seq > head.seq:
            raise BrokenChainError(head.seq + 1, f"is missing; record {known.seq} is known")
        return head

    def _follow(self, public_key: Ed25519PublicKey, head: Head, record: Record) -> Head:
        seq = head.seq + 1
        if record.seq != seq:
            raise BrokenChainError(seq, f"is missing; the next one is {record.seq}")
        if record.previous != head.hash:
            raise BrokenChainError(seq, "does not follow the record before it")
        if not check_record(
            public_key, record.previous, record.payload, record.hash, record.signature
        ):
            raise BrokenChainError(seq, "its hash or signature does not hold")
        try:
            content = record.content()
        except ValueError:
            raise BrokenChainError(seq, "its payload is no record") from None
        if (content.seq, content.id, content.kind) != (seq, record.id, record.kind):
            raise BrokenChainError(seq, "its row says something else than its payload")
        if (content.site, content.terminal) != (self._terminal.site, self._terminal.name):
            raise BrokenChainError(seq, "belongs to another terminal")
        return Head(seq, record.hash)

    def _claim(self, signer: Ed25519PrivateKey) -> None:
        raw = signer.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        wanted = _Owner(self._terminal.site, self._terminal.name, raw)
        owner = self._database.one("SELECT site, terminal, public_key FROM owner", (), _Owner)
        if owner is None:
            self._database.execute(
                "INSERT INTO owner VALUES (1, ?, ?, ?)",
                (wanted.site, wanted.terminal, wanted.public_key),
            )
        elif (owner.site, owner.terminal) != (wanted.site, wanted.terminal):
            raise ForeignLedgerError(
                f"this is the ledger of {owner.site}/{owner.terminal}, "
                f"not of {wanted.site}/{wanted.terminal}; give this terminal its own directory"
            )
        elif owner.public_key != wanted.public_key:
            raise ForeignLedgerError("the ledger was signed with another key than signing.key")
