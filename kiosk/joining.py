"""Joining a site: configuration from its signed file, keys, the request, the certificate.

- Beside the settings file lie `hq.pub`, `ca.pem`, `tls.key` and `tls.pem`; relative to it, as
  everywhere. Each file appears whole or not at all, the settings last, so that a terminal that is
  cut off is none yet. Where provision.sh made these and the keys (`kiosk.provisioned`), only the
  TLS files are written here, where its settings say.
- Nothing that is there already and says something else is replaced unasked: the error names it.
- What the site's settings say is checked by the terminal's own rules before anything is written.
- The request waits in `join-request` until the answer to exactly this request has come. Doing the
  same again, at any point, goes on from there: keys and request stay the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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

from kiosk.errors import JoinError
from kiosk.ownership import give_to_kiosk, give_to_sync
from kiosk.settings import load
from store.certificates import mistake
from store.errors import JoinDocumentError, SettingsError
from store.files import disk_error, place
from store.joining import Token, open_admission, open_request, seal_request
from store.keys import create_keys, load_public_key, load_sealing_key, load_signing_key
from store.site_file import Site

REQUEST, ANSWER = ".join", ".admission"  # how the files on a stick end, `kiosk-hq join` likewise


@dataclass(frozen=True, slots=True)
class Named:
    """The files that settings name: headquarters' key, the broker's CA, certificate, its key."""

    hq_key: Path
    ca: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Place:
    """Where a terminal's files go: the settings file, the databases, the keys.

    `named` is where the others are; None for beside the settings.
    """

    config: Path
    directory: Path
    keys: Path
    named: Named | None = None

    def beside(self, name: str) -> Path:
        """A file beside the settings."""
        return self.config.parent / name

    @property
    def request(self) -> Path:
        """The request that waits for its answer."""
        return self.beside("join-request")

    @property
    def hq_key(self) -> Path:
        """Headquarters' public key."""
        return self.beside("hq.pub") if self.named is None else self.named.hq_key

    @property
    def ca(self) -> Path:
        """The certificate of the broker's CA."""
        return self.beside("ca.pem") if self.named is None else self.named.ca

    @property
    def certificate(self) -> Path:
        """The TLS certificate, there once the terminal was let in."""
        return self.beside("tls.pem") if self.named is None else self.named.certificate

    @property
    def tls_key(self) -> Path:
        """The TLS certificate's key."""
        return self.beside("tls.key") if self.named is None else self.named.key


def configure(site: Site, name: str, place_: Place, *, replace: bool) -> tuple[Path, ...]:
    """Write the configuration; the files that were made or changed.

    Raises `JoinError` when another one is there and `replace` is not said, `SettingsError` when the
    site's settings are not right for a terminal.
    """
    files = _files(site, name, place_)
    with disk_error(place_.config):
        place_.config.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _check(place_.config, files[place_.config])
        changed = [
            path
            for path, content in files.items()
            if not path.exists() or path.read_bytes() != content
        ]
        _require_nobodys_ledger(site, name, place_)
        other = [str(path) for path in changed if path.exists()]
        if other and not replace:
            raise JoinError(
                f"{', '.join(other)}: there already and different; nothing was written; "
                "`--replace` puts the site's in their place"
            )
        for path in changed:
            place(path, files[path], 0o644)
            path.chmod(0o644)  # both daemons read it, whatever the umask is
    return tuple(changed)


def request(site: Site, name: str, token: Token, place_: Place, now: datetime) -> bytes:
    """The request to join, the waiting one where it is for this token; makes missing keys.

    Where provision.sh made the terminal's keys it makes none: raises `store.errors.KeyFileError`.
    """
    if place_.named is None:
        _make_keys(place_)
    waiting = _waiting(place_)
    if waiting is not None:
        asked = open_request(waiting)
        same = (asked.request.site, asked.request.terminal, asked.request.token)
        if same == (site.site, name, token.id) and asked.proves(token.secret):
            return waiting
    if place_.certificate.exists():  # of who was here before: its key is no other's
        with disk_error(place_.certificate):
            place_.tls_key.unlink(missing_ok=True)
            place_.certificate.unlink()
    csr = _csr(place_.tls_key, f"{site.site}/{name}")
    raw = seal_request(
        load_signing_key(place_.keys),
        load_sealing_key(place_.keys).public_key(),
        site.site,
        name,
        token,
        csr,
        now,
    )
    with disk_error(place_.request):
        place(place_.request, raw)
    return raw


def waiting_request(site: Site, name: str, place_: Place) -> bytes | None:
    """The request of this very terminal that waits for its answer; None where there is none."""
    waiting = _waiting(place_)
    if waiting is None:
        return None
    asked = open_request(waiting).request
    return waiting if (asked.site, asked.terminal) == (site.site, name) else None


def forget_request(place_: Place) -> None:
    """Headquarters refuses it for good: the next one is made with another token."""
    with disk_error(place_.request):
        place_.request.unlink(missing_ok=True)


def install(answer: bytes, place_: Place, now: datetime) -> Path:
    """Take the certificate from headquarters' answer; where it lies.

    Raises `JoinError` when nothing waits for one, `JoinDocumentError` for an answer that is not
    headquarters' to this terminal's request.
    """
    waiting = _waiting(place_)
    if waiting is None:
        raise JoinError("no request waits here for an answer; `kiosk join` with a token makes one")
    asked = open_request(waiting).request
    hq_key = load_public_key(place_.hq_key)
    admission = open_admission(hq_key, answer, waiting)
    with disk_error(place_.certificate):
        authorities = place_.ca.read_text(encoding="ascii")
        name = f"{asked.site}/{asked.terminal}"
        wrong = mistake(admission.certificate, asked.csr, name, now, authorities)
        if wrong is not None:
            raise JoinDocumentError(
                f"the certificate in the answer cannot be used: {wrong}; nothing was taken"
            )
        place(place_.certificate, admission.certificate.encode("ascii"), 0o644)
        place_.certificate.chmod(0o644)
        place_.request.unlink(missing_ok=True)
    return place_.certificate


def _files(site: Site, name: str, place_: Place) -> Mapping[Path, bytes]:
    """Every file of the configuration, the settings last."""
    head: dict[str, dict[str, str | int]] = {
        "terminal": {"site": site.site, "name": name, "zone": site.zone},
        "store": {"directory": str(place_.directory), "keys": str(place_.keys)},
        "hq": {"public_key": "hq.pub"},
        "mqtt": {
            "host": site.host,
            "port": site.port,
            "ca": "ca.pem",
            "certificate": "tls.pem",
            "key": "tls.key",
        },
    }
    lines = [f"# From the site file of {site.made.date()}; `kiosk join` wrote it."]
    for table, values in head.items():
        # A JSON string is a TOML basic string (toml.io v1.0.0), but for DEL, which no path has.
        lines += [
            f"[{table}]",
            *(f"{key} = {json.dumps(v, ensure_ascii=False)}" for key, v in values.items()),
        ]
    text = "\n".join(lines) + "\n" + site.settings
    return {
        place_.beside("hq.pub"): site.hq_key.encode("ascii"),
        place_.beside("ca.pem"): site.ca.encode("ascii"),
        place_.config: text.encode("utf-8"),
    }


def _require_nobodys_ledger(site: Site, name: str, place_: Place) -> None:
    """One ledger is one terminal's: another one's must be taken out of service first."""
    if not (place_.directory / "ledger.db").exists():
        return
    try:
        now = load(place_.config).terminal
    except SettingsError:
        return  # not set up, or not usable: nobody's records could be taken for another's by it
    if (now.site, now.name) != (site.site, name):
        raise JoinError(
            f"this machine is {now.site}/{now.name} and has records; nothing was written; "
            "`kiosk decommission` takes that terminal out of service first"
        )


def is_joined(site: Site, name: str, place_: Place) -> bool:
    """Whether the certificate of this very terminal is in place and no request waits."""
    if place_.request.exists() or not place_.tls_key.exists():
        return False
    return _named(place_.certificate) == f"{site.site}/{name}"


def _named(certificate: Path) -> str | None:
    """Whose certificate lies there; None where there is none that can be read."""
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    except (OSError, ValueError):
        return None
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else None


def _check(config: Path, content: bytes) -> None:
    """Read the settings as the terminal will, from a file beside theirs."""
    aside = config.with_name(f".{config.name}.joining")
    try:
        place(aside, content)
        load(aside)
    except SettingsError as error:
        raise SettingsError(config, [*error.mistakes, "nothing was written"]) from None
    finally:
        aside.unlink(missing_ok=True)


def _make_keys(place_: Place) -> None:
    create_keys(place_.keys)
    with disk_error(place_.directory):
        place_.directory.mkdir(mode=0o770, parents=True, exist_ok=True)
        give_to_kiosk(place_.directory, place_.keys)


def _waiting(place_: Place) -> bytes | None:
    with disk_error(place_.request):
        try:
            return place_.request.read_bytes()
        except FileNotFoundError:
            return None


def _csr(path: Path, name: str) -> str:
    """A PKCS#10 request (PEM) for the TLS key, which is made if it is not there."""
    with disk_error(path):
        if path.exists():
            key = load_pem_private_key(path.read_bytes(), password=None)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            place(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
            give_to_sync(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise JoinError(f"{path}: not an EC key as is made here; nothing was done; move it away")
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    except ValueError:
        raise JoinError(f"{name}: X.509 ends a name at 64 characters; take a shorter one") from None
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode("ascii")
