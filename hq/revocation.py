"""The life of the list of revoked certificates: when it is due, and an alarm when it nears its end.

- Due: missing, unreadable, of another CA, less than half of its life left, or a certificate was
  revoked that it does not have. `kiosk-hq certificates crl --if-due` renews it then.
- Near its end: less than a quarter left. A worker that knows the file raises the alarm
  `list_ends`, once an hour: with a list that is out of date the broker turns everybody away.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from hq.alarms import Alarm, raise_alarms
from hq.database import Database
from hq.errors import CertificateError
from hq.issued import revoked_serials

_LOOK_EVERY = timedelta(hours=1)
_DUE, _NEAR = 0.5, 0.25  # the part of its life that is left: a timer of a day has weeks in between


def is_due(database: Database, path: Path, authority: x509.Certificate, now: datetime) -> bool:
    """Whether the list is to be made anew."""
    try:
        opened = _read(path)
        rest = _left(opened, path, now)
    except CertificateError:
        return True
    ours = opened.issuer == authority.subject
    listed = {format(one.serial_number, "x") for one in opened}
    return not ours or rest < _DUE or not revoked_serials(database, now) <= listed


class RevocationWatch:
    """Looks at the list every hour; `path` None: there is none that this worker knows of."""

    def __init__(self, database: Database, path: Path | None) -> None:
        self._database = database
        self._path = path
        self._next: datetime | None = None

    def look(self, now: datetime) -> None:
        """Raise the alarm when it is time to look and the list is near its end."""
        if self._path is None or (self._next is not None and now < self._next):
            return
        try:
            near = _left(_read(self._path), self._path, now) < _NEAR
        except CertificateError:
            near = True
        if near:
            with self._database.write() as connection:
                raise_alarms(connection, [Alarm("list_ends")], now)
        self._next = now + _LOOK_EVERY


def _left(opened: x509.CertificateRevocationList, path: Path, now: datetime) -> float:
    """The part of the list's life that is left, 1 to 0 or less; raises CertificateError."""
    begin, end = opened.last_update_utc, opened.next_update_utc
    if end is None or end <= begin:
        raise CertificateError(f"{path}: a list without an end; make it anew")
    return (end - now) / (end - begin)


def _read(path: Path) -> x509.CertificateRevocationList:
    try:
        return x509.load_pem_x509_crl(path.read_bytes())
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except ValueError:
        raise CertificateError(f"{path}: not a list of revoked certificates in PEM") from None
