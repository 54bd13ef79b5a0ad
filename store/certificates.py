"""TLS certificates: where a terminal's lies, until when it holds, and whether a new one is right.

Public data, which kiosk, sync and headquarters all look at.

- A pair that was renewed by command lies in `tls/current/` under the data directory (`sync.pairs`)
  and counts before the files of `[mqtt]`, unless those were put there later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

CURRENT = Path("tls") / "current"
CERTIFICATE, KEY = "certificate.pem", "key.pem"
_MOST_LINKS = 5  # certificates between ours and the CA; real chains have one or two


def expiry(path: Path | None) -> datetime | None:
    """When the first of the PEM certificates in a file to expire does so, in UTC.

    None when there is no such file, or it holds none: whoever needs it says so when it is used.
    """
    if path is None:
        return None
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        return None
    return min(certificate.not_valid_after_utc for certificate in found)


def certificate_in_use(directory: Path, configured: Path) -> Path:
    """The client certificate that counts: the renewed one or that of the settings."""
    current = directory / CURRENT
    try:
        renewed = current.lstat().st_mtime_ns
        if not (current / CERTIFICATE).is_file():
            return configured
    except OSError:
        return configured
    try:
        later = configured.stat().st_mtime_ns > renewed
    except OSError:
        later = False
    return configured if later else current.resolve() / CERTIFICATE


def mistake(
    certificate: str, request: str, name: str, now: datetime, authorities: str | None = None
) -> str | None:
    """Why a PEM certificate is not the one asked for; None when it is.

    It must be for the key of the PEM `request` and have the common name `name`, hold at `now`, and,
    with `authorities` (PEM), be signed by one of them, directly or through those that come with it.
    """
    try:
        leaf, *others = x509.load_pem_x509_certificates(certificate.encode())
        asked = x509.load_pem_x509_csr(request.encode())
        roots = x509.load_pem_x509_certificates((authorities or certificate).encode())
        names = [str(a.value) for a in leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        same_key = _raw(leaf) == _raw(asked)
    except (ValueError, UnsupportedAlgorithm):
        return "not a PEM certificate"
    if not same_key:
        return "it is for another key"
    if names != [name]:
        return "its common name is not this terminal's"
    if not _holds(leaf, now):
        return "it is not valid at this time"
    if authorities is not None and not _chains(leaf, others, roots, now):
        return "it is not signed by the CA of this terminal"
    return None


def _raw(owner: x509.Certificate | x509.CertificateSigningRequest) -> bytes:
    return owner.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _holds(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _chains(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    now: datetime,
) -> bool:
    for _ in range(_MOST_LINKS):
        if _issuer(leaf, roots, now) is not None:
            return True
        issuer = _issuer(leaf, others, now)
        if issuer is None:
            return False
        leaf = issuer
    return False


def _issuer(
    certificate: x509.Certificate, among: Iterable[x509.Certificate], now: datetime
) -> x509.Certificate | None:
    for one in among:
        try:
            constraints = one.extensions.get_extension_for_class(x509.BasicConstraints).value
            certificate.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            continue
        if constraints.ca and _holds(one, now):
            return one
    return None
