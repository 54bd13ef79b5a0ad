"""The site file: what all terminals of a site have in common, signed by headquarters.

- One signed document (`store.documents`, purpose "site") that a technician carries to any number of
  terminals: broker, its CA, headquarters' public key, time zone, and settings as TOML text.
- It holds no secret, but for the key of the site's join certificate where there is one: it opens
  the broker's join topics and no more. Who may join is decided by a token (`store.joining`).
- The settings may not say who a terminal is, where its data lie or which broker and headquarters
  it believes: those tables come from the file's own fields and from the join.
- `open_site` says that headquarters' key in the file has signed it. That this is the right
  headquarters, people compare (`store.self_signed.fingerprint`) or give the key for.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from store.documents import seal_document
from store.errors import DocumentError, SiteFileError
from store.records import utc_text
from store.self_signed import open_self_signed, pem_of
from store.settings import Label, Zone

RESERVED = frozenset({"terminal", "store", "hq", "mqtt"})
MAX_SITE_BYTES = 256 * 1024  # a CA's chain and settings are some 10 KiB


def _is_settings(text: str) -> str:
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the settings are not TOML: {error}") from None
    if reserved := sorted(RESERVED & tables.keys()):
        raise ValueError(f"[{reserved[0]}] is a terminal's own and cannot be set for a site")
    return text


def _is_authority(text: str) -> str:
    try:
        if not x509.load_pem_x509_certificates(text.encode("ascii")):
            raise ValueError
    except ValueError:
        raise ValueError("the CA is not a PEM certificate") from None
    return text


_Pem = Annotated[str, Field(max_length=16 * 1024)]


class Site(BaseModel):
    """What a site file says. `ca` and `hq_key` are PEM, `settings` TOML.

    `join_certificate` and `join_key` (PEM) are there together, or joining goes with a stick.
    """

    model_config = ConfigDict(frozen=True)

    v: Literal[1] = 1
    site: Label
    zone: Zone
    # What a host name or an address is made of: it goes into a TOML text.
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,253}$")]
    port: Annotated[int, Field(ge=1, le=65535, strict=True)]
    ca: Annotated[str, Field(max_length=64 * 1024), AfterValidator(_is_authority)]
    hq_key: Annotated[str, Field(max_length=1024)]
    settings: Annotated[str, Field(max_length=64 * 1024), AfterValidator(_is_settings)]
    made: AwareDatetime
    join_certificate: _Pem | None = None
    join_key: Annotated[_Pem | None, Field(repr=False)] = None


def seal_site(
    key: Ed25519PrivateKey,
    site: str,
    zone: str,
    host: str,
    port: int,
    ca: str,
    settings: str,
    now: datetime,
    joining: tuple[str, str] | None = None,
) -> bytes:
    """The signed site file; raises `SiteFileError` for what no terminal would take.

    `joining` is the join certificate and its key, PEM.
    """
    body: dict[str, object] = {
        "v": 1,
        "site": site,
        "zone": zone,
        "host": host,
        "port": port,
        "ca": ca,
        "hq_key": pem_of(key.public_key()),
        "settings": settings,
        "made": utc_text(now),
    }
    if joining is not None:
        body["join_certificate"], body["join_key"] = joining
    _checked(body)
    return seal_document(key, "site", body)


def open_site(raw: bytes, trusted: Ed25519PublicKey | None = None) -> tuple[Site, Ed25519PublicKey]:
    """The site file and the key that signed it; raises `SiteFileError`.

    With `trusted` no other key may have signed it.
    """
    try:
        if len(raw) > MAX_SITE_BYTES:
            raise SiteFileError("a site file is not that long; nothing was done")
        body, key = open_self_signed("site", "hq_key", raw)
    except DocumentError as error:
        raise SiteFileError(
            f"not a site file as headquarters signed it ({error}); nothing was done; copy it anew"
        ) from None
    if trusted is not None and trusted != key:
        raise SiteFileError(
            "the site file is signed by another headquarters than was given; nothing was done"
        )
    return _checked(body), key


def _checked(body: dict[str, object]) -> Site:
    try:
        return Site.model_validate(body)
    except ValidationError as error:
        why = "; ".join(
            f"{'.'.join(map(str, one['loc']))}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_url=False)
        )
        raise SiteFileError(f"the site file cannot be used: {why}") from None
