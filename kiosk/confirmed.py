"""What headquarters has of this ledger, by its own signed word."""

from __future__ import annotations

from kiosk.stores import Stores
from store.documents import open_document
from store.ledger import Head
from store.settings import Terminal


def confirmed_head(stores: Stores, terminal: Terminal) -> Head | None:
    """The record that HQ's signed receipt names; None before the first.

    Raises `store.errors.DocumentError` when the kept receipt is not HQ's.
    """
    document = stores.delivery.receipt()
    if document is None:
        return None
    body = open_document(stores.hq_key, "receipt", document)
    if (body["site"], body["terminal"]) != (terminal.site, terminal.name):
        return None
    return Head(int(str(body["seq"])), bytes.fromhex(str(body["hash"])))
