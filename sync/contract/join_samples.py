"""Real documents of joining for the exported contract, by the keys of `sync.contract.samples`.

The TLS key is Ed25519, where a terminal's is P-256: its signatures are the same each time.
"""

from __future__ import annotations

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from store.join_notice import seal_notice
from store.joining import digest, open_request, read_token, seal_admission, seal_request, token_of
from sync.contract.samples import GATE, HQ_KEY, MORNING, STRANGER_KEY, TERMINAL_KEY

_TLS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(3, 35)))
_SEALING_KEY = X25519PrivateKey.from_private_bytes(bytes(range(4, 36)))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def join_request() -> bytes:
    """A machine asks to be gate A."""
    asked = x509.CertificateSigningRequestBuilder().subject_name(_name(str(GATE)))
    csr = asked.sign(_TLS_KEY, None).public_bytes(Encoding.PEM).decode("ascii")
    token = read_token(token_of(HQ_KEY, "00" * 9))
    sealing = _SEALING_KEY.public_key()
    return seal_request(TERMINAL_KEY, sealing, GATE.site, GATE.terminal, token, csr, MORNING)


def join_admission() -> bytes:
    """Headquarters lets it in."""
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name(str(GATE)))
        .issuer_name(_name("Kiosk CA"))
        .public_key(_TLS_KEY.public_key())
        .serial_number(1)
        .not_valid_before(MORNING)
        .not_valid_after(MORNING + timedelta(days=365))
        .sign(STRANGER_KEY, None)
    )
    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
    return seal_admission(HQ_KEY, open_request(join_request()), pem, MORNING)


def join_notice() -> bytes:
    """Headquarters does not."""
    why = "plant-1/gate-a: its token has expired; make another; nothing was signed"
    return seal_notice(HQ_KEY, digest(join_request()), "refused", why, MORNING)
