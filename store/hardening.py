"""Keeps a process's memory from others: no core dump, no other process of the same user reads it.

`PR_SET_DUMPABLE` 0 (prctl(2)) makes `/proc/PID/mem` and ptrace(2) root's alone and suppresses core
dumps, also those that a pipe in `core_pattern` would get; `RLIMIT_CORE` 0 holds for what the
process starts. Root, and whoever has the machine, still reads everything.
"""

from __future__ import annotations

import ctypes
import os
import resource

_PR_SET_DUMPABLE = 4  # linux/prctl.h


def harden() -> None:
    """Do so for this process; raises OSError where the kernel refuses."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl: {os.strerror(error)}")
