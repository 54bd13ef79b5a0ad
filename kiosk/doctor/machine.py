"""How checks reach the machine: files under one root, tools, clocks. Tests give their own.

A tool that is missing is an answer (None), never an exception: the check then says "not checked".
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

_PATIENCE_S = 60.0  # the longest: `kiosk-sync doctor`, which waits for DNS, TLS and a receipt


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool said."""

    code: int
    out: str
    err: str = ""


Run = Callable[[Sequence[str]], Answer | None]


def run_tool(words: Sequence[str]) -> Answer | None:
    """Run a tool of the system; None where it is missing or gives no answer in a minute."""
    try:
        done = subprocess.run(
            list(words),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Answer(done.returncode, done.stdout, done.stderr)


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Machine:
    """`root` has `proc`, `sys`, `etc`; `elapsed` is monotonic seconds."""

    root: Path = Path("/")
    run: Run = run_tool
    now: Callable[[], datetime] = _utc
    elapsed: Callable[[], float] = field(default=time.monotonic)

    def daemon_runs(self) -> bool:
        """Whether a `kiosk run` is a process of this machine: it holds the camera and the pins."""
        for file in self.root.glob("proc/[0-9]*/cmdline"):
            try:
                words = file.read_bytes().split(b"\0")
            except OSError:  # it ended meanwhile
                continue
            for before, after in pairwise(words):
                if before.rsplit(b"/", 1)[-1] == b"kiosk" and after == b"run":
                    return True
        return False
