"""`--bundle`: what support needs, without anything of a person.

- Nothing is copied and then cleaned: what goes in is made here from what cannot be personal, as
  counts, codes, versions, flags and numbers of the settings. Texts of the settings are said to be
  set, not shown; of the journal the names of events are counted, and only those that look like one.
- The file is new (nothing is replaced), whole or absent, and readable by its owner only.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kiosk.doctor.finding import Finding
from kiosk.doctor.ledger import Said
from kiosk.doctor.machine import Machine
from kiosk.doctor.report import document
from store.files import disk_error, place, unoccupied

_UNITS = ("kiosk", "kiosk-sync", "kiosk-retention", "kiosk-backup")
_LINES = "5000"  # of the journal: some days of a door that is used
_EVENT = re.compile(r"[a-z][a-z_]{2,39}")
_LEVELS = ("debug", "info", "warning", "error", "critical")


def write(
    path: Path,
    findings: Sequence[Finding],
    settings: BaseModel | None,
    said: Said | None,
    machine: Machine,
) -> None:
    """Make the bundle. Raises `store.errors.OccupiedError` and `StorageError`."""
    parts = {
        "doctor.json": document([impersonal(finding) for finding in findings]),
        "settings.json": None if settings is None else shape(settings.model_dump(mode="json")),
        "ledger.json": None
        if said is None
        else {
            "faults": sorted(said.faults),
            "records": dict(said.kinds),
            "versions": said.boot.versions if said.boot else None,
            "models": said.boot.models if said.boot else None,
        },
        "journal.json": {unit: events(machine, unit) for unit in _UNITS},
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in parts.items():
            raw = json.dumps(content, indent=2, sort_keys=True).encode()
            member = tarfile.TarInfo(f"kiosk-doctor/{name}")
            member.size, member.mtime = len(raw), int(machine.now().timestamp())
            archive.addfile(member, io.BytesIO(raw))
    unoccupied(path)
    with disk_error(path):
        place(path, gzip.compress(packed.getvalue()), 0o600)


def impersonal(finding: Finding) -> Finding:
    """A mistake in the settings shows its value, which may be anything: it is left out."""
    if finding.name != "settings":
        return finding
    return Finding(finding.name, finding.level, "(left out)", "")


def shape(value: Any) -> Any:
    """Settings with their numbers and flags; of texts and lists only whether they are set."""
    if isinstance(value, Mapping):
        return {key if _EVENT.fullmatch(key) else "(key)": shape(v) for key, v in value.items()}
    if value is None or isinstance(value, bool | int | float):
        return value
    return f"({len(value)} entries)" if isinstance(value, list) else "(set)" if value else ""


def events(machine: Machine, unit: str) -> dict[str, int] | None:
    """How often each event was logged of late; None where there is no journal to be had."""
    answer = machine.run(["journalctl", "-u", unit, "-o", "cat", "-n", _LINES, "--no-pager"])
    if answer is None or answer.code != 0:
        return None
    counts: Counter[str] = Counter()
    for line in answer.out.splitlines():
        try:
            parsed = json.loads(line)
        except (ValueError, RecursionError):
            continue  # systemd's own lines
        if not isinstance(parsed, dict):
            continue
        event, level = str(parsed.get("event")), str(parsed.get("level"))
        if _EVENT.fullmatch(event) and level in _LEVELS:
            counts[f"{level} {event}"] += 1
    return dict(counts)
