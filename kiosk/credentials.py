"""Who a badge, or a number and a PIN, stands for; what the tables say and how often one may try.

- A badge is looked up at once and always: it works while PINs have to wait.
- A wrong PIN is counted, and the count is on disk, before anybody is told that it was wrong; a
  disk that takes no count leaves it in memory for as long as the program runs.
- A number that nobody has is answered like a wrong PIN: same words, same work, same delays.
- Whether somebody is blocked is told only to who has their badge or knows their PIN. Who has left
  has neither.
- Nothing here logs a number, a PIN or a code. Belongs to the thread that opened the stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from kiosk.panel import Badged, Typed
from kiosk.stores import Stores, putting_off
from store.attempts import (
    PERSON,
    TERMINAL,
    WHOLE_TERMINAL,
    Attempts,
    Rule,
    Subject,
    Tries,
    after_right,
    after_wrong,
    waiting_s,
)
from store.errors import InvalidValueError
from store.people import Person, number_to_find
from store.pins import PinHasher
from store.records import Instant


@dataclass(frozen=True, slots=True)
class Known:
    """It is this person, by number."""

    person: str
    method: Literal["badge", "pin"]


class Reason(Enum):
    """Why nobody is known by it; stable and machine-readable."""

    UNKNOWN_BADGE = "unknown_badge"
    WRONG_PIN = "wrong_pin"  # or a number that nobody has, or one without a PIN
    WAIT = "wait"  # the PIN was not looked at
    BLOCKED = "blocked"


@dataclass(frozen=True, slots=True)
class Refused:
    """Nobody is known by it; `wait_s` seconds from now a PIN is looked at again."""

    reason: Reason
    wait_s: float = 0.0


class Credentials:
    """The badges and PINs of one terminal at its door."""

    def __init__(self, stores: Stores, hasher: PinHasher | None = None) -> None:
        self._gallery, self._tables = stores.gallery, stores.credentials
        self._key, self._database = stores.badge_key, stores.gallery_db
        self._attempts = Attempts(stores.gallery_db)
        self._hasher = hasher or PinHasher()
        self._unwritten: dict[Subject, Tries | None] = {}

    def check(self, action: Badged | Typed, now: Instant) -> Known | Refused:
        """Whose it is.

        A typed PIN takes a quarter of a second of work (`PinHasher`). Raises `StoreError` when the
        gallery cannot be read.
        """
        if isinstance(action, Badged):
            return self._by_badge(action)
        return self._by_pin(action, now)

    def _by_badge(self, action: Badged) -> Known | Refused:
        try:
            owner = self._tables.owner(self._key.badge(action.code))
        except InvalidValueError:
            owner = None
        person = None if owner is None else self._gallery.person(owner)
        if person is None:
            return Refused(Reason.UNKNOWN_BADGE)
        return _unless_blocked(person, "badge")

    def _by_pin(self, action: Typed, now: Instant) -> Known | Refused:
        person = self._gallery.person(action.number)
        if person is None:
            subject = Subject("unknown", self._key.mask(number_to_find(action.number)))
        else:
            subject = Subject("person", person.number)
        rows = {
            subject: (self._tries(subject), PERSON),
            WHOLE_TERMINAL: (self._tries(WHOLE_TERMINAL), TERMINAL),
        }
        wait_s = _longest(rows, now)
        if wait_s > 0:
            return Refused(Reason.WAIT, wait_s)
        stored = None if person is None else self._tables.pin_hash(person.number)
        if not self._hasher.matches(stored, action.pin) or person is None or stored is None:
            wrong = {s: (after_wrong(tries, now, r), r) for s, (tries, r) in rows.items()}
            self._count({s: tries for s, (tries, _) in wrong.items()})
            return Refused(Reason.WRONG_PIN, _longest(wrong, now))
        terminal = after_right(rows[WHOLE_TERMINAL][0])
        self._count({subject: None, WHOLE_TERMINAL: terminal})
        if self._hasher.outdated(stored):
            with putting_off("pin_hash_not_renewed"):
                hashed = self._hasher.hash(action.pin)
                self._tables.renew_pin_hash(person.number, stored, hashed)
        return _unless_blocked(person, "pin")

    def _tries(self, subject: Subject) -> Tries | None:
        if subject in self._unwritten:
            return self._unwritten[subject]
        return self._attempts.get(subject)

    def _count(self, rows: dict[Subject, Tries | None]) -> None:
        """Keep the rows, and those that the disk did not take before; writes only changes."""
        self._unwritten |= {s: tries for s, tries in rows.items() if tries != self._tries(s)}
        if not self._unwritten:
            return
        with putting_off("attempts_not_recorded"):
            with self._database.transaction():
                for subject, tries in self._unwritten.items():
                    self._attempts.put(subject, tries)
            self._unwritten.clear()


def _longest(rows: Mapping[Subject, tuple[Tries | None, Rule]], now: Instant) -> float:
    return max(waiting_s(tries, now, rule) for tries, rule in rows.values())


def _unless_blocked(person: Person, method: Literal["badge", "pin"]) -> Known | Refused:
    if person.status != "active":
        return Refused(Reason.BLOCKED)
    return Known(person.number, method)
