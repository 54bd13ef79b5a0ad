"""A person's month, a terminal each: what counts, and whether they confirmed just that.

- An employee confirms at a terminal what this terminal has. The digest is the SHA-256 of the ids of
  the punches that count, by their time, joined by newlines; it is reckoned here once more.
- A punch is of the month of its local time. One whose time is not known is of none.
"""

from __future__ import annotations

import hashlib
import re

from hq.database import Database
from hq.errors import DecisionError
from hq.punches import Punches
from hq.reports import Line, lines_of_person, terminals_of_person


def month_lines(database: Database, person: str, month: str) -> list[Line]:
    """One line for each terminal where the person has punches or confirmed, by its name.

    `confirmed` is when the newest confirmation was recorded, `holds` whether what was confirmed is
    what counts now. Raises DecisionError for what is no month (YYYY-MM).
    """
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month) is None:
        raise DecisionError(f"{month}: no month, as 2026-11")
    with database.read() as connection:
        terminals = terminals_of_person(connection, person)
        said = lines_of_person(connection, person, "month_confirmed")
    confirmed = {
        (one["site"], one["terminal"]): one for one in said if one["data"]["body"]["month"] == month
    }
    punches: dict[tuple[str, str], list[Line]] = {place: [] for place in confirmed}
    for line in Punches(database, terminals).read():
        if line["person"] == person and line["counts"] and (line["local"] or "")[:7] == month:
            punches.setdefault((line["site"], line["terminal"]), []).append(line)
    return [
        _month(month, place, sorted(found, key=lambda one: (one["time"], one["seq"])), confirmed)
        for place, found in sorted(punches.items())
    ]


def _month(
    month: str,
    place: tuple[str, str],
    punches: list[Line],
    confirmed: dict[tuple[str, str], Line],
) -> Line:
    digest = hashlib.sha256("\n".join(one["id"] for one in punches).encode()).hexdigest()
    said = confirmed.get(place)
    return {
        "site": place[0],
        "terminal": place[1],
        "month": month,
        "punches": punches,
        "digest": digest,
        "confirmed": None if said is None else said["data"]["time"]["utc"],
        "holds": said is not None and said["data"]["body"]["digest"] == digest,
    }
