"""Going on behind headquarters' records, where its receipt shows that this ledger must."""

from __future__ import annotations

from pydantic import ValidationError

from kiosk.confirmed import kept_receipt, open_receipt
from kiosk.log import complain
from kiosk.stores import Stores
from store.errors import DocumentError
from store.records import Fault, Instant
from store.settings import Terminal


def resume(stores: Stores, terminal: Terminal, document: bytes, now: Instant) -> None:
    """Take a receipt from the inbox, inside the transaction that drops it from there."""
    try:
        receipt, known = open_receipt(stores, document), kept_receipt(stores)
    except (DocumentError, ValidationError) as error:
        complain("receipt_refused", reason=type(error).__name__)
        return
    if not receipt.is_for(terminal):
        complain("receipt_refused", reason="meant for another terminal")
        return
    if known is not None and receipt.time <= known.time:
        complain("receipt_refused", reason="older than the one that is here")
        return
    confirmed, ledger = receipt.head, stores.ledger
    if ledger.provisional() is None:
        if not ledger.differs(confirmed):
            return
        ledger.append(Fault(code="ledger_diverged", detail=f"receipt for {receipt.seq}"), now)
        ledger.await_receipt("diverged")
    record = ledger.resume(confirmed, document, now)
    complain("ledger_resumed", behind=confirmed.seq, at=record.seq)
