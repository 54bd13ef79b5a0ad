"""The certificates that headquarters issued or sent to terminals, and the list of revoked ones.

- What a terminal had before it joined here is not known: `note_certificate` takes it from a file.
- A revoked certificate stays on the list until it would have ended by itself.
- The list (CRL, RFC 5280) is signed by the operator's CA and is itself good for a limited time: a
  broker with one that is out of date turns everybody away. docs/fleet.md says how it is renewed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from sqlalchemy import Connection, select

from hq.authority import load_authority
from hq.database import Database
from hq.errors import CertificateError
from hq.tables import CERTIFICATES
from hq.terminals import Known

_BACKDATED = timedelta(hours=1)  # a broker whose clock is a little behind still takes it


def note_certificate(connection: Connection, terminal: Known, pem: str, now: datetime) -> None:
    """Remember a terminal's certificate (PEM); again is no matter.

    Raises CertificateError for what is none, or for another name's: it is not to be revoked.
    """
    try:
        leaf = x509.load_pem_x509_certificates(pem.encode("ascii"))[0]
    except ValueError:
        raise CertificateError(f"{terminal.address}: not a PEM certificate") from None
    names = [str(one.value) for one in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [str(terminal.address)]:
        raise CertificateError(f"{terminal.address}: the certificate is not for this terminal")
    fingerprint = leaf.fingerprint(hashes.SHA256()).hex()
    known = select(CERTIFICATES.c.id).where(CERTIFICATES.c.fingerprint == fingerprint)
    if connection.execute(known).one_or_none() is None:
        connection.execute(
            CERTIFICATES.insert().values(
                terminal_id=terminal.id,
                serial=format(leaf.serial_number, "x"),
                fingerprint=fingerprint,
                not_after=leaf.not_valid_after_utc,
                noted_at=now,
            )
        )


def revoke_all(connection: Connection, terminal: Known, now: datetime) -> int:
    """Put all of a terminal's known certificates on the list; how many."""
    mine = (CERTIFICATES.c.terminal_id == terminal.id) & CERTIFICATES.c.revoked_at.is_(None)
    return connection.execute(CERTIFICATES.update().where(mine).values(revoked_at=now)).rowcount


def revocation_list(
    database: Database, ca: Path, ca_key: Path, valid_for: timedelta, now: datetime
) -> tuple[bytes, int]:
    """The list as PEM, and how many are on it; raises CertificateError."""
    authority, key = load_authority(ca, ca_key)
    query = (
        select(CERTIFICATES.c.serial, CERTIFICATES.c.revoked_at)
        .where(CERTIFICATES.c.revoked_at.is_not(None), CERTIFICATES.c.not_after > now)
        .order_by(CERTIFICATES.c.id)
    )
    with database.read() as connection:
        revoked = [(row.serial, row.revoked_at) for row in connection.execute(query)]
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.subject)
        .last_update(now - _BACKDATED)
        .next_update(now + valid_for)
        # RFC 5280 5.2.3: a list's number only grows.
        .add_extension(x509.CRLNumber(int(now.timestamp() * 1000)), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    for one in _entries(revoked):
        builder = builder.add_revoked_certificate(one)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM), len(revoked)


def revoked_serials(database: Database, now: datetime) -> set[str]:
    """The serials (hex) that a list of now has."""
    query = select(CERTIFICATES.c.serial).where(
        CERTIFICATES.c.revoked_at.is_not(None), CERTIFICATES.c.not_after > now
    )
    with database.read() as connection:
        return set(connection.execute(query).scalars())


def _entries(revoked: Iterable[tuple[str, datetime]]) -> Iterable[x509.RevokedCertificate]:
    for serial, at in revoked:
        yield (
            x509.RevokedCertificateBuilder()
            .serial_number(int(serial, 16))
            .revocation_date(at)
            .build()
        )
