"""How long after wrong PINs nobody may try again; the counts outlast any restart.

- Counted are wrong PINs in a row of one person's number, of one number that nobody has, and at
  the whole terminal. The first few are free, then each doubles the delay up to a bound.
- Time is a boot's monotonic clock. After a restart nobody knows how long the machine was off, so
  the whole delay runs anew from the boot; the wall clock is never asked.
- A right PIN ends the row of its person and takes one off the terminal's.
- A number that nobody has is kept as a keyed hash (it may be a PIN, typed into the wrong field),
  and at most `MAX_UNKNOWN` of them.

    tries = after_wrong(attempts.get(subject), now, PERSON)
    attempts.put(subject, tries)
    waiting_s(tries, now, PERSON)   # 0.0 while tries are free
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from store.database import Database
from store.records import Instant

MAX_UNKNOWN = 256
_NS = 1_000_000_000
_DOUBLINGS = 30  # far past every bound, so that no float overflows


@dataclass(frozen=True, slots=True)
class Rule:
    """`free` wrong tries without delay, then `first_s` seconds, doubling up to `most_s`.

    A row whose last wrong try is longer ago than `forget_s` is over; None for never.
    """

    free: int
    first_s: float
    most_s: float
    forget_s: float | None = None


# NIST SP 800-63B section 5.2.2 (rate limiting): delays that grow from 30 s up to an hour, and at
# most 100 failures in a row, after which the account is locked. Here nobody is locked out for good:
# 15 minutes leave 96 tries a day, and a badge and the face work meanwhile.
PERSON = Rule(free=3, first_s=2, most_s=900)
# Milder: a shift in a hurry mistypes often, and a prankster who leaves must not hold it up.
TERMINAL = Rule(free=10, first_s=2, most_s=60, forget_s=600)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose tries are counted; see the table `attempts`."""

    kind: Literal["person", "unknown", "terminal"]
    name: str


WHOLE_TERMINAL = Subject("terminal", "")


@dataclass(frozen=True, slots=True)
class Tries:
    """So many wrong ones in a row, the last at `monotonic_ns` of the boot."""

    failures: int
    boot: str
    monotonic_ns: int


def waiting_s(tries: Tries | None, now: Instant, rule: Rule) -> float:
    """Seconds until a PIN is looked at again; 0 when that is now."""
    if tries is None or _is_over(tries, now, rule) or tries.failures <= rule.free:
        return 0.0
    doublings = min(tries.failures - rule.free - 1, _DOUBLINGS)
    return max(0.0, min(rule.first_s * 2.0**doublings, rule.most_s) - _elapsed_s(tries, now))


def after_wrong(tries: Tries | None, now: Instant, rule: Rule) -> Tries:
    """The row after one more wrong PIN, now."""
    before = 0 if tries is None or _is_over(tries, now, rule) else tries.failures
    return Tries(before + 1, now.boot, now.monotonic_ns)


def after_right(tries: Tries | None) -> Tries | None:
    """The terminal's row after a right PIN: one less."""
    if tries is None or tries.failures <= 1:
        return None
    return Tries(tries.failures - 1, tries.boot, tries.monotonic_ns)


def _is_over(tries: Tries, now: Instant, rule: Rule) -> bool:
    return rule.forget_s is not None and _elapsed_s(tries, now) > rule.forget_s


def _elapsed_s(tries: Tries, now: Instant) -> float:
    """Since the last wrong try, or since this boot when that was before it."""
    since_ns = tries.monotonic_ns if tries.boot == now.boot else 0
    return max(0, now.monotonic_ns - since_ns) / _NS


class Attempts:
    """The counts in `database` (gallery.db), which belongs to this thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, subject: Subject) -> Tries | None:
        """The row of wrong tries; None without one."""
        return self._database.one(
            "SELECT failures, boot, monotonic_ns FROM attempts WHERE kind = ? AND subject = ?",
            (subject.kind, subject.name),
            Tries,
        )

    def put(self, subject: Subject, tries: Tries | None) -> None:
        """Keep a row, or end it with None."""
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM attempts WHERE kind = ? AND subject = ?", (subject.kind, subject.name)
            )
            if tries is None:
                return
            self._database.execute(
                "INSERT INTO attempts VALUES (?, ?, ?, ?, ?)",
                (subject.kind, subject.name, tries.failures, tries.boot, tries.monotonic_ns),
            )
            if subject.kind == "unknown":
                self._database.execute(
                    "DELETE FROM attempts WHERE kind = 'unknown' AND subject NOT IN (SELECT "
                    "subject FROM attempts WHERE kind = 'unknown' "
                    "ORDER BY failures DESC, monotonic_ns DESC LIMIT ?)",
                    (MAX_UNKNOWN,),
                )
