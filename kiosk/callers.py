"""Who calls a command: a Unix user, and the roles that its groups give.

- `kiosk-enroller`, `kiosk-supervisor`, `kiosk-technician` and `kiosk-auditor` are the groups; every
  user is an employee.
- The databases are the user `kiosk`'s. Who has a role runs commands as that user, by sudo
  (systemd/kiosk.sudoers), and counts as who they were before: sudo sets SUDO_UID itself, and
  whoever could set it otherwise is `kiosk` or root already.
- Root counts as root, also by sudo: who may become root may everything.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass

from kiosk.roles import ROLE_NAMES, Right, RoleName, rights_of

SERVICE_USER = "kiosk"
GROUPS: Mapping[str, RoleName] = {f"kiosk-{r}": r for r in ROLE_NAMES if r != "employee"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the user of the process, or root who called through sudo; and what roles.

    `service`: the daemon's own user, for whom nobody else asks. `grouped`: whether this machine has
    any of the groups.
    """

    uid: int
    roles: frozenset[RoleName] = frozenset()
    service: bool = False
    grouped: bool = True

    @property
    def rights(self) -> frozenset[Right]:
        """What the roles allow."""
        return rights_of(self.roles)


def current_caller(environment: Mapping[str, str] | None = None) -> Caller:
    """Of this process; `environment` is the process's own without one."""
    around = os.environ if environment is None else environment
    uid = os.geteuid()
    there = {group.gr_name: group.gr_gid for group in grp.getgrall() if group.gr_name in GROUPS}
    asker = _asker(around) if uid == _service_uid() else None
    ids = {os.getegid(), *os.getgroups()} if asker is None else set(_groups_of(asker))
    return Caller(
        uid=0 if asker == 0 else uid,
        roles=frozenset(GROUPS[name] for name, number in there.items() if number in ids),
        service=uid == _service_uid() and asker is None,
        grouped=bool(there),
    )


def _asker(environment: Mapping[str, str]) -> int | None:
    """Who asked by sudo."""
    said = environment.get("SUDO_UID", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _service_uid() -> int | None:
    try:
        return pwd.getpwnam(SERVICE_USER).pw_uid
    except KeyError:
        return None


def _groups_of(uid: int) -> list[int]:
    try:
        user = pwd.getpwuid(uid)
    except KeyError:  # gone since: nobody's groups
        return []
    return os.getgrouplist(user.pw_name, user.pw_gid)
