"""One line of the doctor: what was looked at, how it is, what that means, what mends it.

- What could not be looked at is `NOT_CHECKED` with the reason, never `OK`.
- `says` and `mend` hold counts, codes, paths and names of units; no person's name or number, no
  key, no embedding.
- Exit codes: 0 all is well, 20 something is to be looked at (a warning, or a line that was not
  checked), 21 something fails. They are no codes of the error classes in `kiosk.errors`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

EXIT_OK, EXIT_WARNING, EXIT_FAILURE = 0, 20, 21


class Level(Enum):
    """How a line is; the value is the word in the output."""

    OK = "ok"
    NOT_CHECKED = "not checked"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """`name` is a key of `kiosk.doctor.checks.CHECKS`; `mend` is empty where nothing is to mend."""

    name: str
    level: Level
    says: str
    mend: str = ""


def ok(name: str, says: str) -> Finding:
    """It is as it should be."""
    return Finding(name, Level.OK, says)


def warning(name: str, says: str, mend: str) -> Finding:
    """It works, and should not stay so."""
    return Finding(name, Level.WARNING, says, mend)


def failure(name: str, says: str, mend: str) -> Finding:
    """The terminal cannot do its work, or not safely."""
    return Finding(name, Level.FAILURE, says, mend)


def not_checked(name: str, why: str, mend: str = "") -> Finding:
    """It could not be looked at."""
    return Finding(name, Level.NOT_CHECKED, why, mend)


def exit_code(findings: Iterable[Finding]) -> int:
    """What the command ends with; nothing at all was found is no health."""
    levels = {finding.level for finding in findings}
    if Level.FAILURE in levels:
        return EXIT_FAILURE
    return EXIT_OK if levels == {Level.OK} else EXIT_WARNING
