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
from store.people import MAX_NAME
from store.records import Count, Number, Utc, Word

MAX_SETTINGS = 16_384  # characters; every key of the whitelist once is under 2,000

# Eight templates of 512 numbers in base64 in a sealed document in base64 are 30,000 characters.
MAX_SEALED = 65_536

MAX_CERTIFICATE = 16_384  # characters; one for a P-256 key has about 1,000


class Arguments(BaseModel):
    """Base of a command's arguments; a command without any has exactly these."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class UpsertEmployee(Arguments):
    """Add somebody, or bring who is there to this state; templates and consents are not touched.

    `status` "left" ends the consent and deletes the templates. `keep_until`: when they are taken to
    have left; null for no such date.
    """

    number: Number
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    language: Annotated[str, Field(min_length=1, max_length=35)] = "en"  # RFC 5646 section 4.4.1
    keep_until: Utc | None = None
    status: Literal["active", "blocked", "left"] = "active"


class OnePerson(Arguments):
    """The employee that `block` is about."""

    number: Number


class Ending(OnePerson):
    """Whose consent ends: `withdraw`, `erase`, `unshare`.

    `change` is its place in the site's order of shares and withdrawals, null for the command's own
    number: a command that is sent again keeps the place of the first.
    """

    change: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)] | None = None


class Share(OnePerson):
    """Seal a person's templates for one other terminal of the site.

    `key` is that terminal's X25519 public key, 32 bytes in base64; `change` the place in the site's
    order; `heard` the receiver's record up to which headquarters knew who had withdrawn there.
    """

    receiver: Word
    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    change: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)]
    heard: Count


class Template(OnePerson):
    """Templates of another terminal of the site, sealed for this one; the rest as in `share`."""

    sender: Word
    change: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)]
    heard: Count
    sealed: Annotated[str, Field(max_length=MAX_SEALED, pattern=r"^[A-Za-z0-9+/]+={0,2}$")]


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
    "withdraw": Ending,  # the consent was withdrawn: templates go, the person stays
    "erase": Ending,  # everything but the records
    "share": Share,  # templates for another terminal of the site, in the reply
    "template": Template,
    "unshare": Ending,  # templates of other terminals go
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
