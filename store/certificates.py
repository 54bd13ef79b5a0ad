"""Until when TLS certificates hold: public data, which kiosk and sync both watch."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cryptography import x509


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
