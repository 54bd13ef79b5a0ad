"""What the ledger's records say: their bodies, their time, and the envelope around both.

- A record names an employee by number; names, pictures and embeddings are in no record.
- Bodies hold no floats: a quantity is an integer with its unit in the name.
- Every body has a version `v`. Fields that a reader does not know are kept and round-trip; a writer
  adds none (`Ledger.append` refuses them).
- `kind` is the class name in snake case. A new kind may appear at any time: readers pass it on.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    WithJsonSchema,
)
from pydantic.functional_validators import AfterValidator

from store.canonical import MAX_SAFE_INTEGER, canonical
from store.errors import InvalidValueError

MAX_NUMBER = 64  # characters of an employee's number
# Controls, formats (bidirectional marks), surrogates, private use, unassigned, line separators
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def person_number(text: str) -> str:
    """An employee's number in the one form that is stored: NFC, 1 to 64 printable characters.

    Spellings that Unicode calls canonically equal give the same number. Case and width tell apart:
    numbers are the employer's, and "a1" and "A1" may be two people. Raises `InvalidValueError`.
    """
    number = unicodedata.normalize("NFC", text[: MAX_NUMBER * 4]).strip()
    if not 1 <= len(number) <= MAX_NUMBER or len(text) > MAX_NUMBER * 4:
        raise InvalidValueError(f"a number has 1 to {MAX_NUMBER} characters")
    if any(unicodedata.category(character) in _UNPRINTABLE for character in number):
        raise InvalidValueError("a number has printable characters only")
    return number


def utc_text(instant: datetime) -> str:
    """`2026-01-31T07:58:03.120000Z`; a naive instant is a ValueError."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs its time zone")
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError("outside the years 1 to 9999") from None


def _from_decimal(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]{0,38})", value):
        return int(value)
    return value


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc), PlainSerializer(utc_text, when_used="json")]
# On the wire a decimal string: nanoseconds since boot outgrow 2^53 after 104 days.
BigInteger = Annotated[
    int,
    Field(strict=True),
    BeforeValidator(_from_decimal),
    PlainSerializer(str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^-?(0|[1-9][0-9]{0,38})$"}),
]
Number = Annotated[str, AfterValidator(person_number)]
Count = Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER, strict=True)]
Millionths = Annotated[int, Field(ge=-1_000_000, le=1_000_000, strict=True)]
HexDigest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Word = Annotated[str, Field(min_length=1, max_length=64)]
Text = Annotated[str, Field(max_length=1000)]


class _Kept(BaseModel):
    """Frozen, and unknown fields are kept on reading."""

    model_config = ConfigDict(frozen=True, extra="allow")


class Instant(_Kept):
    """When something happened, as well as the terminal knew it.

    `utc` is the wall clock, `zone` the terminal's IANA zone, `boot` the kernel's boot id,
    `monotonic_ns` nanoseconds since that boot, `synchronised` whether the wall clock was
    disciplined, `error_ms` its estimated error (None when not known).
    """

    utc: Utc
    zone: Word
    boot: Word
    monotonic_ns: BigInteger
    synchronised: bool
    error_ms: Count | None


class Body(_Kept):
    """Base of what a record says; `v` is the version of the kind."""

    v: int = Field(default=1, ge=1, le=MAX_SAFE_INTEGER)

    kind: ClassVar[str] = "body"

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Name the kind after the class."""
        cls.kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


Direction = Literal["in", "out", "break_start", "break_end", "overtime_in", "overtime_out"]
Method = Literal["face", "badge", "pin"]


class Punch(Body):
    """Somebody was recognised, or showed a badge or a PIN. Scores are cosines in millionths.

    `direction_by` says what chose the direction. `face_matched`: whether the face that stood there
    with a badge or a PIN was the person's, where it was compared; the punch counts either way.
    """

    person: Number
    method: Method
    direction: Direction | None = None
    direction_by: Literal["button", "schedule", "alternating", "fixed"] | None = None
    face_matched: bool | None = None
    score_millionths: Millionths | None = None
    margin_millionths: Annotated[int, Field(ge=-2_000_000, le=2_000_000, strict=True)] | None = None
    frames: Count | None = None
    model: HexDigest | None = None
    latency_ms: Count | None = None


class Repeat(Body):
    """Somebody came again within the repeat window; `of` is the id of the punch that counts."""

    person: Number
    method: Method
    of: Word


class DeclaredPunch(Body):
    """Somebody without face, badge and PIN says to be this person: no punch until HQ approves."""

    person: Number
    direction: Direction | None = None


class FaceFailed(Body):
    """So many presentations in a row were turned down, and badge or PIN was offered; why last."""

    attempts: Count
    reason: Word


class Correction(Body):
    """What counts from now on instead of an earlier record, which stays as it is.

    `corrects` is that record's id, None for a punch that was never made. "cancelled": it does not
    count; "added", "changed": `utc` and `direction` count. `by` entered it, `approved_by` approved
    it; where an employee took a punch back at once, both are the employee. `answers` is the id of
    the dispute or declared punch that it follows from.
    """

    person: Number
    action: Literal["cancelled", "added", "changed"]
    corrects: Word | None = None
    utc: Utc | None = None
    direction: Direction | None = None
    by: Number
    approved_by: Number
    why: Text
    answers: Word | None = None


class Dispute(Body):
    """An employee says that the record `about` (an id; None: a missing one) is wrong, and why.

    `day` is the local day (YYYY-MM-DD), `should_be` when it really was.
    """

    person: Number
    about: Word | None = None
    day: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    claim: Literal["wrong_time", "wrong_direction", "not_me", "missing", "other"]
    should_be: Utc | None = None
    reason: Text


class Answer(Body):
    """What headquarters decided on a dispute or a declared punch (`answers` is its id)."""

    person: Number
    answers: Word
    outcome: Literal["approved", "refused"]
    by: Number
    approved_by: Number | None = None
    why: Text


class MonthConfirmed(Body):
    """An employee confirms the punches of a month: how many, and the SHA-256 of their ids."""

    person: Number
    month: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]
    punches: Count
    digest: HexDigest


class CredentialChange(Body):
    """Somebody got a badge or a PIN, or it was taken away; nothing of either is said."""

    person: Number
    credential: Literal["badge", "pin"]
    change: Literal["set", "removed"]


class SubjectExport(Body):
    """Everything that the terminal holds on a person was handed out."""

    person: Number


class Boot(Body):
    """The terminal started; which program and which settings (SHA-256 of the file).

    `versions` are those of what the program stands on, `models` the SHA-256 of weights by their
    use, `templates` how many it recognises, `faults` those that stood when it started.
    """

    version: Word
    settings_digest: HexDigest
    versions: dict[Word, Word] = Field(default_factory=dict)
    models: dict[Word, HexDigest] = Field(default_factory=dict)
    templates: Count | None = None
    faults: tuple[Word, ...] = ()


class Stop(Body):
    """The terminal ended in order."""

    reason: Word


class Enrolment(Body):
    """Templates of a person were made by the model of that SHA-256.

    `by` is the enroller, `identity_check` how it was made sure whose face it is, `live` whether PAD
    was on, `trial_millionths` the score of the trial identification that ended it, `renewal`
    whether it took the place of templates that no longer matched.
    """

    person: Number
    templates: Count
    model: HexDigest
    by: Number | None = None
    identity_check: Literal["document", "badge", "known"] | None = None
    live: bool | None = None
    trial_millionths: Millionths | None = None
    renewal: bool | None = None


class Consent(Body):
    """A person agreed to the text of that version and SHA-256; `how` says by what act."""

    person: Number
    text_digest: HexDigest
    text_version: Word
    how: Annotated[str, Field(min_length=1, max_length=1000)]
    witness: Number | None = None


class Withdrawal(Body):
    """A person took the consent back; `order` is the number of headquarters' command, if any."""

    person: Number
    order: Count | None = None


class Deletion(Body):
    """So many templates of a person were deleted, and why; `order` as in `Withdrawal`."""

    person: Number
    templates: Count
    reason: Word
    order: Count | None = None


class SiteConsent(Body):
    """A person agreed, beside `Consent`, that the site's other terminals get their templates."""

    person: Number
    text_digest: HexDigest
    text_version: Word
    how: Annotated[str, Field(min_length=1, max_length=1000)]
    witness: Number | None = None


class SiteConsentWithdrawal(Body):
    """That agreement was taken back; `order` as in `Withdrawal`."""

    person: Number
    order: Count | None = None


class TemplatesGiven(Body):
    """Templates were sealed for another terminal under headquarters' number `change`."""

    person: Number
    templates: Count
    model: HexDigest
    receiver: Word
    change: Count


class TemplatesReceived(Body):
    """Templates came from another terminal, in place of all others, with the consent given there.

    `given` is when it was given there; the rest as in `TemplatesGiven` and `SiteConsent`.
    """

    person: Number
    templates: Count
    model: HexDigest
    sender: Word
    change: Count
    text_digest: HexDigest
    text_version: Word
    how: Annotated[str, Field(min_length=1, max_length=1000)]
    witness: Number | None = None
    given: Utc


class Fault(Body):
    """Something does not work; `code` is stable, `detail` is for people and names nobody."""

    code: Word
    detail: Text = ""


class FaultCleared(Body):
    """The fault of that code is no more."""

    code: Word


class TimeCorrection(Body):
    """From here on the wall clock is another: this record's own `time` has the new one.

    `synchronised`: records `from_seq` to `to_seq`, all of this boot, were stamped before the clock
    was right; one of them happened at this record's `utc` less the difference of `monotonic_ns`.
    `stepped`: the wall clock jumped by `offset_ms` against the monotonic one; the numbers are None.
    """

    reason: Literal["synchronised", "stepped"]
    offset_ms: Annotated[int, Field(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER, strict=True)]
    from_seq: Count | None = None
    to_seq: Count | None = None


class Rejection(Body):
    """A presentation was not accepted. No identity, no score."""

    reason: Word
    frames: Count


class CommandDone(Body):
    """What became of a command from headquarters."""

    command: Word
    type: Word
    outcome: Word
    detail: Text = ""


class CommandsRefused(Body):
    """So many messages that pretend to be commands were turned down since the daemon started.

    `reasons` counts them by a stable word. Written at most once an hour: a flood fills no ledger.
    """

    reasons: dict[Word, Count]


class Configuration(Body):
    """Other settings of headquarters are in force from the next start on.

    `before` and `after` are the SHA-256 of their TOML text, `keys` the settings that differ,
    `why` is "ordered", "rolled back", or "start failed".
    """

    before: HexDigest
    after: HexDigest
    keys: tuple[Word, ...]
    why: Word


class PersonEntry(Body):
    """Somebody was entered, or what is kept of them (name, language, dates) was changed."""

    person: Number
    change: Literal["added", "changed"]


class PersonStatus(Body):
    """Somebody was blocked, let in again, or has left."""

    person: Number
    status: Literal["active", "blocked", "left"]


class PersonRoles(Body):
    """What somebody may do at the terminal, from now on."""

    person: Number
    roles: tuple[Word, ...]


class RenewalDue(Body):
    """A person's scores have fallen since the enrolment: new photos are asked for."""

    person: Number


class Adaptation(Body):
    """So many templates were taken up from presentations, or taken back."""

    person: Number
    added: Count
    removed: Count


class Purge(Body):
    """Data past its time was deleted: what, how much, after how many days, on what ground."""

    subject: Word
    count: Count
    days: Count
    ground: Text


class KeyRotation(Body):
    """A database was brought under a new key; nothing of either key is said."""

    database: Literal["ledger", "gallery"]


class Checkpoint(Body):
    """The records up to `seq`, whose hash is given, may be gone: headquarters has them.

    A chain that begins with record `seq + 1` is whole when a later record of it is this one.
    """

    seq: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)]
    hash: HexDigest


class Resumption(Body):
    """The ledger's file was lost or is older than what headquarters has, and goes on here.

    The record follows headquarters' record `after_seq`, by its hash, and skips every number that
    may have been used. `held_seq`, `held_hash`: the record that lies before it in the terminal's
    file, 0 and 32 zero bytes when there is none. `reason` is stable.
    """

    after_seq: Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER, strict=True)]
    after_hash: HexDigest
    held_seq: Annotated[int, Field(ge=0, le=MAX_SAFE_INTEGER, strict=True)]
    held_hash: HexDigest
    reason: Word


class Backup(Body):
    """An encrypted copy of databases and keys was made: up to which record, and for whom.

    `digest` is the file's SHA-256, `recipients` the first 16 hex of the SHA-256 of each age key.
    """

    file: Text
    digest: HexDigest
    bytes: Count
    head_seq: Count
    head_hash: HexDigest
    recipients: tuple[Word, ...]


class Restore(Body):
    """This terminal was brought back from the backup file of that SHA-256, made at that time."""

    digest: HexDigest
    made: Utc
    head_seq: Count
    head_hash: HexDigest


class CertificateRequest(Body):
    """The terminal has a new TLS key and asks for its certificate: PKCS#10, in PEM."""

    request: Text


class CertificateRotated(Body):
    """What came of a new TLS certificate: the SHA-256 of its DER form, and until when it holds.

    "installed": it is in use; "refused": it is not what was asked for; "rejected": the broker did
    not take it. In both of these the old one stays, and the key waits for another certificate.
    """

    outcome: Literal["installed", "refused", "rejected"]
    fingerprint: HexDigest | None = None
    not_after: Utc | None = None
    detail: Text = ""


BODIES: Mapping[str, type[Body]] = {
    body.kind: body
    for body in (
        Punch,
        Repeat,
        DeclaredPunch,
        FaceFailed,
        Correction,
        Dispute,
        Answer,
        MonthConfirmed,
        CredentialChange,
        SubjectExport,
        Boot,
        Stop,
        Enrolment,
        Consent,
        Withdrawal,
        Deletion,
        SiteConsent,
        SiteConsentWithdrawal,
        TemplatesGiven,
        TemplatesReceived,
        Fault,
        FaultCleared,
        TimeCorrection,
        Rejection,
        CommandDone,
        CommandsRefused,
        Configuration,
        PersonEntry,
        PersonStatus,
        PersonRoles,
        RenewalDue,
        Adaptation,
        Purge,
        Checkpoint,
        Resumption,
        Backup,
        Restore,
        KeyRotation,
        CertificateRequest,
        CertificateRotated,
    )
}


class Envelope(_Kept):
    """A record's payload, parsed. `body` is as written; `known_body` gives it typed.

    A record that a resumption gave another number has a further field `renumbered_from`: the
    number under which the terminal wrote it first, with the same `id`.
    """

    v: int
    site: str
    terminal: str
    seq: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER, strict=True)]
    id: str
    kind: str
    time: Instant
    body: dict[str, Any]

    def known_body(self) -> Body | None:
        """The typed body; None for a kind, or a later form of one, that is not known here."""
        model = BODIES.get(self.kind)
        try:
            return None if model is None else model.model_validate(self.body)
        except ValidationError:
            return None


# A row of the table `records`, in the order of `Record`'s fields.
COLUMNS = "seq, id, kind, payload, previous, hash, signature"


@dataclass(frozen=True, slots=True)
class Record:
    """One row of the ledger. `payload` is RFC 8785 bytes, the hashes 32, the signature 64 bytes."""

    seq: int
    id: str
    kind: str
    payload: bytes
    previous: bytes
    hash: bytes
    signature: bytes

    def content(self) -> Envelope:
        """The payload parsed; raises ValueError (pydantic's, mostly) for what is no record."""
        try:
            return Envelope.model_validate(json.loads(self.payload))
        except RecursionError:
            raise ValueError("the payload is nested too deep") from None


def build_payload(
    site: str, terminal: str, seq: int, record_id: str, body: Body, at: Instant
) -> bytes:
    """The canonical payload of a new record; raises `NotCanonicalError`, `InvalidValueError`."""
    if body.model_extra or at.model_extra:
        raise InvalidValueError("a new record has only the fields of its kind")
    return canonical(
        {
            "v": 1,
            "site": site,
            "terminal": terminal,
            "seq": seq,
            "id": record_id,
            "kind": body.kind,
            "time": at.model_dump(mode="json"),
            "body": body.model_dump(mode="json"),
        }
    )


def renumber_payload(record: Record, seq: int) -> bytes:
    """The payload of the same record (id, time, body, and what is not known here) as number `seq`.

    Raises ValueError for what is no record.
    """
    content = json.loads(record.payload)
    return canonical({"renumbered_from": record.seq, **content, "seq": seq})
