"""What is on its way without a receipt, and when to send it again. Pure: no clock, no network.

Rules:
- `sent` is the highest record handed to the broker since the last start over; the next batch
  begins after it. Batches leave in order, and at most `size` of them lack a receipt.
- `size` is 1 after every start over and grows by one with each batch that a receipt covers, up to
  `most`: a headquarters that is down gets one batch at a time, not a window full.
- No receipt within the patience: start over. The patience doubles with each loss in a row, from
  `resend_after_s` to `resend_most_s`, each time a random 75 to 125 % of it.
- While the ledger has diverged from HQ's, one batch at a time, with the longest patience.
"""

from __future__ import annotations

from random import Random


class Window:
    """Records `sent` beyond `confirmed` (record numbers); instants are monotonic seconds."""

    def __init__(
        self,
        confirmed: int,
        random: Random,
        *,
        most: int,
        resend_after_s: float,
        resend_most_s: float,
    ) -> None:
        self.sent = confirmed
        self.diverged = False
        self._random = random
        self._most = most
        self._resend_after_s = resend_after_s
        self._resend_most_s = max(resend_after_s, resend_most_s)
        self._size = 1
        self._losses = 0
        self._on_the_way: list[int] = []
        self._resend_at_s: float | None = None

    @property
    def has_room(self) -> bool:
        """May another batch leave?"""
        return len(self._on_the_way) < (1 if self.diverged else self._size)

    @property
    def waits(self) -> bool:
        """Is anything on its way?"""
        return bool(self._on_the_way)

    def left(self, last: int, now_s: float) -> None:
        """The broker has a batch that ends with record `last`."""
        self.sent = last
        self._on_the_way.append(last)
        self._resend_at_s = now_s + self._patience_s()

    def covered(self, seq: int, now_s: float) -> None:
        """HQ has everything up to `seq`."""
        before = len(self._on_the_way)
        self._on_the_way = [last for last in self._on_the_way if last > seq]
        arrived = before - len(self._on_the_way)
        if arrived:
            self._losses = 0
            self._size = min(self._most, self._size + arrived)
            self._resend_at_s = now_s + self._patience_s() if self._on_the_way else None
        self.sent = max(self.sent, seq)

    def overdue(self, now_s: float) -> bool:
        """Has the patience run out? Counts as a loss when it has."""
        if self._resend_at_s is None or now_s < self._resend_at_s:
            return False
        self._losses += 1
        return True

    def start_over(self, after: int) -> None:
        """Forget what is on its way; the next batch begins after record `after`."""
        self.sent = after
        self._on_the_way.clear()
        self._size = 1
        self._resend_at_s = None

    def _patience_s(self) -> float:
        if self.diverged:
            return self._resend_most_s * self._random.uniform(0.75, 1.25)
        whole_s = min(self._resend_most_s, self._resend_after_s * 2 ** min(self._losses, 16))
        return float(whole_s * self._random.uniform(0.75, 1.25))
