"""Whose files a new terminal's are, where root sets it up (docs/keys.md has the table).

The keys are the user `kiosk`'s; sync, of its group, reads the ledger's alone. The TLS key is
`kiosk-sync`'s. Where root does not act, or there are no such users (a workstation), files stay with
whoever made them.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

_KIOSK, _SYNC = "kiosk", "kiosk-sync"  # systemd/kiosk.sysusers


def give_to_kiosk(directory: Path, keys: Path) -> None:
    """The databases' directory and the keys to the user `kiosk`."""
    user = _user(_KIOSK)
    if user is None:
        return
    for path in (directory, keys, *keys.iterdir()):
        os.chown(path, user.pw_uid, user.pw_gid)
    keys.chmod(0o710)
    (keys / "ledger.key").chmod(0o440)


def give_to_sync(path: Path) -> None:
    """A file to the user `kiosk-sync`."""
    user = _user(_SYNC)
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def acts_for_sync() -> bool:
    """Whether root acts and there is a user `kiosk-sync`, whose part the network is."""
    return _user(_SYNC) is not None


def _user(name: str) -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
