"""A dispute from the terminal to headquarters and the answer back, over a real broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hq.decisions import QUESTIONS, Decision, answer, question_lines
from hq.keys import load_key
from hq.months import month_lines
from hq.punches import Punches
from kiosk.local_days import local_day
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.own_records import my_records
from kiosk.station import Station
from kiosk.stores import open_stores
from store.records import DeclaredPunch, Punch
from tests.hq.plant import Plant
from tests.hq.test_commands_end_to_end import terminal
from tests.sync.made import instant, until

ME = "4711"


def test_a_dispute_and_a_declared_punch_are_answered_and_shown_to_the_employee(
    plant: Plant,
) -> None:
    plant.start_hq()
    plant.start_sync()
    settings, now = terminal(plant.folder), datetime.now(UTC)
    at, eight = instant(now), now - timedelta(hours=1)
    key = load_key(plant.folder / "hq-keys" / "hq.key")
    station = Station(settings, Overrides(settings))
    with open_stores(settings) as stores:
        mine = my_records(stores, settings)
        before = now.replace(day=1, hour=12) - timedelta(days=1)  # in the month before
        for hours in (0, 4):
            punch = Punch(person=ME, method="badge")
            stores.ledger.append(punch, instant(before + timedelta(hours=hours)))
        seen = mine.month(ME, f"{before:%Y-%m}", at)
        assert mine.confirm_month(ME, seen.month, seen.digest, at) is not None
        nine = stores.ledger.append(Punch(person=ME, method="badge", direction="in"), at)
        declared = stores.ledger.append(DeclaredPunch(person=ME, direction="out"), at)
        day = local_day(now, ZoneInfo(settings.terminal.zone))
        dispute = mine.dispute(
            ME, day, "wrong_time", "I was here at 8", at, about=nine.id, should_be=eight
        )

        def open_questions() -> list[str]:
            return [line["id"] for line in question_lines(plant.database, QUESTIONS, now, False)]

        until(lambda: len(open_questions()) == 2, "both questions at headquarters")
        decision = Decision(by="7", approved_by="8", why="the gate was shut")
        for record_id in open_questions():
            expires = now + timedelta(hours=1)
            answer(plant.database, key, record_id, "approved", decision, False, now, expires)
        until(lambda: len(stores.delivery.inbox(9)) == 2, "both commands before kiosk")
        obey(stores, station, at)
        assert {(one.id, one.state) for one in mine.asked(ME)} == {
            (dispute.id, "approved"),
            (declared.id, "approved"),
        }
        shown = [
            (entry.stands.utc, entry.stands.direction, entry.added)
            for when in (eight, now)
            for entry in mine.day(ME, local_day(when, ZoneInfo(settings.terminal.zone)), at).entries
        ]
        assert (eight, "in", False) in shown
        assert (now, "out", True) in shown
        until(lambda: open_questions() == [], "both answers at headquarters")
    plant.until_delivered()
    counted = {line["direction"]: line["time"] for line in Punches(plant.database).read()}
    assert datetime.fromisoformat(counted["in"]) == eight
    assert datetime.fromisoformat(counted["out"]) == now
    [month] = month_lines(plant.database, ME, seen.month)
    assert (len(month["punches"]), month["digest"], month["holds"]) == (2, seen.digest, True)
    assert plant.alarms() == []
