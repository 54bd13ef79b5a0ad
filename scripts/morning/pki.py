"""A throw-away certificate authority for demonstrations and tests.

Rules:
- Keys are P-256 and live as PKCS#8 PEM files of mode 0600 in the folder that the caller gives.
- The server certificate is good for 127.0.0.1, ::1 and localhost and for nothing else.
- A client certificate's common name is what the broker takes as the user name, so a terminal's is
  `SITE/TERMINAL` (see `morning.broker`). X.509 ends a common name at 64 characters.
- `now` is an argument: a test can make a certificate that has run out.

Never use this for a real installation: the CA's key lies beside what it signs.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = timedelta(days=30)
BACKDATED = timedelta(hours=1)  # a terminal whose clock is a little behind still accepts it
SERVER_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where one party's TLS files lie."""

    ca: Path
    certificate: Path
    key: Path


class Authority:
    """A certificate authority that lives in one folder (`ca.pem`, `ca.key`)."""

    def __init__(self, directory: Path, now: datetime, name: str = "Kiosk morning CA") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.ca = directory / "ca.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _draft(self._name, self._name, self._key.public_key(), now, VALID_FOR)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        _write_key(directory / "ca.key", self._key)
        _write(self.ca, certificate.public_bytes(serialization.Encoding.PEM))

    def server(self, now: datetime, valid_for: timedelta = VALID_FOR) -> Credentials:
        """Make `server.pem` and `server.key` for the loopback names."""
        return self._issue("server", "localhost", SERVER_NAMES, now, valid_for)

    def client(
        self, common_name: str, now: datetime, valid_for: timedelta = VALID_FOR
    ) -> Credentials:
        """Make a client certificate; `plant-1/gate-a` lies in `plant-1_gate-a.pem`."""
        return self._issue(common_name.replace("/", "_"), common_name, (), now, valid_for)

    def _issue(
        self,
        stem: str,
        common_name: str,
        names: tuple[x509.GeneralName, ...],
        now: datetime,
        valid_for: timedelta,
    ) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        draft = (
            _draft(subject, self._name, key.public_key(), now, valid_for)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names:
            draft = draft.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = draft.sign(self._key, hashes.SHA256())
        made = Credentials(self.ca, self.directory / f"{stem}.pem", self.directory / f"{stem}.key")
        _write_key(made.key, key)
        _write(made.certificate, certificate.public_bytes(serialization.Encoding.PEM))
        return made


def _draft(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    valid_for: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    _write(
        path,
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
