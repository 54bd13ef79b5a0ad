"""What comes down from headquarters: receipts and commands, verified, never trusted.

- A receipt is believed when HQ's key signed it for this terminal, it is later (`time`) than the
  one we have, and names a record of ours by its hash. It may lie *before* the one we have: then HQ
  lost records, and they are sent again.
- A receipt for a record that we do not have, or have with another hash, is a divergence: this
  ledger is not the one that HQ knows (an old backup, a copied card). `fault` says so; the receipt
  is not saved but put before kiosk, which resumes the ledger behind it. So is every receipt while
  the ledger is provisional.
- A command is checked (signature, terminal, expiry) and put before kiosk, which checks again and
  alone carries it out.
- Nothing that arrives raises: it is refused, counted by reason and logged without its content.
"""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from enum import Enum

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sync.contract.documents import Receipt, open_command, open_receipt
from sync.contract.errors import (
    ContractError,
    ForgedPayloadError,
    MalformedPayloadError,
    MisaddressedPayloadError,
)
from sync.contract.topics import Address, Channel, parse_topic
from sync.contract.verify import START, Head
from sync.outbox import Outbox
from sync.seam import Inbound

_LOG = logging.getLogger("sync.reception")
# Every reason that `Reception.refused` counts by.
REFUSALS = ("expired", "forged", "malformed", "misaddressed", "saved_receipt")


class Heard(Enum):
    """What a message changed."""

    NOTHING = "nothing"
    RECEIPT = "a later receipt, at or after the one before it"
    SETBACK = "a later receipt, before the one before it: HQ lost records"
    COMMAND = "a command for kiosk"
    NO_ROOM = "the inbox is full; the message must stay with the broker"


class Reception:
    """One terminal's receipts and commands; used from one thread."""

    def __init__(self, address: Address, outbox: Outbox, hq_key: Ed25519PublicKey) -> None:
        self._address = address
        self._outbox = outbox
        self._hq_key = hq_key
        self.refused: Counter[str] = Counter()
        self.fault: str | None = None
        self._document: bytes | None = None
        self._receipt: Receipt | None = None
        self._posted: datetime | None = None
        self.refresh()

    def refresh(self) -> bool:
        """Look at the saved receipt again: kiosk changes it when it resumes. True if it did."""
        document = self._outbox.receipt()
        if document == self._document:
            return False
        self._document, self._receipt = document, self._opened(document)
        self.fault = None
        return True

    @property
    def confirmed(self) -> Head:
        """The record that HQ's last receipt names."""
        return self._receipt.head if self._receipt is not None else START

    @property
    def receipt_time(self) -> datetime | None:
        """When HQ signed its last receipt; None while there is none."""
        return None if self._receipt is None else self._receipt.time

    def take(self, message: Inbound, utc: datetime) -> Heard:
        """Deal with one message. Errors of the outbox pass through, nothing else is raised."""
        try:
            address, channel = parse_topic(message.topic)
            if address != self._address:
                raise MisaddressedPayloadError("a topic of another terminal")
            if channel is Channel.RECEIPT:
                return self._take_receipt(message.payload)
            if channel is Channel.COMMAND:
                return self._take_command(message.payload, utc)
            raise MalformedPayloadError("a channel that only terminals write")
        except ContractError as error:
            self._refuse(error)
            return Heard.NOTHING

    def _take_receipt(self, document: bytes) -> Heard:
        receipt = open_receipt(self._hq_key, self._address, document)
        if self._receipt is not None and receipt.time <= self._receipt.time:
            return Heard.NOTHING  # a stale copy, or the one that we have
        if self._outbox.awaits_receipt():
            self.fault = "ledger_awaits_receipt"
            return self._give_to_kiosk(document, receipt)
        if not self._is_ours(receipt):
            return self._give_to_kiosk(document, receipt)
        before = self.confirmed.seq
        self._outbox.save_receipt(document, receipt.head)
        self._document, self._receipt = document, receipt
        self.fault = None
        if receipt.seq < before:
            fields = {"had": before, "has": receipt.seq}
            _LOG.warning("headquarters_lost_records", extra={"fields": fields})
            return Heard.SETBACK
        if receipt.seq > before:
            _LOG.info("confirmed", extra={"fields": {"seq": receipt.seq}})
        return Heard.RECEIPT

    def _give_to_kiosk(self, document: bytes, receipt: Receipt) -> Heard:
        if self._posted is not None and receipt.time <= self._posted:
            return Heard.NOTHING
        if not self._outbox.post_receipt(document):
            return Heard.NO_ROOM
        self._posted = receipt.time
        return Heard.NOTHING

    def _is_ours(self, receipt: Receipt) -> bool:
        if receipt.seq == 0:
            return receipt.head == START
        head = self._outbox.head()
        if receipt.seq > head.seq:
            fault = "ledger_behind_headquarters"
        else:
            known = self._outbox.hash_at(receipt.seq)
            if known is None or known == receipt.head.hash:
                return True
            fault = "ledger_forked"
        if self.fault != fault:
            fields = {"fault": fault, "head": head.seq, "receipt": receipt.seq}
            _LOG.error("diverged", extra={"fields": fields})
        self.fault = fault
        return False

    def _take_command(self, document: bytes, utc: datetime) -> Heard:
        command = open_command(self._hq_key, self._address, document)
        if command.expires <= utc:
            self.refused["expired"] += 1
            _LOG.warning("command_expired", extra={"fields": {"number": command.number}})
            return Heard.NOTHING
        if not self._outbox.post_command(document):
            _LOG.warning("inbox_full")
            return Heard.NO_ROOM
        _LOG.info("command_received", extra={"fields": {"number": command.number}})
        return Heard.COMMAND

    def _refuse(self, error: ContractError) -> None:
        if isinstance(error, ForgedPayloadError):
            reason = "forged"
        elif isinstance(error, MisaddressedPayloadError):
            reason = "misaddressed"
        else:
            reason = "malformed"
        self.refused[reason] += 1
        _LOG.warning("message_refused", extra={"fields": {"reason": reason}})

    def _opened(self, document: bytes | None) -> Receipt | None:
        if document is None:
            return None
        try:
            return open_receipt(self._hq_key, self._address, document)
        except ContractError as error:
            self.refused["saved_receipt"] += 1
            fields = {"reason": type(error).__name__}
            _LOG.error("saved_receipt_refused", extra={"fields": fields})
            return None
