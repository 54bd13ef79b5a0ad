"""Who the broker is, who we are to it, and the TLS between us.

TLS 1.2 or newer, the CA pinned from the configuration and no other, the host name checked, our own
certificate shown. There is no plain connection.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from sync.errors import CredentialError


@dataclass(frozen=True, slots=True)
class Broker:
    """Which broker, and who we are to it. Paths are PEM files, times are seconds."""

    host: str
    port: int
    ca: Path
    certificate: Path
    key: Path
    client_id: str
    keepalive_s: int = 30
    session_expiry_s: int = 7 * 24 * 3600
    inbound_limit: int = 64
    connect_timeout_s: float = 10.0


class _Context(ssl.SSLContext):
    """Closes the socket when the handshake fails, which paho leaves to the garbage collector."""

    def wrap_socket(self, sock: socket.socket, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Wrap it and shake hands at once (paho's own handshake then finds nothing to do)."""
        wrapped = super().wrap_socket(sock, *args, **kwargs)
        try:
            wrapped.do_handshake()
        except BaseException:
            wrapped.close()
            raise
        return wrapped


def tls_context(broker: Broker) -> ssl.SSLContext:
    """TLS 1.2+, this CA and no other, host name checked, our certificate; or CredentialError."""
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (broker.ca, broker.certificate, broker.key):
        try:
            path.read_bytes()
        except OSError as error:
            raise CredentialError(f"{path}: {error.strerror or 'cannot be read'}") from error
    try:
        context.load_verify_locations(cafile=broker.ca)
    except ssl.SSLError as error:
        raise CredentialError(f"{broker.ca}: holds no PEM certificate") from error
    try:
        context.load_cert_chain(broker.certificate, broker.key, password=_no_password)
    except ssl.SSLError as error:
        raise CredentialError(
            f"{broker.certificate}, {broker.key}: not a PEM certificate and its own key"
        ) from error
    return context


def _no_password() -> NoReturn:
    raise CredentialError("the TLS key is encrypted; a daemon cannot ask for its password")
