"""What a supervisor has to look at on the screen: failed faces, declared punches, open disputes."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from kiosk.own_records import MyRecords
from kiosk.screen.requests import Oversight, OversightLine
from kiosk.stores import Stores
from store.records import DeclaredPunch, Dispute, FaceFailed, Record

_WITHIN = 20_000  # newest records: some weeks of a busy door, read in a tenth of a second
_MOST = 50  # lines; more than a screen shows are not read


def oversight(stores: Stores, mine: MyRecords, zone: ZoneInfo) -> Oversight:
    """The newest of them; what headquarters has answered is not among them."""
    kinds = (FaceFailed.kind, DeclaredPunch.kind, Dispute.kind)
    records = stores.ledger.newest_of(kinds, _MOST, within=_WITHIN)
    people = {str(r.content().body["person"]) for r in records if r.kind != FaceFailed.kind}
    waiting = {one.id for person in people for one in mine.asked(person) if one.state == "open"}
    shown = [r for r in records if r.kind == FaceFailed.kind or r.id in waiting]
    return Oversight(lines=tuple(_line(record, zone) for record in shown))


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
