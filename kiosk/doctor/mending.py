"""`--fix`: what can be mended without asking anybody, and without ending or starting anything.

- Only takes rights away, never gives any; replaces no key; deletes only what this program itself
  leaves aside when it is killed, and only when it is an hour old.
- Follows no link to another file: root runs this in folders of the user kiosk.
- Each mend that fails is told and the next is tried.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path

from kiosk.callers import SERVICE_USER
from kiosk.doctor.finding import Finding, ok, warning
from kiosk.doctor.keys import folder_too_open, in_memory, too_open
from kiosk.doctor.machine import Machine
from kiosk.doctor.units import SERVICES, TIMERS, systemd_runs
from kiosk.sealing import NAMES
from store.errors import StoreError
from store.keys import open_badges_key

_STALE_S = 3600.0  # nothing that is written aside takes an hour
_DIRECTORY_MODE = 0o770  # kiosk.service's StateDirectoryMode


def stale(directory: Path, keys: Path, now: datetime) -> list[Path]:
    """Files that `store.files`, `store.keys` and the backup leave aside when they are killed."""
    found = [*directory.glob(".*.partial"), *keys.glob(".*.key.*"), *keys.glob(".*.pub.*")]
    return sorted(path for path in found if _age_s(path, now) > _STALE_S)


def _age_s(path: Path, now: datetime) -> float:
    try:
        its = path.lstat()
    except OSError:  # gone meanwhile
        return 0.0
    return now.timestamp() - its.st_mtime if stat.S_ISREG(its.st_mode) else 0.0


def leftovers(directory: Path, keys: Path, now: datetime) -> Finding:
    """The line on them."""
    found = stale(directory, keys, now)
    if found:
        return warning("leftovers", f"{len(found)} files that a crash left aside", "--fix")
    return ok("leftovers", "none")


def mend(directory: Path, keys: Path, sealed: Path, machine: Machine) -> list[str]:
    """Mend what is safe; returns a line for each thing done or tried in vain."""
    told: list[str] = []
    for what, change in _mends(directory, keys, sealed, machine):
        try:
            change()
        except (OSError, StoreError) as error:
            told.append(f"not mended: {what}: {' '.join(str(error).split())}")
        else:
            told.append(f"mended: {what}")
    return told


def _mends(
    directory: Path, keys: Path, sealed: Path, machine: Machine
) -> Iterator[tuple[str, Callable[[], object]]]:
    if not directory.exists():
        yield f"made {directory}", partial(_make_directory, directory)
    if (mode := _mode(keys)) is not None and folder_too_open(mode):
        yield "mode of the keys' folder", partial(_restrict, keys, mode & 0o710)
    for key in NAMES:
        if (mode := _mode(keys / key)) is not None and too_open(key, mode):
            left = mode & 0o440 if key == "ledger.key" else 0o400
            yield f"mode of {key}", partial(_restrict, keys / key, left)
    missing = [key for key in NAMES if _mode(keys / key) is None]
    if missing == ["badges.key"] and not in_memory(keys) and not any(sealed.glob("*.cred")):
        yield "made badges.key", partial(_make_badges_key, keys)
    for path in stale(directory, keys, machine.now()):
        yield f"deleted {path.name}", path.unlink
    if systemd_runs(machine):
        for unit in (*SERVICES, *TIMERS):
            said = machine.run(["systemctl", "is-enabled", unit])
            if said is not None and said.out.strip() == "disabled":
                yield f"enabled {unit}", partial(_enable, machine, unit)


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:  # not there, or not ours to see: nothing to take rights from
        return None


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """The very file of this name, no link's: the folder is the user kiosk's, and this may be root.

    Raises OSError for a link.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        yield handle
    finally:
        os.close(handle)


def _restrict(path: Path, mode: int) -> None:
    with _held(path) as handle:
        os.fchmod(handle, mode)


def _make_directory(directory: Path) -> None:
    directory.mkdir(mode=_DIRECTORY_MODE, parents=True)
    if os.geteuid() == 0:
        with suppress(LookupError):  # a workstation has no such user
            shutil.chown(directory, SERVICE_USER, SERVICE_USER)


def _make_badges_key(keys: Path) -> None:
    open_badges_key(keys).wipe()
    owner = (keys / "signing.key").lstat()
    with _held(keys / "badges.key") as handle:
        if os.fstat(handle).st_uid == os.geteuid():  # as it was made just now
            os.fchown(handle, owner.st_uid, owner.st_gid)


def _enable(machine: Machine, unit: str) -> None:
    answer = machine.run(["systemctl", "enable", unit])
    if answer is None or answer.code != 0:
        raise OSError("systemctl enable was refused; run it as root")
