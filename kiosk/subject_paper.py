"""The export of a person as pages to read: the same as its JSON, without the numbers of a face."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from kiosk.paper import Rows, Words
from kiosk.record_words import details

_NOTHING = "Nothing."
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def laid_out(whole: Mapping[str, Any]) -> Iterator[Words | Rows]:
    """The pages' content, from what `kiosk.subject.gather` gives."""
    terminal = whole["terminal"]
    document = _in_local_time(whole, ZoneInfo(terminal["zone"]))
    yield Words("title", f"What this terminal holds on number {document['number']}")
    yield Words(
        "paragraph",
        f"Terminal {terminal['site']}/{terminal['name']}, {document['made']}. Times are those of "
        f"{terminal['zone']}. subject.json has the same, and the numbers of the templates.",
    )
    yield from _person(document)
    yield from _face(document)
    yield from _badge_and_pin(document)
    yield from _records(document)
    yield from _elsewhere(document)


def _person(document: Mapping[str, Any]) -> Iterator[Words | Rows]:
    yield Words("heading", "Person")
    person = document["person"]
    if person is None:
        yield Words("paragraph", "Nobody has this number here any more; records are left.")
    else:
        shown = [(key.replace("_utc", "").replace("_", " "), _text(v)) for key, v in person.items()]
        shown.append(("roles", ", ".join(document["roles"]) or "none"))
        yield Rows(("what", "value"), shown, (1, 3))
    yield Words("heading", "Consents")
    yield Words("paragraph", f"The notice now is {document['notice']['current_version']}.")
    rows = [
        (
            consent["text_version"],
            consent["how"],
            _text(consent["witness"]),
            consent["given_utc"],
            "in force"
            if consent["ended_utc"] is None
            else f"{consent['ended_why']} {consent['ended_utc']}",
            consent["text_digest"],
        )
        for consent in document["consents"]
    ]
    columns = ("text", "how", "witness", "given", "ended", "SHA-256 of the text")
    yield from _table(columns, rows, (1, 1.4, 0.8, 1.3, 1.3, 1.6))


def _face(document: Mapping[str, Any]) -> Iterator[Words | Rows]:
    yield Words("heading", "Templates of the face")
    rows = [
        (t["made"], t["origin"], f"{t['quality']:.3f}", str(len(t["vector"])), t["model"])
        for t in document["templates"]
    ]
    columns = ("made", "from", "quality", "numbers", "model (SHA-256)")
    yield from _table(columns, rows, (1.5, 0.8, 0.7, 0.7, 2.6))
    yield Words("heading", "How well visits matched, by the week")
    weeks = [
        (week["week_from"], str(week["visits"]), f"{week['mean_score']:.3f}")
        for week in document["recognition_by_week"]
    ]
    yield from _table(("week from", "visits", "mean score (-1 to 1)"), weeks, (1, 1, 1))
    if document["renewal_asked"] is not None:
        yield Words(
            "paragraph", f"New photos have been asked for since {document['renewal_asked']}."
        )


def _badge_and_pin(document: Mapping[str, Any]) -> Iterator[Words | Rows]:
    yield Words("heading", "Badges and PIN")
    given = [badge["added_utc"] for badge in document["badges"]]
    pin = document["pin_set"]
    yield Words(
        "paragraph", f"Badges: {len(given)}{', given ' if given else ''}{', '.join(given)}."
    )
    yield Words("paragraph", "PIN: none." if pin is None else f"PIN: set {pin}.")
    yield Words("paragraph", f"Wrong tries in a row: {document['wrong_tries_in_a_row']}.")


def _records(document: Mapping[str, Any]) -> Iterator[Words | Rows]:
    yield Words("heading", "Records")
    rows = [
        (
            str(record["seq"]),
            record["time"] + ("" if record["clock_was_right"] else " (the clock was not sure)"),
            record["meaning"],
            details(record["body"]),
            "yes" if record["headquarters_has_it"] else "not yet",
        )
        for record in document["records"]
    ]
    columns = ("no.", "time", "what", "details", "at HQ")
    yield from _table(columns, rows, (0.5, 1.3, 1.5, 2.8, 0.6))
    waiting = [
        (note["meaning"], details(note["body"])) for note in document["not_yet_in_the_ledger"]
    ]
    if waiting:
        yield Words("heading", "Still to be written to the ledger")
        yield Rows(("what", "details"), waiting, (1, 2))
    parts = [
        (one["time"], one["meaning"], ", ".join(one["as"]).replace("_", " "))
        for one in document["parts_in_matters_of_others"]
    ]
    parts += [(one, "Agreed to the notice", "witness") for one in _seen(document)]
    if parts:
        yield Words("heading", "Parts in matters of others, who are not named here")
        yield Rows(("time", "what", "as"), parts, (1.3, 2, 1))


def _elsewhere(document: Mapping[str, Any]) -> Iterator[Words | Rows]:
    sent = document["sent"]
    yield Words("heading", "Where it went")
    yield Words(
        "paragraph",
        f"Headquarters has {sent['records_there']} of these records; {sent['records_still_to_go']} "
        f"are still to go. Name and templates: {sent['templates_and_name']}.",
    )
    backups = document["backups"]
    yield Words(
        "paragraph",
        f"Encrypted backups of the whole terminal: {len(backups)}{': ' if backups else ''}"
        f"{', '.join(backups)}.",
    )
    yield Words("heading", "How long it is kept, and why")
    kept = [(one["what"], str(one["days"]), one["ground"]) for one in document["kept"]]
    yield Rows(("what", "days", "ground"), kept, (1, 0.5, 4))


def _seen(document: Mapping[str, Any]) -> list[str]:
    """Witnessed consents whose record is pruned already: the others are among the records."""
    told = {one["time"] for one in document["parts_in_matters_of_others"] if "witness" in one["as"]}
    return [t for t in document["witnessed_consents_of_others"] if t not in told]


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[float]
) -> Iterator[Words | Rows]:
    yield Rows(columns, rows, widths) if rows else Words("paragraph", _NOTHING)


def _in_local_time(value: Any, zone: ZoneInfo) -> Any:
    """The same value with every UTC text in it as local time, with its offset."""
    if isinstance(value, dict):
        return {key: _in_local_time(one, zone) for key, one in value.items()}
    if isinstance(value, list):
        return [_in_local_time(one, zone) for one in value]
    if isinstance(value, str) and _UTC.fullmatch(value):
        return datetime.fromisoformat(value).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S %z")
    return value


def _text(value: object) -> str:
    return "-" if value is None else str(value)
