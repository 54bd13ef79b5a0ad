"""What the databases are and say: whole or not, standing faults, versions, the last backup's age.

They are opened beside the running daemon: readers never wait for it, nor it for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from kiosk.doctor.finding import Finding, failure, not_checked, ok, warning
from store.backup import BackupSection
from store.backup_files import made_here
from store.database import Database
from store.errors import MissingDatabaseError, MissingKeyError, StoreError
from store.keys import DatabaseName
from store.opening import open_keyed
from store.records import Boot
from store.settings import Terminal
from store.standing import Standing

# kiosk-backup.timer is daily and spread over two hours; one that was missed is no alarm yet.
_BACKUP_LATE, _BACKUP_OLD = timedelta(days=2), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Said:
    """What the ledger says: its newest `boot`, the codes of faults that stand, records by kind."""

    boot: Boot | None
    faults: frozenset[str]
    kinds: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Looked:
    """The line on one database, and of the ledger what it says (None where it cannot be read)."""

    finding: Finding
    said: Said | None = None


@contextmanager
def _opened(directory: Path, keys: Path, which: DatabaseName) -> Iterator[Database]:
    database, _ = open_keyed(directory / f"{which}.db", keys, which, create=False)
    try:
        yield database
    finally:
        database.close()


def database(directory: Path, keys: Path, which: DatabaseName) -> Looked:
    """Open a database, let SQLite check it, and hear what the ledger says."""
    name = f"database {which}"
    said = None
    try:
        with _opened(directory, keys, which) as opened:
            found = opened.rows("PRAGMA quick_check(5)", (), str)
            if which == "ledger" and found == ["ok"]:
                said = _said(opened)
    except MissingDatabaseError:
        return Looked(not_checked(name, "there is none yet", "the first `kiosk run` makes it"))
    except MissingKeyError:
        return Looked(not_checked(name, "its key is not here", "the line on key files says more"))
    except StoreError as error:
        return Looked(failure(name, _line(error), "docs/store.md says what the next start does"))
    if found != ["ok"]:
        return Looked(
            failure(
                name,
                f"quick_check: {len(found)} mistakes",
                "restart kiosk: it sets the file aside and goes on; then `kiosk backup list`",
            )
        )
    return Looked(ok(name, "opens with its key; quick_check finds nothing"), said)


def _said(ledger: Database) -> Said:
    standing = Standing(ledger)
    standing.refresh()
    counts: Sequence[tuple[str, int]] = ledger.rows(
        "SELECT kind, count(*) FROM records GROUP BY kind", (), lambda kind, n: (str(kind), int(n))
    )
    return Said(standing.boot, standing.faults, dict(counts))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def faults(said: Said | None) -> Finding:
    """The faults that stand in the ledger."""
    name = "faults"
    if said is None:
        return not_checked(name, "the ledger cannot be read")
    if said.faults:
        codes = ", ".join(sorted(said.faults))
        return warning(name, f"stand: {codes}", "docs/monitoring.md says when each one ends")
    return ok(name, "none stands")


def versions(said: Said | None, installed: str, *, runs: bool) -> Finding:
    """What is installed against what runs."""
    name = "versions"
    if said is None or said.boot is None:
        return not_checked(name, f"kiosk {installed} is installed and has not run yet")
    beneath = ", ".join(f"{what} {version}" for what, version in sorted(said.boot.versions.items()))
    if runs and said.boot.version != installed:
        return warning(
            name,
            f"kiosk {installed} is installed, {said.boot.version} runs",
            "`systemctl restart kiosk kiosk-sync`",
        )
    return ok(name, f"kiosk {installed}; {beneath}")


def backup(section: BackupSection | None, terminal: Terminal, now: datetime) -> Finding:
    """How old the newest backup is."""
    name = "backup"
    if section is None:
        return warning(name, "none is configured", "write [backup] (docs/backup.md)")
    try:
        made = made_here(section.directory, f"{terminal.site}.{terminal.name}")
    except StoreError as error:
        return failure(name, _line(error), "is the stick mounted? docs/backup.md")
    if not made:
        return failure(
            name, "there is none in [backup] directory", "is the stick there? `kiosk backup create`"
        )
    stamp = made[-1].name.split(".")[-2]
    age = now - datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z")
    says = f"the newest is {age / timedelta(days=1):.1f} days old"
    if age > _BACKUP_OLD:
        return failure(name, says, "`systemctl status kiosk-backup`; `kiosk backup create`")
    if age > _BACKUP_LATE:
        return warning(name, says, "`systemctl status kiosk-backup.timer`")
    return ok(name, says)
