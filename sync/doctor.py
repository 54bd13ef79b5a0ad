"""`kiosk-sync doctor`: the way to headquarters, step by step; the first that fails stops the rest.

- DNS, TLS to the broker with its chain and name, both ends' expiry, and one round trip: an empty
  batch up, headquarters' signed receipt down.
- It connects as `…/doctor` beside a running daemon, with a session that ends with it. Nothing is
  written: the receipt counts for nothing but having come.
- A finding is {"name", "level", "says", "mend"}, levels "ok", "warning", "failure", "not checked":
  `kiosk doctor` prints them as its own.
"""

from __future__ import annotations

import socket
import ssl
import stat
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from store.certificates import expiry
from store.errors import KeyFileError
from store.keys import load_public_key
from sync.contract.documents import open_receipt
from sync.contract.errors import ContractError
from sync.contract.events import build_batch
from sync.contract.topics import Address, Channel, topic
from sync.daemon import broker_of
from sync.errors import CredentialError, TransportError
from sync.settings import Settings
from sync.tls import Broker, tls_context
from sync.transport import MqttTransport

STEPS = ("dns", "broker tls", "certificate", "tls key", "receipt")
WARN_DAYS, FAIL_DAYS = 30, 7  # as the faults certificate_expiring and …_soon (docs/monitoring.md)
_AS_SYNC = "run it as root or kiosk-sync"
_PATIENCE_S = 10.0  # for each of connecting and the receipt; a broker answers within one


@dataclass(frozen=True, slots=True)
class Line:
    """One step's outcome."""

    name: str
    level: str
    says: str
    mend: str = ""

    def document(self) -> dict[str, str]:
        """As JSON has it."""
        return asdict(self)


def look(
    settings: Settings,
    now: datetime,
    patience_s: float = _PATIENCE_S,
    receipt_s: float = _PATIENCE_S,
) -> list[Line]:
    """All steps, in order; `patience_s` is for connecting, `receipt_s` for headquarters."""
    address = Address(settings.terminal.site, settings.terminal.name)
    broker = replace(
        broker_of(settings, address), client_id=f"kiosk/{address}/doctor", session_expiry_s=0
    )
    lines = [dns(broker)]
    if lines[-1].level == "ok":
        lines.append(broker_tls(broker, now, patience_s))
    lines += [certificates(broker, now), tls_key(broker.key)]
    by_name = {line.name: line.level for line in lines}
    if by_name.get("broker tls") in ("ok", "warning"):
        lines.append(round_trip(settings, broker, address, patience_s, receipt_s))
    done = {line.name for line in lines}
    skipped = [Line(name, "not checked", "a step before it did not do") for name in STEPS]
    lines += [line for line in skipped if line.name not in done]
    return sorted(lines, key=lambda line: STEPS.index(line.name))


def dns(broker: Broker) -> Line:
    """The broker's name has an address."""
    try:
        found = socket.getaddrinfo(broker.host, broker.port, type=socket.SOCK_STREAM)
    except OSError as error:
        return Line(
            "dns",
            "failure",
            f"{broker.host} has no address: {error.strerror}",
            "the cable; `resolvectl query`; is [mqtt] host right?",
        )
    addresses = sorted({str(one[4][0]) for one in found})
    return Line("dns", "ok", f"{broker.host} is {', '.join(addresses[:3])}")


def broker_tls(broker: Broker, now: datetime, patience_s: float) -> Line:  # noqa: PLR0911 - a return a verdict
    """The broker is reached, and its chain and name are right."""
    name = "broker tls"
    where = f"{broker.host}:{broker.port}"
    try:
        context = tls_context(broker)
        with closing(socket.create_connection((broker.host, broker.port), patience_s)) as plain:
            wrapped = context.wrap_socket(plain, server_hostname=broker.host)
            with closing(wrapped):
                version, raw = wrapped.version(), wrapped.getpeercert(binary_form=True)
    except CredentialError as error:
        if isinstance(error.__cause__, PermissionError):
            return Line(name, "not checked", str(error), _AS_SYNC)
        return Line(name, "failure", str(error), "see the line; [mqtt] names the files")
    except ssl.SSLCertVerificationError as error:
        return Line(
            name,
            "failure",
            f"{where}: {error.verify_message}",
            "[mqtt] ca must be the broker's; is the clock right? (docs/broker.md)",
        )
    except ssl.SSLError as error:
        return Line(name, "failure", f"{where}: {error.reason}", "is that the broker's TLS port?")
    except OSError as error:
        return Line(
            name,
            "failure",
            f"{where} is not reached: {error.strerror or error}",
            "the cable; the firewall; does the broker run?",
        )
    if raw is None:
        return Line(name, "not checked", f"{where} shows no certificate")
    ends = x509.load_der_x509_certificate(raw).not_valid_after_utc
    says = f"{where}, {version}, chain and name right; its certificate ends"
    return _expiring(name, says, ends, now, "who runs the broker renews it (docs/broker.md)")


def certificates(broker: Broker, now: datetime) -> Line:
    """Our own certificate and the CA, by their dates."""
    ends = [at for at in (expiry(broker.certificate), expiry(broker.ca)) if at is not None]
    if len(ends) < 2:
        return Line(
            "certificate",
            "failure",
            "our certificate or the CA cannot be read",
            "[mqtt] names the files (docs/certificates.md)",
        )
    says, mend = "ours or the CA's ends", "`kiosk-hq certificates` (docs/certificates.md)"
    return _expiring("certificate", says, min(ends), now, mend)


def tls_key(key: Path) -> Line:
    """Nobody but its owner may read it."""
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except PermissionError:
        return Line("tls key", "not checked", f"{key} may not be looked at", _AS_SYNC)
    except OSError as error:
        return Line("tls key", "failure", f"{key}: {error.strerror}", "[mqtt] key names it")
    if mode & 0o027:  # as store.keys: a group of its owner's may read
        return Line("tls key", "failure", f"{key}: others can read it", f"`chmod 0400 {key}`")
    return Line("tls key", "ok", "open to nobody else")


def _expiring(name: str, says: str, ends: datetime, now: datetime, mend: str) -> Line:
    days = (ends - now) // timedelta(days=1)
    says = f"{says} in {days} days"
    if days >= WARN_DAYS:
        return Line(name, "ok", says)
    return Line(name, "failure" if days < FAIL_DAYS else "warning", says, mend)


def round_trip(
    settings: Settings, broker: Broker, address: Address, patience_s: float, receipt_s: float
) -> Line:
    """An empty batch up, a fresh receipt of headquarters down."""
    name = "receipt"
    try:
        hq_key = load_public_key(settings.hq.public_key)
        transport = MqttTransport(broker, [topic(address, Channel.RECEIPT)], Random())
    except (KeyFileError, CredentialError) as error:
        return Line(name, "failure", str(error), "see the line")
    with closing(transport):
        transport.start()
        if not _within(patience_s, lambda: transport.connection is not None):
            return Line(
                name,
                "failure",
                f"the broker lets us not in: {transport.trouble or 'no answer'}",
                "is our certificate's name in the broker's access list? (docs/broker.md)",
            )
        before = time.monotonic()
        try:
            transport.publish(
                topic(address, Channel.EVENTS), build_batch([])[0], timeout_s=patience_s
            )
        except TransportError as error:
            return Line(name, "failure", str(error), "the broker's access list (docs/broker.md)")
        if _receipt(transport, hq_key, address, receipt_s):
            took_ms = (time.monotonic() - before) * 1000
            return Line(name, "ok", f"headquarters answered in {took_ms:.0f} ms, rightly signed")
    return Line(
        name,
        "failure",
        f"no receipt of headquarters within {receipt_s:g} s",
        "does `kiosk-hq run` run, does it know this terminal, is [hq] public_key its key?",
    )


def _receipt(
    transport: MqttTransport, hq_key: Ed25519PublicKey, address: Address, patience_s: float
) -> bool:
    """Wait for one that is not the retained one, which may be of last year."""
    deadline = time.monotonic() + patience_s
    while (left_s := deadline - time.monotonic()) > 0:
        message = transport.receive(left_s)
        if message is None:
            return False
        transport.acknowledge(message)
        try:
            open_receipt(hq_key, address, message.payload)
        except ContractError:
            continue
        if not message.retained:
            return True
    return False


def _within(patience_s: float, holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + patience_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def today() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)
