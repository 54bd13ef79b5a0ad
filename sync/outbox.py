"""What the courier needs of the terminal's store, and the real one on `ledger.db`.

The outbox is no table: it is every record after HQ's receipt. Nothing in the ledger is changed by
delivery; what is kept beside it are the receipt, the inbox of commands and the replies.
One `StoreOutbox` belongs to the thread whose database connection it uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from store.database import Database
from store.delivery import Delivery
from store.errors import InboxFullError
from store.ledger import Ledger
from store.settings import Terminal
from sync.contract.events import LedgerRecord
from sync.contract.verify import Head


@dataclass(frozen=True, slots=True)
class Letter:
    """A signed reply that waits to be carried out; `id` is the store's."""

    id: int
    document: bytes


class Outbox(Protocol):
    """The courier's view of the store."""

    def version(self) -> int:
        """A number that changes when another process has committed something."""

    def head(self) -> Head:
        """The newest record's number and hash."""

    def records(self, after: int, limit: int) -> Sequence[LedgerRecord]:
        """Up to `limit` records with numbers over `after`, in order."""

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of one record; None when it is not (any more, or yet) in the ledger."""

    def receipt(self) -> bytes | None:
        """HQ's last receipt as it was saved."""

    def save_receipt(self, document: bytes, head: Head) -> None:
        """Keep a receipt that was verified; durable when this returns."""

    def awaits_receipt(self) -> bool:
        """Whether the ledger is provisional: nothing is to be sent before kiosk has a receipt."""

    def post_receipt(self, document: bytes) -> bool:
        """Put a verified receipt before kiosk; False when the inbox is full."""

    def checkpoint(self, after: int) -> LedgerRecord | None:
        """The newest checkpoint, if records directly after number `after` were pruned."""

    def post_command(self, document: bytes) -> bool:
        """Put a command before kiosk; False when the inbox is full. Durable when this returns."""

    def replies(self, limit: int) -> Sequence[Letter]:
        """Replies that wait to be sent, oldest first."""

    def drop_reply(self, letter: Letter) -> None:
        """The reply was sent."""

    def take_replay(self) -> int | None:
        """The first record that HQ wants again, once; None when it wants none."""


class StoreOutbox:
    """The real Outbox: errors are those of `store.errors`."""

    def __init__(self, database: Database, terminal: Terminal) -> None:
        self._database = database
        self._ledger = Ledger(database, terminal, None)
        self._delivery = Delivery(database)

    def version(self) -> int:
        """SQLite's `data_version`."""
        return self._database.data_version()

    def head(self) -> Head:
        """The newest record's number and hash."""
        head = self._ledger.head()
        return Head(head.seq, head.hash)

    def records(self, after: int, limit: int) -> Sequence[LedgerRecord]:
        """Up to `limit` records with numbers over `after`, in order."""
        return self._ledger.records(after, limit)

    def hash_at(self, seq: int) -> bytes | None:
        """The hash of one record; None when it is not in the ledger."""
        found = self._ledger.records(seq - 1, 1)
        return found[0].hash if found and found[0].seq == seq else None

    def receipt(self) -> bytes | None:
        """HQ's last receipt as it was saved."""
        return self._delivery.receipt()

    def save_receipt(self, document: bytes, head: Head) -> None:
        """Keep a verified receipt."""
        self._delivery.save_receipt(document, head.seq, head.hash)

    def awaits_receipt(self) -> bool:
        """Whether the ledger is provisional."""
        return self._ledger.provisional() is not None

    def checkpoint(self, after: int) -> LedgerRecord | None:
        """The newest checkpoint, if records directly after number `after` were pruned."""
        return self._ledger.newest_checkpoint() if after < self._ledger.pruned() else None

    def post_receipt(self, document: bytes) -> bool:
        """Put a verified receipt before kiosk; False when the inbox is full."""
        return self._post("receipt", document)

    def post_command(self, document: bytes) -> bool:
        """Put a command before kiosk; False when the inbox is full."""
        return self._post("command", document)

    def _post(self, kind: str, document: bytes) -> bool:
        try:
            self._delivery.post_inbox(kind, document)
        except InboxFullError:
            return False
        return True

    def replies(self, limit: int) -> Sequence[Letter]:
        """Replies that wait to be sent, oldest first."""
        return [Letter(reply.id, reply.document) for reply in self._delivery.replies(limit)]

    def drop_reply(self, letter: Letter) -> None:
        """The reply was sent."""
        self._delivery.drop_reply(letter.id)

    def take_replay(self) -> int | None:
        """The first record that HQ wants again, once."""
        return self._delivery.take_replay()
