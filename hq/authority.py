"""The operator's CA as files: read where a command names them, kept nowhere."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hq.errors import CertificateError

CaKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey


def load_authority(ca: Path, ca_key: Path) -> tuple[x509.Certificate, CaKey]:
    """The CA's certificate and its own key, from PEM files; raises CertificateError."""
    try:
        authority = x509.load_pem_x509_certificate(ca.read_bytes())
        key = load_pem_private_key(ca_key.read_bytes(), password=None)
    except OSError as error:
        raise CertificateError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateError(
            f"{ca}, {ca_key}: not a certificate and an unencrypted private key in PEM"
        ) from None
    if not isinstance(key, CaKey):
        raise CertificateError(f"{ca_key}: neither an EC, RSA nor Ed25519 key")
    if key.public_key() != authority.public_key():
        raise CertificateError(f"{ca_key}: not the key of {ca}")
    return authority, key
