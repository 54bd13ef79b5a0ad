"""Everything that the terminal holds on one person, to hand out: as a JSON value and as files.

- The export is a record (`subject_export`), written first: an export without its record cannot be,
  and the record is in the export.
- The JSON is whole: templates with their vectors, every record with its body. The PDF says the same
  for people, without the vectors. Hashes of badge and PIN are in neither (`store.subject`).
- A matter of somebody else in which the person had a part is named by its kind and time only. Who
  witnessed, entered or approved what is the person's own stands in their records, and stays.
- Files are readable by their owner alone (0600), in a folder of their own; none is overwritten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast  # a STRICT table's column has its type

import numpy as np

from kiosk.confirmed import confirmed_head
from kiosk.paper import pdf
from kiosk.record_words import meaning
from kiosk.settings import Settings
from kiosk.stores import Stores
from kiosk.subject_paper import laid_out
from store.backup_files import made_here
from store.errors import UnknownPersonError
from store.files import disk_error, place, unoccupied
from store.own_records import OwnRecords
from store.records import Instant, Record, SubjectExport, TemplatesGiven, person_number, utc_text
from store.subject import Acted, Row, held, records_acted, witnessed

_JSON, _PDF = "subject.json", "subject.pdf"


@dataclass(frozen=True, slots=True)
class Exported:
    """The files that were written, and how many records about the person are in them."""

    files: tuple[Path, ...]
    records: int


def export(stores: Stores, settings: Settings, number: str, folder: Path, now: Instant) -> Exported:
    """Write `subject.json` and `subject.pdf` into `folder`, which is made if need be.

    Also for somebody of whom only records are left. Raises `UnknownPersonError` when nothing at all
    is held, `InvalidValueError`, `OccupiedError`, `StorageError`.
    """
    number = person_number(number)
    targets = (folder / _JSON, folder / _PDF)
    for target in targets:
        unoccupied(target)
    if not anything(stores, number):
        raise UnknownPersonError("nothing is held here under this number; nothing was written")
    with disk_error(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stores.ledger.append(SubjectExport(person=number), now)
    document = gather(stores, settings, number, now)
    paper = pdf("What this terminal holds on a person", "en", laid_out(document))
    whole = json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8")
    for target, content in zip(targets, (whole, paper), strict=True):
        with disk_error(target):
            place(target, content)
    return Exported(targets, len(document["records"]))


def anything(stores: Stores, number: str) -> bool:
    """Whether anything is held under this number."""
    return bool(
        any(held(stores.gallery_db, number).values())
        or OwnRecords(stores.ledger_db).everything(number)
        or records_acted(stores.ledger_db, number)
        or witnessed(stores.gallery_db, number)
    )


def gather(stores: Stores, settings: Settings, number: str, now: Instant) -> dict[str, Any]:
    """Everything as a JSON value; times are UTC text."""
    rows = held(stores.gallery_db, number)
    head = confirmed_head(stores, settings.terminal)
    confirmed = 0 if head is None else head.seq
    records = OwnRecords(stores.ledger_db).everything(number)
    acted = records_acted(stores.ledger_db, number)
    there = settings.terminal
    return {
        "made": utc_text(now.utc),
        "terminal": {"site": there.site, "name": there.name, "zone": there.zone},
        "number": number,
        "person": next(iter(rows["people"]), None),
        "roles": [row["role"] for row in rows["roles"]],
        "consents": rows["consents"],
        "site_consents": rows["site_consents"],
        "sharing_with_other_terminals": rows["sharing"],
        "notice": {"current_version": stores.notices.version},
        "templates": [_template(row, stores.templates.protection()) for row in rows["templates"]],
        "recognition_by_week": [_week(row) for row in rows["genuine"]],
        "renewal_asked": _only(rows["renewals"], "since_utc"),
        "badges": rows["badges"],
        "pin_set": _only(rows["pins"], "set_utc"),
        "wrong_tries_in_a_row": _only(rows["attempts"], "failures") or 0,
        "not_yet_in_the_ledger": [_note(row) for row in rows["notes"]],
        "witnessed_consents_of_others": witnessed(stores.gallery_db, number),
        "records": [_record(record, confirmed) for record in records],
        "parts_in_matters_of_others": [_part(one) for one in acted],
        "sent": _sent(records, acted, confirmed),
        "backups": _backups(settings),
        "kept": [
            {"what": subject, "days": policy.days, "ground": policy.ground}
            for subject, policy in settings.retention.policies().items()
        ],
    }


def _template(row: Row, protection: str | None) -> dict[str, object]:
    vector = np.frombuffer(cast(bytes, row["vector"]), dtype="<f4")
    return {
        "model": row["model"],
        "quality": cast(int, row["quality_millionths"]) / 1e6,
        "made": row["made_utc"],
        "origin": row["origin"],
        "protected_by": protection,
        "vector": [float(number) for number in vector],
    }


def _week(row: Row) -> dict[str, object]:
    count, total = cast(int, row["count"]), cast(int, row["total"])
    return {
        "week_from": row["monday"],
        "visits": count,
        "mean_score": round(total / count / 1e6, 6),
        "sum_of_squares": row["squares"],
    }


def _note(row: Row) -> dict[str, object]:
    kind = str(row["kind"])
    return {"kind": kind, "meaning": meaning(kind), "body": json.loads(str(row["body"]))}


def _record(record: Record, confirmed: int) -> dict[str, object]:
    content = record.content()
    return {
        "seq": record.seq,
        "id": record.id,
        "kind": record.kind,
        "meaning": meaning(record.kind),
        "time": utc_text(content.time.utc),
        "zone": content.time.zone,
        "clock_was_right": content.time.synchronised,
        "headquarters_has_it": record.seq <= confirmed,
        "body": content.body,
    }


def _part(one: Acted) -> dict[str, object]:
    return {
        "kind": one.record.kind,
        "meaning": meaning(one.record.kind),
        "time": utc_text(one.record.content().time.utc),
        "as": list(one.parts),
    }


def _sent(records: Sequence[Record], acted: Sequence[Acted], confirmed: int) -> dict[str, object]:
    numbers = [record.seq for record in records] + [one.record.seq for one in acted]
    arrived = sum(number <= confirmed for number in numbers)
    given = any(record.kind == TemplatesGiven.kind for record in records)
    return {
        "to": "headquarters",
        "headquarters_has_up_to": confirmed,
        "records_there": arrived,
        "records_still_to_go": len(numbers) - arrived,
        "templates_and_name": "sealed for other terminals" if given else "never sent",
    }


def _backups(settings: Settings) -> list[str]:
    """The encrypted backups beside this terminal; each may hold the same once more."""
    if settings.backup is None:
        return []
    stem = f"{settings.terminal.site}.{settings.terminal.name}"
    return [path.name for path in made_here(settings.backup.directory, stem)]


def _only(rows: Sequence[Row], column: str) -> object:
    return rows[0][column] if rows else None
