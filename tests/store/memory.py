"""Searches the memory of another process, as whoever is root could."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path


def forms(key: bytes) -> dict[str, bytes]:
    """The forms in which a key may lie about."""
    return {
        "raw": key,
        "hex": key.hex().encode(),
        "HEX": key.hex().upper().encode(),
        "base64": base64.b64encode(key).rstrip(b"="),
    }


def _regions(pid: int) -> Iterator[bytes]:
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            where, rights, *_ = line.split()
            if not rights.startswith("rw"):
                continue
            first, last = (int(edge, 16) for edge in where.split("-"))
            try:
                memory.seek(first)
                yield memory.read(last - first)
            except (OSError, OverflowError):  # not to be read: [vvar] and the like
                continue


def copies(pid: int, key: bytes) -> dict[str, int]:
    """How many copies of each form of the key are in the process's writable memory."""
    found = dict.fromkeys(forms(key), 0)
    for region in _regions(pid):
        for form, needle in forms(key).items():
            found[form] += region.count(needle)
    return found
