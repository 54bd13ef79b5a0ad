"""Erasing a person, and proof of it: every table is read again afterwards.

- What can go goes at once: the person, consents, templates, statistics, roles, badges, PIN, wrong
  tries, and galleries that were set aside as damaged (`store.register`). The pages are overwritten
  and cut out of the log (`store.erasure`).
- What stays is said, with how much and why: signed records, which the law on working time asks for
  and whose chain cannot be holed, go with the retention job; backups by their own age.
- `left` is what should be gone and is not; the command then fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.settings import Settings
from kiosk.stores import Stores
from kiosk.subject import anything
from store.backup_files import made_here
from store.errors import UnknownPersonError
from store.own_records import OwnRecords
from store.quarantine import FOLDER, forget_galleries
from store.records import Instant, person_number
from store.retention import Subject
from store.subject import held, records_acted, witnessed

_WORKING_TIME = frozenset({"punch", "repeat", "declared_punch", "correction", "month_confirmed"})


@dataclass(frozen=True, slots=True)
class Stays:
    """What is not erased: what, how much of it, and why."""

    what: str
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class Erased:
    """Rows that went and rows that are left, by table, and what stays. `checked`: tables read."""

    number: str
    deleted: dict[str, int]
    left: dict[str, int]
    stays: tuple[Stays, ...]
    checked: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether nothing is left that should be gone."""
        return not self.left


def erase(stores: Stores, settings: Settings, number: str, now: Instant) -> Erased:
    """Erase whoever has this number and look whether it is so; again for who is erased already.

    Raises `UnknownPersonError` when nothing at all is held under it, `InvalidValueError`.
    """
    number = person_number(number)
    if not anything(stores, number):
        raise UnknownPersonError("nothing is held here under this number")
    before = {table: len(rows) for table, rows in held(stores.gallery_db, number).items()}
    if before["people"]:
        stores.register.remove(number, now)
    else:
        stores.sharing.forget(number)
        stores.register.settle(patient=True)
        forget_galleries(stores.register.directory)
    after = {table: len(rows) for table, rows in held(stores.gallery_db, number).items()}
    left = {table: count for table, count in after.items() if count}
    if stores.gallery.erasure_pending():
        left["pages in the write-ahead log"] = 1
    if set_aside := _set_aside(settings, "gallery"):
        left["galleries that were set aside"] = set_aside
    return Erased(
        number=number,
        deleted={t: n - after[t] for t, n in before.items() if n > after[t]},
        left=left,
        stays=tuple(one for one in _staying(stores, settings, number) if one.count),
        checked=(*after, "write-ahead log", "set aside"),
    )


def _staying(stores: Stores, settings: Settings, number: str) -> list[Stays]:
    policies = settings.retention.policies()
    records = OwnRecords(stores.ledger_db).everything(number)
    punches = sum(record.kind in _WORKING_TIME for record in records)
    groups: tuple[tuple[str, Subject, int], ...] = (
        ("working time", "punches", punches),
        ("consents, enrolments and changes", "audit", len(records) - punches),
        ("others, which name this number", "audit", len(records_acted(stores.ledger_db, number))),
    )
    kept = [
        Stays(
            f"records of {what}",
            count,
            f"signed and chained; deleted after {policies[subject].days} days once headquarters "
            f"has them. {policies[subject].ground}",
        )
        for what, subject, count in groups
    ]
    return [
        *kept,
        Stays(
            "consents of others, witnessed",
            len(witnessed(stores.gallery_db, number)),
            f"proof of the others' consent. {policies['consents'].ground}",
        ),
        Stays(
            "ledgers that were set aside as damaged",
            _set_aside(settings, "ledger"),
            f"they may name the number; deleted after {policies['quarantine'].days} days",
        ),
        Stays(
            "encrypted backups",
            _backups(settings),
            "they may hold the person, and go as newer ones come ([backup] keep); "
            "whoever is restored from one is to be erased again",
        ),
    ]


def _set_aside(settings: Settings, name: str) -> int:
    home = settings.store.directory / FOLDER
    return len(list(home.glob(f"{name}-*"))) if home.is_dir() else 0


def _backups(settings: Settings) -> int:
    if settings.backup is None:
        return 0
    stem = f"{settings.terminal.site}.{settings.terminal.name}"
    return len(made_here(settings.backup.directory, stem))
