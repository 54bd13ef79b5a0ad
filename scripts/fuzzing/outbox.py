"""An outbox in memory for the reception: a ledger that stands still, an inbox with an end."""

from __future__ import annotations

from collections.abc import Sequence

from store.records import Record
from sync.contract.verify import START, Head
from sync.outbox import Letter

_ROOM = 100


class StillOutbox:
    """`sync.outbox.Outbox` around records that do not change."""

    def __init__(self, records: Sequence[Record], provisional: bool) -> None:
        self._records = records
        self._provisional = provisional
        self._receipt: bytes | None = None
        self.inbox: list[bytes] = []

    def version(self) -> int:
        """Nothing changes here."""
        return 1

    def head(self) -> Head:
        """The last record's."""
        return Head(self._records[-1].seq, self._records[-1].hash) if self._records else START

    def records(self, after: int, limit: int) -> Sequence[Record]:
        """A slice."""
        return self._records[after : after + limit]

    def hash_at(self, seq: int) -> bytes | None:
        """One record's hash."""
        return self._records[seq - 1].hash if 0 < seq <= len(self._records) else None

    def receipt(self) -> bytes | None:
        """The one that was saved."""
        return self._receipt

    def save_receipt(self, document: bytes, head: Head) -> None:
        """Keep it; it must be one for a record of ours."""
        if head != START and self.hash_at(head.seq) != head.hash:
            raise AssertionError("a receipt for another record was saved")
        self._receipt = document

    def awaits_receipt(self) -> bool:
        """As it was made."""
        return self._provisional

    def post_receipt(self, document: bytes) -> bool:
        """Into the inbox while there is room."""
        return self.post_command(document)

    def checkpoint(self, after: int) -> Record | None:  # noqa: ARG002 (the seam has it)
        """Nothing is pruned here."""
        return None

    def post_command(self, document: bytes) -> bool:
        """Into the inbox while there is room."""
        if len(self.inbox) >= _ROOM:
            return False
        self.inbox.append(document)
        return True

    def replies(self, limit: int) -> Sequence[Letter]:  # noqa: ARG002 (the seam has it)
        """There are none."""
        return []

    def drop_reply(self, letter: Letter) -> None:
        """There are none."""

    def take_replay(self) -> int | None:
        """Nobody wants one."""
        return None
