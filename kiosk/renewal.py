"""Telling headquarters of a new TLS certificate: the request for it, and what came of it.

sync makes the key and has the network, but signs nothing; so both go into the ledger, which is
delivered whatever crashes (`store.renewal`).
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from kiosk.log import say
from kiosk.stores import Stores
from store.records import CertificateRequest, CertificateRotated, Instant
from store.renewal import Order, Renewal


def tell_renewal(stores: Stores, now: Instant) -> None:
    """Write what sync has to tell, each once. Raises what the ledger raises."""
    renewal = Renewal(stores.ledger_db)
    order = renewal.get()
    if order is None:
        return
    if order.conclusion is not None:
        body = _rotated(order)
        with stores.ledger_db.transaction():
            stores.ledger.append(body, now)
            if order.conclusion == "installed" or order.certificate is None:
                renewal.end(order.number)
            else:
                renewal.wait_on(order.number)
        say("certificate", outcome=order.conclusion)
    elif order.request is not None and not order.told:
        with stores.ledger_db.transaction():
            stores.ledger.append(CertificateRequest(request=order.request), now)
            renewal.told(order.number)


def _rotated(order: Order) -> CertificateRotated:
    outcome, detail = order.conclusion or "refused", order.detail
    try:
        leaf = x509.load_pem_x509_certificates((order.certificate or "").encode())[0]
    except ValueError:
        return CertificateRotated(outcome=outcome, detail=detail)
    return CertificateRotated(
        outcome=outcome,
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        not_after=leaf.not_valid_after_utc,
        detail=detail,
    )
