"""Work in a process of its own that SIGKILL ends in the middle."""

from __future__ import annotations

import os
import shutil
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from store.database import Database

# Steps on the database and the disk; each is one that a crash may come before.
_STEPS: tuple[tuple[Any, str], ...] = (
    (Database, "_run"),
    (Database, "insert_many"),
    (os, "fsync"),
    (Path, "mkdir"),
    (Path, "rename"),
    (Path, "replace"),
    (Path, "symlink_to"),
    (shutil, "rmtree"),
)


def is_killed(work: Callable[[], object]) -> bool:
    """Do the work in a child, which ends without closing anything; False when it got through."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001 - shown, and the exit code says it
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, -signal.SIGKILL)
    return code != 0


def die_before(steps: int) -> None:
    """Kill this process before its next step when so many were done."""
    left = [steps]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return step

    for owner, name in _STEPS:
        setattr(owner, name, counted(getattr(owner, name)))
