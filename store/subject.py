"""Everything that the two databases hold on one person, found by their number.

- `PARTS` names each table of the gallery that can hold something on somebody, and how it is found;
  `NOBODYS` are the tables that hold nothing on anybody for longer than it takes to work on it. A
  test holds that every table of the schemas is in one of them.
- Hashes of badges and PINs are not given out: they are secrets of the terminal. That there is one,
  and since when, is.
- Records about a person are `store.own_records`'; those in which they only had a part in another's
  matter (`Acted`) are found by going through the few kinds that can say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from store.database import Database, Value
from store.people import number_to_find
from store.records import COLUMNS, Record

Row = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Part:
    """A table, the columns that are given out, and the condition with the number as `?`."""

    columns: tuple[str, ...]
    where: str = "person = ?"


PARTS: Mapping[str, Part] = {
    "people": Part(
        ("number", "name", "language", "status", "added_utc", "keep_until_utc", "left_utc"),
        "number = ?",
    ),
    "roles": Part(("role",)),
    "consents": Part(
        ("text_version", "text_digest", "how", "witness", "given_utc", "ended_utc", "ended_why")
    ),
    "site_consents": Part(("text_version", "text_digest", "how", "witness", "given_utc")),
    "sharing": Part(("floor", "held", "came")),
    "templates": Part(("model", "quality_millionths", "made_utc", "origin", "vector")),
    "genuine": Part(("monday", "count", "total", "squares")),
    "renewals": Part(("since_utc",)),
    "badges": Part(("added_utc",)),
    "pins": Part(("set_utc",)),
    "attempts": Part(("failures",), "kind = 'person' AND subject = ?"),
    "notes": Part(("kind", "body", "time"), "json_extract(body, '$.person') = ?"),
}

# Bookkeeping; documents to and from headquarters (inbox, replies), deleted once they are done with.
NOBODYS: Mapping[str, frozenset[str]] = {
    "gallery": frozenset({"erasure", "protection", "gallery_clock", "last_order"}),
    "ledger": frozenset(
        {
            "owner",
            "receipt",
            "inbox",
            "replies",
            "replay",
            "last_command",
            "pruned",
            "settled",
            "erasure",
            "provisional",
            "resumptions",
            "renewal",
        }
    ),
}

# The fields of records that name somebody else than the person whom the record is about, and the
# kinds that have them.
ACTING = ("witness", "by", "approved_by")
ACTING_KINDS = (
    "consent",
    "site_consent",
    "templates_received",
    "enrolment",
    "correction",
    "answer",
)

_KEPT = "seq > coalesce((SELECT seq FROM pruned), 0)"


@dataclass(frozen=True, slots=True)
class Acted:
    """A record about somebody else in which the person had a part: as which of `ACTING`."""

    record: Record
    parts: tuple[str, ...]


def held(gallery: Database, number: str) -> dict[str, list[Row]]:
    """The rows of every table of `PARTS` on a person; an empty list where there are none."""
    found = {}
    for table, part in PARTS.items():
        query = f"SELECT {', '.join(part.columns)} FROM {table} WHERE {part.where}"  # noqa: S608
        parameters = (number_to_find(number),)
        rows = gallery.rows(query, parameters, lambda *row: row)
        found[table] = [dict(zip(part.columns, row, strict=True)) for row in rows]
    return found


def witnessed(gallery: Database, number: str) -> list[str]:
    """When the person witnessed consents of others, as UTC text, oldest first."""
    return gallery.rows(
        "SELECT given_utc FROM consents WHERE witness = ?1 AND person <> ?1 UNION ALL "
        "SELECT given_utc FROM site_consents WHERE witness = ?1 AND person <> ?1 ORDER BY 1",
        (number_to_find(number),),
        str,
    )


def records_acted(ledger: Database, number: str) -> list[Acted]:
    """The records about others in which the person had a part, oldest first."""
    kinds = ", ".join("?" * len(ACTING_KINDS))
    rows = ledger.rows(
        f"SELECT {COLUMNS} FROM records WHERE kind IN ({kinds}) AND {_KEPT} "  # noqa: S608
        "ORDER BY seq",
        ACTING_KINDS,
        Record,
    )
    number = number_to_find(number)
    found = []
    for record in rows:
        body = record.content().body
        parts = tuple(field for field in ACTING if body.get(field) == number)
        if parts and body.get("person") != number:
            found.append(Acted(record, parts))
    return found
