"""Going on behind headquarters' records, where its receipt shows that this ledger must."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from kiosk.log import complain
from kiosk.stores import Stores
from store.documents import open_document
from store.errors import DocumentError
from store.ledger import Head
from store.records import Fault, Instant
from store.settings import Terminal


class Receipt(BaseModel):
    """Headquarters' receipt as the contract has it; unknown fields are passed over."""

    model_config = ConfigDict(frozen=True)

    v: Literal[1]
    site: str
    terminal: str
    seq: int = Field(ge=0)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")
    time: AwareDatetime


def resume(stores: Stores, terminal: Terminal, document: bytes, now: Instant) -> None:
    """Take a receipt from the inbox, inside the transaction that drops it from there."""
    try:
        receipt = Receipt.model_validate(open_document(stores.hq_key, "receipt", document))
        kept = stores.delivery.receipt()
        known = (
            None
            if kept is None
            else Receipt.model_validate(open_document(stores.hq_key, "receipt", kept))
        )
    except (DocumentError, ValidationError) as error:
        complain("receipt_refused", reason=type(error).__name__)
        return
    if (receipt.site, receipt.terminal) != (terminal.site, terminal.name):
        complain("receipt_refused", reason="meant for another terminal")
        return
    if known is not None and receipt.time <= known.time:
        complain("receipt_refused", reason="older than the one that is here")
        return
    confirmed, ledger = Head(receipt.seq, bytes.fromhex(receipt.hash)), stores.ledger
    if ledger.provisional() is None:
        if not ledger.differs(confirmed):
            return
        ledger.append(Fault(code="ledger_diverged", detail=f"receipt for {receipt.seq}"), now)
        ledger.await_receipt("diverged")
    record = ledger.resume(confirmed, document, now)
    complain("ledger_resumed", behind=confirmed.seq, at=record.seq)
