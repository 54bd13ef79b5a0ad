"""Badges and PINs of the people in the gallery.

- A badge's code is kept as BLAKE2b keyed with `badges.key`: codes have few digits, so that a plain
  hash could be searched for. Who has the gallery without that key learns no code.
- Somebody has at most one PIN and any number of badges; a badge has one person.
- The code itself is in no message and no `repr`. Upper and lower case are one: readers differ.
- A badge kept under another key than the present one is never found; `foreign` counts them.
- Who leaves or is removed loses both (the schema sees to it); who withdraws consent keeps them.

`store.register` changes people's credentials, so that each change has its record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field

from store.database import Database
from store.errors import InvalidValueError, TakenBadgeError
from store.people import MAX_BADGES, MAX_CODE
from store.pins import check_pin_hash
from store.records import Instant, utc_text
from store.secret import Secret


@dataclass(frozen=True, slots=True)
class HashedBadge:
    """A badge as it is kept; `key` is the id of the key, 16 hex characters."""

    hash: bytes = field(repr=False)
    key: str


class BadgeKey:
    """`badges.key` at work; it keeps the secret."""

    def __init__(self, key: Secret) -> None:
        self._key = key
        self.id = self._keyed(b"kiosk.id", b"").hex()[:16]

    def badge(self, code: str) -> HashedBadge:
        """The badge of a code; raises `InvalidValueError`."""
        text = code.strip().upper()
        if not 1 <= len(text) <= MAX_CODE or not (text.isascii() and text.isprintable()):
            raise InvalidValueError(f"a badge's code has 1 to {MAX_CODE} printable characters")
        return HashedBadge(self._keyed(b"kiosk.badge", text.encode("ascii")), self.id)

    def mask(self, number: str) -> str:
        """A number that nobody has, so that it can be counted and not read."""
        return self._keyed(b"kiosk.number", number.encode("utf-8")).hex()

    def _keyed(self, use: bytes, text: bytes) -> bytes:
        # BLAKE2's personalisation: hashes of one use are none of another.
        return hashlib.blake2b(text, key=self._key.view, person=use, digest_size=32).digest()


class CredentialTables:
    """Badges and PINs in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def owner(self, badge: HashedBadge) -> str | None:
        """The number of the person whose badge it is; None for nobody's."""
        return self._database.one("SELECT person FROM badges WHERE hash = ?", (badge.hash,), str)

    def badges(self, person: str) -> int:
        """How many badges somebody has."""
        query = "SELECT count(*) FROM badges WHERE person = ?"
        return self._database.one(query, (person,), int) or 0

    def foreign(self, key: BadgeKey) -> int:
        """How many badges are kept under another key, and so are of no use."""
        query = "SELECT count(*) FROM badges WHERE key <> ?"
        return self._database.one(query, (key.id,), int) or 0

    def add_badge(self, person: str, badge: HashedBadge, at: Instant) -> bool:
        """Give a badge; False when the person has it already.

        Raises `TakenBadgeError`, `ConstraintError` for nobody or who has left, and
        `InvalidValueError` for more than `MAX_BADGES`.
        """
        with self._database.transaction():
            owner = self.owner(badge)
            if owner is not None and owner != person:
                raise TakenBadgeError("the badge is somebody else's; take it from them first")
            if owner is not None:
                return False
            if self.badges(person) >= MAX_BADGES:
                raise InvalidValueError(f"nobody has more than {MAX_BADGES} badges; remove some")
            self._database.execute(
                "INSERT INTO badges VALUES (?, ?, ?, ?)",
                (badge.hash, person, badge.key, utc_text(at.utc)),
            )
        return True

    def take_other_badges(self, person: str, kept: Collection[HashedBadge]) -> int:
        """Take all badges but these from somebody; returns how many."""
        query = "SELECT hash FROM badges WHERE person = ?"
        others = set(self._database.rows(query, (person,), bytes)) - {b.hash for b in kept}
        for badge in others:
            self._database.execute("DELETE FROM badges WHERE hash = ?", (badge,))
        return len(others)

    def remove_badges(self, person: str) -> int:
        """Take all badges from somebody; returns how many."""
        return self._database.execute("DELETE FROM badges WHERE person = ?", (person,))

    def pin_hash(self, person: str) -> str | None:
        """The hash of somebody's PIN; None without one."""
        return self._database.one("SELECT hash FROM pins WHERE person = ?", (person,), str)

    def put_pin(self, person: str, pin_hash: str, at: Instant) -> None:
        """Give a PIN in place of the one there was, with a fresh count of wrong tries.

        Raises `ConstraintError` for nobody or who has left, `InvalidValueError`.
        """
        text = check_pin_hash(pin_hash)
        with self._database.transaction():
            self.remove_pin(person)
            self._database.execute(
                "INSERT INTO pins VALUES (?, ?, ?)", (person, text, utc_text(at.utc))
            )

    def renew_pin_hash(self, person: str, former: str, pin_hash: str) -> None:
        """The same PIN with today's parameters; nothing when it was changed meanwhile."""
        self._database.execute(
            "UPDATE pins SET hash = ? WHERE person = ? AND hash = ?",
            (check_pin_hash(pin_hash), person, former),
        )

    def remove_pin(self, person: str) -> bool:
        """Take the PIN from somebody; False when there was none."""
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM attempts WHERE kind = 'person' AND subject = ?", (person,)
            )
            return self._database.execute("DELETE FROM pins WHERE person = ?", (person,)) > 0
