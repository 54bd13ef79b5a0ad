"""What headquarters has of this ledger, by its own signed word."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from kiosk.stores import Stores
from store.documents import open_document
from store.ledger import Head
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

    def is_for(self, terminal: Terminal) -> bool:
        """Whether it is about this terminal's ledger."""
        return (self.site, self.terminal) == (terminal.site, terminal.name)

    @property
    def head(self) -> Head:
        """The record that it names."""
        return Head(self.seq, bytes.fromhex(self.hash))


def open_receipt(stores: Stores, document: bytes) -> Receipt:
    """A receipt that headquarters has signed.

    Raises `store.errors.DocumentError`, pydantic's ValidationError.
    """
    return Receipt.model_validate(open_document(stores.hq_key, "receipt", document))


def kept_receipt(stores: Stores) -> Receipt | None:
    """The one that is kept beside the ledger; None before the first. Raises as `open_receipt`."""
    document = stores.delivery.receipt()
    return None if document is None else open_receipt(stores, document)


def confirmed_head(stores: Stores, terminal: Terminal) -> Head | None:
    """The record that HQ's signed receipt names; None before the first.

    Raises `store.errors.DocumentError` when the kept receipt is not HQ's.
    """
    receipt = kept_receipt(stores)
    return receipt.head if receipt is not None and receipt.is_for(terminal) else None
