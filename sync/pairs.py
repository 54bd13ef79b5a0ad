"""The TLS pairs that were made here, in `tls/` under the data directory; nobody else writes there.

- `tls/N/` holds the key (0600) and the certificate of order N, `tls/current` is a link to the one
  in use. The link is changed by one rename, so there is a usable pair at every instant.
- A file is complete or absent, and on the disk before anything names it.
- The files of `[mqtt]` are never touched. They count while there is no `tls/current`, and again
  when they were put there after it; deleting `tls/` goes back to them.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from store.certificates import CERTIFICATE, CURRENT, KEY, certificate_in_use
from store.files import disk_error, place, remove_tree, sync_directory


class Pairs:
    """The pairs of one terminal, `configured` the certificate and key of the settings."""

    def __init__(self, directory: Path, configured: tuple[Path, Path]) -> None:
        self._directory = directory
        self._current = directory / CURRENT
        self._home = self._current.parent
        self._configured = configured

    def in_use(self) -> tuple[Path, Path]:
        """The certificate and the key that count now."""
        certificate = certificate_in_use(self._directory, self._configured[0])
        if certificate == self._configured[0]:
            return self._configured
        return certificate, certificate.with_name(KEY)

    def of(self, number: int) -> tuple[Path, Path]:
        """Where the certificate and the key of an order lie."""
        return self._home / str(number) / CERTIFICATE, self._home / str(number) / KEY

    def request(self, number: int, name: str) -> str:
        """A PKCS#10 request (PEM) for the order's key, made now if it is not there.

        Raises `store.errors.StorageError`.
        """
        path = self.of(number)[1]
        with disk_error(path):
            if path.exists():
                key = load_pem_private_key(path.read_bytes(), password=None)
                if not isinstance(key, ec.EllipticCurvePrivateKey):
                    raise TypeError("a key of another kind than is made here")
            else:
                for folder in (self._home, path.parent):
                    folder.mkdir(mode=0o750, exist_ok=True)
                    sync_directory(folder.parent)
                key = ec.generate_private_key(ec.SECP256R1())
                pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
                place(path, pem)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")

    def keep(self, number: int, certificate: str) -> None:
        """Put the order's certificate beside its key."""
        path = self.of(number)[0]
        with disk_error(path):
            place(path, certificate.encode(), 0o640)

    def use(self, number: int) -> None:
        """Make the order's pair the one in use."""
        aside = self._home / ".current"
        with disk_error(self._current):
            aside.unlink(missing_ok=True)
            aside.symlink_to(str(number))
            aside.replace(self._current)
            sync_directory(self._home)

    def is_used(self, number: int) -> bool:
        """Whether the order's pair is in use."""
        return self.in_use()[0] == self.of(number)[0].resolve()

    def forget(self) -> None:
        """Delete every pair that was made here: the terminal is out of service."""
        with disk_error(self._home):
            remove_tree(self._home)

    def tidy(self, waiting: Collection[int]) -> None:
        """Delete the pairs that are neither in use nor waited for."""
        kept = {str(number) for number in waiting} | {self._current.resolve().name, CURRENT.name}
        with disk_error(self._home):
            for path in [*self._home.iterdir()] if self._home.is_dir() else []:
                if path.name not in kept and path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
