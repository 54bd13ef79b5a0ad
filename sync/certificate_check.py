"""Whether the broker can still be reached with the certificates that are there; nothing is sent.

`kiosk` reports the same while it runs (`certificate_expiring`, docs/monitoring.md). This is for a
timer: a failed unit is seen by `systemctl --failed` also where neither daemon runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from store.certificates import expiry
from sync.errors import CredentialError
from sync.tls import Broker, tls_context


@dataclass(frozen=True, slots=True)
class Left:
    """Whole days that the client certificate and the CA still hold; below 0 it is over."""

    certificate_days: int
    ca_days: int


def check_certificates(broker: Broker, now: datetime, at_least: timedelta) -> Left:
    """How long they hold; raises `CredentialError` for less than `at_least`, or unusable ones."""
    tls_context(broker)
    days = {}
    for what, path in (("certificate", broker.certificate), ("ca", broker.ca)):
        end = expiry(path)
        if end is None:
            raise CredentialError(f"{path}: holds no PEM certificate")
        days[what] = (end - now) // timedelta(days=1)
        if end - now < at_least:
            raise CredentialError(
                f"{path}: ends {end:%Y-%m-%d}; renew it while the broker still takes it "
                "(docs/certificates.md)"
            )
    return Left(days["certificate"], days["ca"])
