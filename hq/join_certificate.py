"""The certificate that a site's new machines share to ask over the broker.

It opens the broker's join topics and no more (`sync.contract.joining`), and lies with its key in
the site file. A new one ends no old one: keep its life short.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hq.certificates import issue
from hq.errors import CertificateError
from sync.contract.joining import join_name


def join_certificate(
    site: str, ca: Path, ca_key: Path, valid_for: timedelta, now: datetime
) -> tuple[str, str]:
    """The certificate and its new key, PEM; raises CertificateError."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = join_name(site)
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError:
        raise CertificateError(f"{name}: X.509 ends a name at 64 characters") from None
    asked = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    request = asked.public_bytes(Encoding.PEM).decode("ascii")
    own = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
    return issue(request, ca, ca_key, valid_for, now), own
