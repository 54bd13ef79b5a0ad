"""What headquarters can order: each command's type and the arguments that go with it.

- The models are what headquarters checks before it signs and what the terminal checks before it
  obeys. Unknown arguments are passed over: a later headquarters may say more.
- Whole numbers only, as in every signed document; settings travel as TOML text, since thresholds
  are fractions.
- Every command may come twice: what is done is done (`kiosk.orders` says how).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from store.canonical import MAX_SAFE_INTEGER
from store.people import MAX_BADGES, MAX_CODE, MAX_NAME, MAX_PIN_HASH
from store.records import Number, Utc

MAX_SETTINGS = 16_384  # characters; every key of the whitelist once is under 2,000

MAX_CERTIFICATE = 16_384  # characters; one for a P-256 key has about 1,000

# One line of printable ASCII, as readers type it; and an empty text or argon2id's encoded form.
Code = Annotated[str, Field(pattern=r"^[ -~]*[!-~][ -~]*$", max_length=MAX_CODE)]
PIN_HASH = r"^(\$argon2id\$v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)?$"


class Arguments(BaseModel):
    """Base of a command's arguments; a command without any has exactly these."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class UpsertEmployee(Arguments):
    """Add somebody, or bring who is there to this state; templates and consents are not touched.

    `status` "left" ends the consent and deletes the templates. `keep_until`: when they are taken to
    have left; null for no such date. `badges` are the codes of all badges that the person shall
    have, null for those that they have; `pin_hash` is an argon2id text (`kiosk-hq commands
    pin-hash` makes one), empty for no PIN, null for the one that they have.
    """

    number: Number
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    language: Annotated[str, Field(min_length=1, max_length=35)] = "en"  # RFC 5646 section 4.4.1
    keep_until: Utc | None = None
    status: Literal["active", "blocked", "left"] = "active"
    badges: Annotated[list[Code], Field(max_length=MAX_BADGES)] | None = None
    pin_hash: Annotated[str, Field(pattern=PIN_HASH, max_length=MAX_PIN_HASH)] | None = None


class OnePerson(Arguments):
    """The employee that `block`, `withdraw` and `erase` are about."""

    number: Number


class Configure(Arguments):
    """Settings of headquarters' own as TOML text; they replace all that it set before.

    An empty text leaves the technician's file alone in force.
    """

    settings: Annotated[str, Field(max_length=MAX_SETTINGS)]


class Replay(Arguments):
    """The first record that headquarters wants again."""

    from_seq: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)]


class InstallCertificate(Arguments):
    """The TLS client certificate for the key that the terminal has asked with, in PEM.

    Certificates between it and the CA may follow it.
    """

    certificate: Annotated[str, Field(min_length=1, max_length=MAX_CERTIFICATE)]


ORDERS: Mapping[str, type[Arguments]] = {
    "upsert_employee": UpsertEmployee,
    "block": OnePerson,
    "withdraw": OnePerson,  # the consent was withdrawn: templates go, the person stays
    "erase": OnePerson,  # everything but the records
    "configure": Configure,
    "rollback_configuration": Arguments,
    "replay": Replay,
    "purge": Arguments,  # the retention job, now
    "diagnostics": Arguments,
    "reboot_daemon": Arguments,
    "ping": Arguments,
    "rotate_certificate": Arguments,  # a new TLS key and a request for its certificate
    "install_certificate": InstallCertificate,
}
