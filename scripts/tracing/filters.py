"""What a unit's SystemCallFilter= lets through, by systemd's own list of groups."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

# Made, not allowed, and done without: a refused call gets EPERM (SystemCallErrorNumber=).
REFUSED = {
    "mbind": "OpenBLAS spreads its buffers over NUMA nodes, of which a terminal has one",
    "fchown": "SQLite keeps the owner of side files, only when it is root, as while traced",
}


def filter_of(unit: Path) -> list[str]:
    """The words of the unit's SystemCallFilter= lines, in order; a leading `~` takes away."""
    words: list[str] = []
    for line in unit.read_text().splitlines():
        if line.startswith("SystemCallFilter="):
            listed = line.removeprefix("SystemCallFilter=").split()
            taken_away = bool(listed) and listed[0].startswith("~")
            names = (word.removeprefix("~") for word in listed)
            words += [f"~{name}" if taken_away else name for name in names]
    return words


def allowed(words: list[str]) -> set[str]:
    """The calls that the words allow, read as systemd does: from left to right."""
    calls: set[str] = set()
    for word in words:
        if word.startswith("~"):
            calls -= _calls(word[1:])
        else:
            calls |= _calls(word)
    return calls


@cache
def _calls(word: str) -> frozenset[str]:
    if not word.startswith("@"):
        return frozenset({word.partition(":")[0]})
    listed = subprocess.run(
        ["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True
    ).stdout
    found: set[str] = set()
    for line in listed.splitlines()[1:]:
        name = line.strip()
        if name and not name.startswith("#"):
            found |= _calls(name)
    return frozenset(found)
