"""What headquarters can order: each command's type and the arguments that go with it.

- The models are what headquarters checks before it signs and what the terminal checks before it
  obeys. Unknown arguments are passed over: a later headquarters may say more.
- Whole numbers only, as in every signed document; settings travel as TOML text, since thresholds
  are fractions.
- Every command may come twice: what is done is done (`kiosk.orders` says how).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from store.canonical import MAX_SAFE_INTEGER
from store.people import MAX_BADGES, MAX_CODE, MAX_NAME, MAX_PIN_HASH
from store.records import Count, Direction, Number, Text, Utc, Word

MAX_SETTINGS = 16_384  # characters; every key of the whitelist once is under 2,000

# Eight templates of 512 numbers in base64 in a sealed document in base64 are 30,000 characters.
MAX_SEALED = 65_536

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


Action = Literal["changed", "added", "cancelled"]


class _Decided(Arguments):
    """What counts from now on, and that somebody else than who entered it approved it."""

    person: Number
    utc: Utc | None = None
    direction: Direction | None = None
    by: Number
    why: Annotated[Text, Field(min_length=1)]


class GiveAnswer(_Decided):
    """The answer to the dispute or declared punch `answers` (its record's id).

    "refused" goes without an `action`. "approved" has one, as a correction has; for a declared
    punch it is "added", and `utc` None means when it was declared.
    """

    answers: Word
    outcome: Literal["approved", "refused"]
    action: Action | None = None
    approved_by: Number | None = None

    @model_validator(mode="after")
    def _complete(self) -> GiveAnswer:
        if self.outcome == "refused":
            if self.action or self.utc or self.direction:
                raise ValueError("a refusal corrects nothing")
        elif self.action is None:
            raise ValueError("an approval says what counts")
        else:
            check_approval(self.person, self.by, self.approved_by)
            check_says_what(self.action, self.utc or (self.action == "added"), self.direction)
        return self


class MakeCorrection(_Decided):
    """A correction of headquarters' own accord; `corrects` is None where a punch is missing."""

    action: Action
    corrects: Word | None = None
    approved_by: Number

    @model_validator(mode="after")
    def _complete(self) -> MakeCorrection:
        check_approval(self.person, self.by, self.approved_by)
        check_says_what(self.action, self.utc, self.direction)
        if (self.corrects is None) != (self.action == "added"):
            raise ValueError("what is added corrects no record, anything else does")
        return self


def check_approval(person: str, by: str, approved_by: str | None) -> None:
    """Raises ValueError unless two people decided, and nobody approved about themselves."""
    if approved_by is None or approved_by in (by, person):
        raise ValueError("a correction is approved by another than who enters it and whom it is of")


def check_says_what(action: str, utc: datetime | bool | None, direction: str | None) -> None:
    """Raises ValueError for a correction that does not say what counts, or says too much."""
    if action == "cancelled" and (utc or direction):
        raise ValueError("what is cancelled has no time and no direction")
    if action == "added" and not utc:
        raise ValueError("what is added needs its time")
    if action == "changed" and not (utc or direction):
        raise ValueError("what is changed needs a time or a direction")


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
    "answer": GiveAnswer,  # to a dispute or a declared punch
    "correct": MakeCorrection,
}
