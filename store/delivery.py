"""What passes between the ledger's terminal and headquarters, kept beside the ledger.

- The receipt is headquarters' latest word on what it has. Sync saves it after verifying it with
  headquarters' key; kiosk verifies it again before it relies on it.
- Everything after the receipt's number waits to be delivered; no record is marked.
- The inbox carries what came from headquarters to kiosk, replies go the other way. A message is
  dropped by who has dealt with it, and comes again until then.
- The inbox is bounded: a flood from a hostile broker ends in `InboxFullError`, not in a full disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from store.database import Database
from store.errors import InboxFullError, InvalidValueError

MAX_INBOX = 1000
MAX_DOCUMENT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class InboxMessage:
    """A document from headquarters; `kind` as sync filed it ("command", …)."""

    id: int
    kind: str
    document: bytes


@dataclass(frozen=True, slots=True)
class ReplyMessage:
    """A signed reply on its way to headquarters."""

    id: int
    document: bytes


class Delivery:
    """The delivery state in `database` (ledger.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_receipt(self, document: bytes, seq: int, hash_: bytes) -> None:
        """Keep headquarters' verified receipt in place of the one before it."""
        with self._database.transaction():
            self._database.execute(
                "INSERT INTO receipt VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "document = excluded.document, seq = excluded.seq, hash = excluded.hash",
                (document, seq, hash_),
            )

    def receipt(self) -> bytes | None:
        """The receipt's document, to be verified before it is relied on; None before the first."""
        return self._database.one("SELECT document FROM receipt", (), bytes)

    def receipt_seq(self) -> int:
        """The number that it names; 0 before the first. Not verified: to show, not to rely on."""
        return self._database.one("SELECT seq FROM receipt", (), int) or 0

    def post_inbox(self, kind: str, document: bytes) -> int:
        """Leave a message for kiosk; returns its id. Raises `InboxFullError`."""
        if len(document) > MAX_DOCUMENT_BYTES:
            raise InvalidValueError(f"a document has at most {MAX_DOCUMENT_BYTES} bytes")
        with self._database.transaction():
            waiting = self._database.one("SELECT count(*) FROM inbox", (), int) or 0
            if waiting >= MAX_INBOX:
                raise InboxFullError(f"{waiting} messages wait for kiosk; is it running?")
            return self._database.insert(
                "INSERT INTO inbox (kind, document) VALUES (?, ?)", (kind, document)
            )

    def inbox(self, limit: int) -> list[InboxMessage]:
        """The oldest messages for kiosk, at most `limit`."""
        query = "SELECT id, kind, document FROM inbox ORDER BY id LIMIT ?"
        return self._database.rows(query, (limit,), InboxMessage)

    def drop_inbox(self, message_id: int) -> None:
        """Forget a message that has been dealt with."""
        self._change("DELETE FROM inbox WHERE id = ?", message_id)

    def post_reply(self, document: bytes) -> int:
        """Leave a signed reply for headquarters; returns its id."""
        with self._database.transaction():
            return self._database.insert("INSERT INTO replies (document) VALUES (?)", (document,))

    def replies(self, limit: int) -> list[ReplyMessage]:
        """The oldest replies for headquarters, at most `limit`."""
        query = "SELECT id, document FROM replies ORDER BY id LIMIT ?"
        return self._database.rows(query, (limit,), ReplyMessage)

    def drop_reply(self, reply_id: int) -> None:
        """Forget a reply that the broker has taken."""
        self._change("DELETE FROM replies WHERE id = ?", reply_id)

    def request_replay(self, from_seq: int) -> None:
        """Ask sync to send again from this number on; of several requests the lowest counts."""
        if from_seq < 1:
            raise InvalidValueError("records are numbered from 1")
        self._change(
            "INSERT INTO replay VALUES (1, ?) ON CONFLICT DO UPDATE SET "
            "from_seq = min(from_seq, excluded.from_seq)",
            from_seq,
        )

    def take_replay(self) -> int | None:
        """The number to send again from, asked for since the last call; None without a request."""
        query = "SELECT from_seq FROM replay"
        if self._database.one(query, (), int) is None:  # spares the write lock on every poll
            return None
        with self._database.transaction():
            from_seq = self._database.one(query, (), int)
            self._database.execute("DELETE FROM replay")
        return from_seq

    def seen_command(self, number: int) -> None:
        """Remember that the command of this number was dealt with."""
        self._change(
            "INSERT INTO last_command VALUES (1, ?) ON CONFLICT DO UPDATE SET "
            "number = max(number, excluded.number)",
            number,
        )

    def last_command_number(self) -> int:
        """The highest command number dealt with; 0 before the first."""
        return self._database.one("SELECT number FROM last_command", (), int) or 0

    def _change(self, sql: str, value: int) -> None:
        with self._database.transaction():
            self._database.execute(sql, (value,))
