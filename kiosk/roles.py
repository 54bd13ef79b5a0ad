"""Who may do what at the terminal: the one table, for the command line and the screen.

- Everybody is an employee. The other roles are added to that; a person may have several.
- On the screen the roles are those of the person who identified (`rights_of`). On the command line
  they are the Unix groups of who called (`kiosk.callers`), checked in one place (`kiosk.guard`).
- Root may everything. A right that no role has (`ROLES`) is root's alone: nobody at a terminal
  appoints themselves.
- A command that is not in `COMMANDS` is root's alone; a test fails until it is put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # `kiosk --help` needs the table, not the store
    from store.people import Role

RoleName = Literal["employee", "enroller", "supervisor", "technician", "auditor"]
ROLE_NAMES: tuple[RoleName, ...] = ("employee", "enroller", "supervisor", "technician", "auditor")


class Right(Enum):
    """Something that may or may not be done; the value says it in words."""

    NOTICE = "read the notice"
    OWN_RECORDS = "see one's own records and confirm a month"
    DISPUTE = "dispute one of one's own records"
    ENROL = "enrol people and take back adaptive templates"
    CONSENT = "record that somebody accepted the notice"
    WITHDRAW = "take somebody's consent back at their wish"
    CREDENTIALS = "give and take badges and PINs"
    PEOPLE = "see who is on the terminal"
    BLOCK = "block somebody and let them in again"
    LEAVE = "note that somebody left"
    PUNCHES = "see others' punches, failures and disputes"
    EXPORT_SUBJECT = "hand out everything that is held on a person"
    ERASE_SUBJECT = "erase a person"
    ROLES = "appoint: give and take roles"
    VERIFY = "verify the ledger"
    EXPORT_LEDGER = "write the whole ledger out"
    RETENTION = "delete what is past its time"
    BACKUP = "make, check and bring back backups"
    KEYS = "make, rotate and seal keys, re-issue templates"
    MODELS = "fetch and check model weights, measure the recogniser"
    DOCTOR = "check the terminal and mend what is safe to mend"
    CONTRACT = "write and check the contract's files"
    RUN = "run the daemon by hand"
    UPDATE = "install and take back releases (`kiosk-update`, as root by sudo)"
    SERVICE = "put the terminal into service and out of it for good"


_EVERYBODY = frozenset(ROLE_NAMES)

# Each right and who has it.
TABLE: Mapping[Right, frozenset[RoleName]] = {
    Right.NOTICE: _EVERYBODY,
    Right.OWN_RECORDS: _EVERYBODY,
    Right.DISPUTE: _EVERYBODY,
    Right.ENROL: frozenset({"enroller"}),
    Right.CONSENT: frozenset({"enroller"}),
    Right.WITHDRAW: frozenset({"enroller", "supervisor"}),
    Right.CREDENTIALS: frozenset({"enroller", "supervisor"}),
    Right.PEOPLE: frozenset({"enroller", "supervisor", "auditor"}),
    Right.BLOCK: frozenset({"supervisor"}),
    Right.LEAVE: frozenset({"supervisor"}),
    Right.PUNCHES: frozenset({"supervisor", "auditor"}),
    Right.EXPORT_SUBJECT: frozenset({"supervisor"}),
    Right.ERASE_SUBJECT: frozenset({"supervisor"}),
    Right.ROLES: frozenset(),
    Right.VERIFY: frozenset({"technician", "auditor"}),
    Right.EXPORT_LEDGER: frozenset({"auditor"}),
    Right.RETENTION: frozenset({"technician"}),
    Right.BACKUP: frozenset({"technician"}),
    Right.KEYS: frozenset({"technician"}),
    Right.MODELS: frozenset({"technician"}),
    Right.DOCTOR: frozenset({"technician"}),
    Right.CONTRACT: frozenset({"technician"}),
    Right.RUN: frozenset({"technician"}),
    # Another program (docs/updates.md): systemd/kiosk-update.sudoers lets this role run it as root.
    Right.UPDATE: frozenset({"technician"}),
    Right.SERVICE: frozenset({"technician"}),
}

# What the Unix user `kiosk` may by itself: the services that systemd/ starts under it.
SERVICE_RIGHTS = frozenset({Right.NOTICE, Right.RUN, Right.RETENTION, Right.BACKUP})

# Each command of `kiosk`, as its words, and the right that it needs.
COMMANDS: Mapping[str, Right] = {
    "run": Right.RUN,
    "enrol": Right.ENROL,
    "people list": Right.PEOPLE,
    "people show": Right.PEOPLE,
    "people accept": Right.CONSENT,
    "people share": Right.CONSENT,
    "people unshare": Right.WITHDRAW,
    "people withdraw": Right.WITHDRAW,
    "people block": Right.BLOCK,
    "people unblock": Right.BLOCK,
    "people leave": Right.LEAVE,
    "people remove": Right.ERASE_SUBJECT,
    "people unadapt": Right.ENROL,
    "people role": Right.ROLES,
    "people badge": Right.CREDENTIALS,
    "people pin": Right.CREDENTIALS,
    "punches": Right.PUNCHES,
    "records": Right.PUNCHES,
    "dispute list": Right.PUNCHES,
    "ledger verify": Right.VERIFY,
    "ledger export": Right.EXPORT_LEDGER,
    "retention": Right.RETENTION,
    "keys create": Right.KEYS,
    "keys rotate": Right.KEYS,
    "keys seal": Right.KEYS,
    "keys unseal": Right.KEYS,
    "templates reissue": Right.KEYS,
    "models fetch": Right.MODELS,
    "models check": Right.MODELS,
    "models list": Right.MODELS,
    "models calibrate": Right.MODELS,
    "models optimize": Right.MODELS,
    "backup create": Right.BACKUP,
    "backup list": Right.BACKUP,
    "backup verify": Right.BACKUP,
    "backup restore": Right.BACKUP,
    "evaluate": Right.MODELS,
    "pad evaluate": Right.MODELS,
    "tune": Right.MODELS,
    "doctor": Right.DOCTOR,
    "contract export": Right.CONTRACT,
    "contract check": Right.CONTRACT,
    "notice": Right.NOTICE,
    "subject export": Right.EXPORT_SUBJECT,
    "subject erase": Right.ERASE_SUBJECT,
    "join": Right.SERVICE,
    "decommission": Right.SERVICE,
}


def rights_of(roles: Iterable[Role | RoleName]) -> frozenset[Right]:
    """What somebody with these roles may do; being an employee goes without saying."""
    held = {"employee", *roles}
    return frozenset(right for right, allowed in TABLE.items() if allowed & held)


def may(right: Right) -> tuple[RoleName, ...]:
    """The roles that have a right, in the table's order."""
    return tuple(role for role in ROLE_NAMES if role in TABLE[right])
