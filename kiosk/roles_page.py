"""docs/roles.md, written from the table: `python -m kiosk.roles_page > docs/roles.md`."""

from __future__ import annotations

import sys

from kiosk.callers import GROUPS
from kiosk.roles import COMMANDS, ROLE_NAMES, SERVICE_RIGHTS, TABLE, Right

_HEAD = """# Roles: who may do what

Written from `kiosk/roles.py` by `python -m kiosk.roles_page`; a test fails when it is stale.

On the screen somebody has the roles that the terminal keeps for them (`kiosk people role NUMBER
enroller`) once they identified. On the command line the Unix groups of who calls count: {groups}.
`systemd/kiosk.sysusers` makes them, and `systemd/kiosk.sudoers` lets their members run
`sudo -u kiosk /opt/kiosk/bin/kiosk …`, since the databases and keys are the user `kiosk`'s; the
groups of who called sudo count then. Root may everything. The user `kiosk` itself, as which the
services run, has the rights of the last column.

Where a machine has none of these groups, as a workstation or a development machine, whoever owns
the directory of `[store]` may everything, and anybody may where there is no store yet: there are no
employees' data of others there to protect, and files are protected by their owner. As soon as one
of the groups exists, the table holds.

Exit code 77: the command is not for the caller; nothing was done.
"""


def page() -> str:
    """The whole page as Markdown."""
    columns = (*ROLE_NAMES, "root", "service")
    lines = [
        _HEAD.format(groups=", ".join(f"`{group}`" for group in GROUPS)),
        f"| right | {' | '.join(columns)} | commands |",
        f"| --- |{' --- |' * (len(columns) + 1)}",
    ]
    lines += [_row(right) for right in Right]
    return "\n".join(lines) + "\n"


def _row(right: Right) -> str:
    has = [*(role in TABLE[right] for role in ROLE_NAMES), True, right in SERVICE_RIGHTS]
    cells = ["yes" if one else "" for one in has]
    commands = ", ".join(f"`{words}`" for words, needed in COMMANDS.items() if needed is right)
    return f"| {right.value} | {' | '.join(cells)} | {commands} |"


if __name__ == "__main__":
    sys.stdout.write(page())
