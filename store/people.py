"""Who the gallery holds, as values, and the bounds of what it takes in."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from store.errors import InvalidValueError
from store.records import person_number

Status = Literal["active", "blocked", "left"]
# What each may do is one table, in `kiosk.roles`; everybody is an employee besides.
Role = Literal["enroller", "supervisor", "technician", "auditor"]
# From an enrolment, or taken up by itself from a presentation far above the threshold.
Origin = Literal["enrolled", "adaptive"]
Vector = NDArray[np.float32]

MAX_NAME = 200  # characters
MAX_TEXT = 1000
MAX_CODE = 128  # characters of a badge: a QR code's worth, an RFID badge has 8 to 20
MAX_BADGES = 16  # of one person
MAX_PIN_HASH = 256  # characters; ours have 97
_UNIT_TOLERANCE = 1e-3
# Embeddings, overrides and isolates (UAX #9 section 2): they turn the text that follows them.
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on this terminal; `templates` counts theirs over all models.

    `keep_until_utc`: when they are taken to have left, as UTC text; None for no such date.
    `renewal_due`: their scores have fallen; new photos are asked for.
    """

    number: str
    name: str
    language: str
    status: Status
    templates: int
    roles: tuple[Role, ...] = ()
    keep_until_utc: str | None = None
    renewal_due: bool = False


@dataclass(frozen=True, slots=True)
class TemplateEntry:
    """A template without its vector: what made it, how good the face was, when, and from what."""

    id: int
    model: str
    quality_millionths: int
    made_utc: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class Changes:
    """Whose templates or status changed; `removed` says that somebody is gone altogether."""

    position: int
    people: list[str]
    removed: bool


@dataclass(frozen=True, slots=True)
class GenuineWeek:
    """The accepted presentations of one person in the week of `monday` (YYYY-MM-DD).

    `total` is the sum of `count` scores and `squares` that of their squares, both in millionths.
    """

    monday: str
    count: int
    total: int
    squares: int


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """A consent and, once it has ended, when and why. Times are UTC text."""

    text_version: str
    text_digest: str
    how: str
    witness: str | None
    given_utc: str
    ended_utc: str | None
    ended_why: Literal["withdrawn", "renewed", "left"] | None


def person_from_row(
    number: str,
    name: str,
    language: str,
    status: Status,
    templates: int,
    roles: str | None,
    keep_until_utc: str | None,
    renewal_due: int,
) -> Person:
    """A person as the gallery's query gives one."""
    known = tuple(role for role in get_args(Role) if role in (roles or "").split())
    return Person(
        number, name, language, status, templates, known, keep_until_utc, bool(renewal_due)
    )


def number_to_find(number: str) -> str:
    """A number to look up; one that nobody can have finds nobody."""
    try:
        return person_number(number)
    except InvalidValueError:
        return ""


def bounded_text(what: str, text: str, most: int) -> str:
    """The text without white space around it; raises `InvalidValueError`."""
    if not text.strip() or len(text) > most:
        raise InvalidValueError(f"{what} has 1 to {most} characters")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidValueError(f"{what} is no valid Unicode") from None
    return text.strip()


def shown_name(text: str) -> str:
    """A display name: as `bounded_text`, and nothing in it steers the terminal that shows it.

    Joiners stay: names of several scripts need them. Raises `InvalidValueError`.
    """
    name = bounded_text("a name", text, MAX_NAME)
    if any(c in _BIDI or unicodedata.category(c) in ("Cc", "Zl", "Zp") for c in name):
        raise InvalidValueError("a name has printable characters only")
    return name


def template_bytes(vector: Vector) -> bytes:
    """A template as it is stored: little-endian float32; raises `InvalidValueError`."""
    if vector.ndim != 1 or vector.dtype != np.float32 or not vector.size:
        raise InvalidValueError("a template is a float32 vector")
    if not abs(float(np.linalg.norm(vector)) - 1) <= _UNIT_TOLERANCE:  # False for NaN too
        raise InvalidValueError("a template has length 1")
    return vector.astype("<f4").tobytes()


def bounded_quality(millionths: int) -> int:
    """A quality in millionths; raises `InvalidValueError`."""
    if not 0 <= millionths <= 1_000_000:
        raise InvalidValueError("a quality is 0 to 1000000 millionths")
    return int(millionths)
