"""New TLS certificates for terminals: who asks for one, signing it, and sending it.

- A request is a record that the terminal signed (`certificate_request`); the newest one counts, and
  is over once a certificate was installed.
- A certificate is for the terminal's own name: a request for any other is refused.
- The CA's key is only read from a file that the operator names, and kept nowhere.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from sqlalchemy import select

from hq.authority import load_authority
from hq.commands import Queued, send
from hq.database import Database
from hq.errors import CertificateError
from hq.issued import note_certificate
from hq.tables import COMMANDS, EVENTS, TERMINALS
from hq.terminals import find
from store.certificates import mistake
from store.records import utc_text
from sync.contract.topics import Address

_BACKDATED = timedelta(hours=1)  # a terminal whose clock is a little behind still accepts it


def certificate_lines(database: Database) -> list[dict[str, Any]]:
    """Each terminal's newest request and what came of it.

    `state`: "waiting" for a certificate, "sent", or the outcome that the terminal recorded last.
    """
    query = (
        select(EVENTS, TERMINALS.c.site, TERMINALS.c.terminal)
        .select_from(EVENTS)
        .join(TERMINALS)
        .where(
            EVENTS.c.kind.in_(("certificate_request", "certificate_rotated")),
            EVENTS.c.receipt_seq.is_not(None),
            EVENTS.c.repeats.is_(None),
        )
        .order_by(TERMINALS.c.site, TERMINALS.c.terminal, EVENTS.c.seq)
    )
    sent = select(COMMANDS.c.terminal_id, COMMANDS.c.made_at).where(
        COMMANDS.c.type == "install_certificate"
    )
    with database.read() as connection:
        events = connection.execute(query).all()
        commands = connection.execute(sent).all()
    lines: dict[int, dict[str, Any]] = {}
    for event in events:
        body = json.loads(event.payload)["body"]
        if event.kind == "certificate_request":
            later = any(
                made > event.received_at for owner, made in commands if owner == event.terminal_id
            )
            lines[event.terminal_id] = {
                "site": event.site,
                "terminal": event.terminal,
                "state": "sent" if later else "waiting",
                "requested": utc_text(event.utc),
                "request": str(body.get("request", "")),
                "fingerprint": None,
                "not_after": None,
                "detail": "",
            }
        elif (line := lines.get(event.terminal_id)) is not None:
            line["state"] = body.get("outcome")
            line |= {key: body.get(key) for key in ("fingerprint", "not_after", "detail")}
    return list(lines.values())


def waiting_request(database: Database, address: Address) -> str:
    """The request (PEM) that a terminal waits with; raises CertificateError."""
    for line in certificate_lines(database):
        if (line["site"], line["terminal"]) == (address.site, address.terminal):
            if line["state"] != "installed":
                return checked_request(line["request"], address)
            break
    raise CertificateError(
        f"{address}: no key waits for a certificate; "
        f"`kiosk-hq commands send {address} rotate_certificate`"
    )


def issue(request: str, ca: Path, ca_key: Path, valid_for: timedelta, now: datetime) -> str:
    """A client certificate (PEM) for a checked request; raises CertificateError."""
    authority, key = load_authority(ca, ca_key)
    asked = x509.load_pem_x509_csr(request.encode())
    own = asked.public_key()
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(asked.subject)
        .issuer_name(authority.subject)
        .public_key(own)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(min(now + valid_for, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()),
            critical=False,
        )
    )
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM).decode("ascii")


def install(
    database: Database,
    key: Ed25519PrivateKey,
    address: Address,
    certificate: str,
    now: datetime,
    expires: datetime,
) -> Queued:
    """Send a certificate (PEM) to the terminal that waits for it; raises CertificateError."""
    wrong = mistake(certificate, waiting_request(database, address), str(address), now)
    if wrong is not None:
        raise CertificateError(f"the certificate is not the one that {address} asked for: {wrong}")
    arguments = {"certificate": certificate}
    [(_, queued)] = send(
        database, key, str(address), "install_certificate", arguments, now, expires
    )
    with database.write() as connection:
        note_certificate(connection, find(connection, {address})[address], certificate, now)
    return queued


def checked_request(request: str, address: Address) -> str:
    """The request (PEM) if it is sound and for that name alone; raises CertificateError."""
    try:
        asked = x509.load_pem_x509_csr(request.encode())
        sound = asked.is_signature_valid
        names = [a.value for a in asked.subject if a.oid == NameOID.COMMON_NAME]
    except (ValueError, UnsupportedAlgorithm):
        raise CertificateError(f"{address}: its request is malformed") from None
    if not sound or names != [str(address)] or len(list(asked.subject)) != 1:
        raise CertificateError(f"{address}: its request is not for its own name; sign nothing")
    return request
