"""What a supervisor has to look at on the screen: failed faces, declared punches, open disputes."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from kiosk.own_records import MyRecords
from kiosk.screen.requests import Oversight, OversightLine
from kiosk.stores import Stores
from store.noted import newest_noted
from store.records import DeclaredPunch, Dispute, FaceFailed, Record

_MOST = 50  # lines; more than a screen shows are not read
_AMONG = 200  # newest of a kind; more do not wait where somebody answers


def oversight(stores: Stores, mine: MyRecords, zone: ZoneInfo) -> Oversight:
    """The newest of them; what headquarters has answered is not among them."""
    asked = [
        record
        for kind in (DeclaredPunch.kind, Dispute.kind)
        for record in newest_noted(stores.ledger_db, kind, _AMONG)
    ]
    people = {str(record.content().body["person"]) for record in asked}
    waiting = {one.id for person in people for one in mine.asked(person) if one.state == "open"}
    shown = [record for record in asked if record.id in waiting]
    shown += newest_noted(stores.ledger_db, FaceFailed.kind, _MOST)
    shown.sort(key=lambda record: record.seq, reverse=True)
    return Oversight(lines=tuple(_line(record, zone) for record in shown[:_MOST]))


def _line(record: Record, zone: ZoneInfo) -> OversightLine:
    content = record.content()
    at = _local(content.time.utc, zone)
    match content.known_body():
        case FaceFailed(reason=reason):
            return OversightLine(at=at, what="face_failed", detail=reason)
        case DeclaredPunch(person=person, direction=direction):
            return OversightLine(at=at, what="declared", number=person, detail=direction)
        case Dispute(person=person, claim=claim):
            return OversightLine(at=at, what="dispute", number=person, detail=claim)
        case _:
            raise TypeError(f"a record of kind {record.kind}")


def _local(utc: datetime, zone: ZoneInfo) -> str:
    return f"{utc.astimezone(zone):%Y-%m-%d %H:%M}"
