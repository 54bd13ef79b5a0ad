"""The outbox pump: carries ledger records up, and what HQ says down.

Rules:
- A record is delivered when HQ's own receipt covers it; a PUBACK only says that a broker has it.
- Records go up in order, in batches, from the receipt on, within the window (`sync.window`). A new
  connection starts over from the receipt at once.
- A batch's size follows the line: it aims at `publish_target_s` a batch, down to one record, so
  that a slow line is slow and not stuck.
- What comes down goes through `sync.reception`; a message is acknowledged after it was dealt with.
- The store is read when `Outbox.version` changes or something is left to do, else left alone.
- The ledger having diverged from HQ's (an old backup) is shown in the status; one batch at a time
  still goes up, slowly, so that HQ raises its alarm.
- A provisional ledger is not sent. An empty batch asks HQ for its receipt, until kiosk has resumed.
- Where the next records were pruned (HQ has lost them), the newest checkpoint goes ahead: it says
  so, signed.

The clock and randomness are arguments. One `step` does what is due. Errors of the outbox pass
through; transport errors do not: they are logged, and a pause with jitter follows. `progress` is
called after each message that went up or was dealt with.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sync.contract.events import MAX_BATCH_BYTES, MAX_BATCH_RECORDS, build_batch
from sync.contract.status import build_status
from sync.contract.topics import Address, Channel, topic
from sync.errors import PublishRefusedError, TransportClosedError, TransportError
from sync.outbox import Outbox
from sync.reception import Heard, Reception
from sync.seam import Backoff, Inbound, Transport, Will
from sync.window import Window

_LOG = logging.getLogger("sync.courier")
_SMALLEST_BATCH_BYTES = 1024
_FIRST_BATCH_BYTES = 8 * 1024  # a slow line gets it through, a fast one doubles it each time
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Now:
    """An instant: monotonic seconds for intervals, UTC for what is written down."""

    monotonic_s: float
    utc: datetime


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard the courier works: seconds, batches, records, bytes."""

    resend_after_s: float = 5.0
    resend_most_s: float = 60.0
    window: int = 8
    batch_records: int = MAX_BATCH_RECORDS
    batch_bytes: int = MAX_BATCH_BYTES
    publish_timeout_s: float = 30.0
    publish_target_s: float = 2.0
    status_every_s: float = 60.0
    status_soonest_s: float = 1.0


class Courier:
    """Carries one terminal's records and commands; used from one thread."""

    def __init__(
        self,
        address: Address,
        outbox: Outbox,
        hq_key: Ed25519PublicKey,
        random: Random,
        clock: Callable[[], Now],
        *,
        version: str,
        pace: Pace | None = None,
        report: Callable[[], Mapping[str, Any]] = dict,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._address = address
        self._outbox = outbox
        self._random = random
        self._clock = clock
        self._version = version
        self._report = report
        self._progress = progress
        self._pace = pace or Pace()
        self._pauses = Backoff(first_s=0.5, most_s=30.0)
        self.reception = Reception(address, outbox, hq_key)
        self._window = Window(
            self.reception.confirmed.seq,
            random,
            most=self._pace.window,
            resend_after_s=self._pace.resend_after_s,
            resend_most_s=self._pace.resend_most_s,
        )
        self._connection: int | None = None
        self._seen_version: int | None = None
        self._look_for_records = True
        self._look_for_mail = True
        self._head = 0
        self._batch_bytes = min(_FIRST_BATCH_BYTES, self._pace.batch_bytes)
        self._failures = 0
        self._rest_until_s = float("-inf")
        self._awaits_receipt = False
        self._ask_at_s = float("-inf")
        self._status_at_s = float("-inf")
        self._status_said: tuple[object, ...] | None = None
        self.statuses_sent = 0
        self._notice()
        self._will = self._make_will(self._report())

    def will(self) -> Will:
        """What the broker says for us when we vanish (may be asked from another thread)."""
        return self._will

    def step(self, transport: Transport) -> bool:
        """Do what is due; True when there is more to do at once."""
        connection = transport.connection
        if connection is None:
            self._connection = None
            return False
        self._notice()
        if connection != self._connection:
            self._connection = connection
            self._start_over("connected")
            self._look_for_mail = True
            self._status_said = None
            self._rest_until_s = self._ask_at_s = float("-inf")
        heard = self._hear(transport)
        if self._clock().monotonic_s < self._rest_until_s:
            return heard
        try:
            sent = self._pump(transport)
            self._send_replies(transport)
            self._send_status(transport)
        except TransportClosedError:
            return False
        except TransportError as error:
            self._stumble(error)
            return heard
        self._failures = 0
        return heard or sent

    def handle(self, message: Inbound, transport: Transport) -> None:
        """Deal with one message, then acknowledge it; its content never raises anything."""
        heard = self.reception.take(message, self._clock().utc)
        if heard is Heard.NO_ROOM:
            return  # not acknowledged: the broker brings it again with the next connection
        self._window.diverged = self.reception.fault is not None
        if heard is Heard.SETBACK:
            self._start_over("headquarters lost records")
        elif heard is Heard.RECEIPT:
            self._window.covered(self.reception.confirmed.seq, self._clock().monotonic_s)
            self._look_for_records = True
        transport.acknowledge(message)
        self._progress()

    def status(self) -> bytes:
        """The status as it would be sent now; there need not be a connection."""
        self._notice()
        return self._status("online", self._report())

    def farewell(self, transport: Transport, timeout_s: float) -> None:
        """Say `offline` before a polite end; a failure is nothing (the will says it then)."""
        try:
            transport.publish(
                topic(self._address, Channel.STATUS),
                self._status("offline", self._report()),
                retain=True,
                timeout_s=timeout_s,
            )
        except TransportError:
            return

    def _notice(self) -> None:
        version = self._outbox.version()
        if version == self._seen_version:
            return
        self._seen_version = version
        self._look_for_records = True
        self._look_for_mail = True
        self._head = self._outbox.head().seq
        self._awaits_receipt = self._outbox.awaits_receipt()
        if self.reception.refresh():
            self._window.diverged = False
            self._start_over("resumed")

    def _hear(self, transport: Transport) -> bool:
        for _ in range(_AT_ONCE):
            message = transport.receive(0.0)
            if message is None:
                return False
            self.handle(message, transport)
        return True

    def _pump(self, transport: Transport) -> bool:
        if self._look_for_mail:
            self._heed_replay()
        if self._awaits_receipt:
            self._ask_for_receipt(transport)
            return False
        if self._window.overdue(self._clock().monotonic_s):
            self._start_over("no receipt")
        if not self._window.waits:
            self._send_checkpoint(transport)
        if not (self._look_for_records and self._window.has_room):
            return False
        records = self._outbox.records(self._window.sent, self._pace.batch_records)
        payload, count = build_batch(records, self._pace.batch_records, self._batch_bytes)
        if count == 0:
            self._look_for_records = False
            return False
        self._publish_batch(transport, payload, whole=count == len(records))
        self._window.left(records[count - 1].seq, self._clock().monotonic_s)
        return self._window.has_room

    def _ask_for_receipt(self, transport: Transport) -> None:
        now_s = self._clock().monotonic_s
        if now_s >= self._ask_at_s:
            self._publish_events(transport, build_batch([])[0])
            self._ask_at_s = now_s + self._pace.resend_after_s

    def _send_checkpoint(self, transport: Transport) -> None:
        if self._look_for_records and (record := self._outbox.checkpoint(self._window.sent)):
            self._publish_events(transport, build_batch([record])[0])

    def _publish_events(self, transport: Transport, payload: bytes) -> None:
        self._publish(transport, Channel.EVENTS, payload)

    def _publish(
        self, transport: Transport, channel: Channel, payload: bytes, *, retain: bool = False
    ) -> None:
        transport.publish(
            topic(self._address, channel),
            payload,
            retain=retain,
            timeout_s=self._pace.publish_timeout_s,
        )
        fields = {"channel": channel.value, "bytes": len(payload)}
        _LOG.debug("published", extra={"fields": fields})
        self._progress()

    def _heed_replay(self) -> None:
        wanted = self._outbox.take_replay()
        if wanted is not None and wanted <= self._window.sent:
            _LOG.info("replay", extra={"fields": {"from_seq": wanted}})
            self._window.start_over(max(0, wanted - 1))
            self._look_for_records = True

    def _publish_batch(self, transport: Transport, payload: bytes, *, whole: bool) -> None:
        before_s = self._clock().monotonic_s
        self._publish_events(transport, payload)
        took_s = self._clock().monotonic_s - before_s
        if took_s > self._pace.publish_target_s:
            self._shrink(self._pace.publish_target_s / took_s)
        elif not whole and took_s * 4 < self._pace.publish_target_s:
            self._batch_bytes = min(self._batch_bytes * 2, self._pace.batch_bytes)

    def _shrink(self, factor: float) -> None:
        self._batch_bytes = max(_SMALLEST_BATCH_BYTES, int(self._batch_bytes * factor))

    def _start_over(self, why: str) -> None:
        confirmed = self.reception.confirmed.seq
        if self._window.waits:
            fields = {"why": why, "from_seq": confirmed + 1}
            _LOG.info("resend", extra={"fields": fields})
        self._window.start_over(confirmed)
        self._look_for_records = True

    def _stumble(self, error: TransportError) -> None:
        self._failures += 1
        pause_s = self._pauses.pause_s(self._failures, self._random)
        self._rest_until_s = self._clock().monotonic_s + pause_s
        self._shrink(0.25)
        reason = error.reason if isinstance(error, PublishRefusedError) else type(error).__name__
        fields = {"reason": reason, "again_in_s": round(pause_s, 2)}
        _LOG.warning("publish_failed", extra={"fields": fields})

    def _send_replies(self, transport: Transport) -> None:
        if not self._look_for_mail:
            return
        letters = self._outbox.replies(_AT_ONCE)
        for letter in letters:
            self._publish(transport, Channel.REPLY, letter.document)
            self._outbox.drop_reply(letter)
        self._look_for_mail = len(letters) == _AT_ONCE

    def _send_status(self, transport: Transport) -> None:
        now_s = self._clock().monotonic_s
        reception = self.reception
        news = (self._head, reception.confirmed.seq, reception.fault, reception.refused.total())
        changed = news != self._status_said
        due_s = self._pace.status_soonest_s if changed else self._pace.status_every_s
        if self._status_said is not None and now_s < self._status_at_s + due_s:
            return
        report = self._report()
        self._publish(transport, Channel.STATUS, self._status("online", report), retain=True)
        self._status_at_s = now_s
        self._status_said = news
        self.statuses_sent += 1
        self._will = self._make_will(report)

    def _make_will(self, report: Mapping[str, Any]) -> Will:
        return Will(topic(self._address, Channel.STATUS), self._status("offline", report))

    def _status(self, state: Literal["online", "offline"], report: Mapping[str, Any]) -> bytes:
        return build_status(
            state=state,
            now=self._clock().utc,
            head=self._head,
            confirmed=self.reception.confirmed.seq,
            version=self._version,
            fault=self.reception.fault,
            refused=dict(self.reception.refused),
            receipt_time=self.reception.receipt_time,
            report=report,
        )
