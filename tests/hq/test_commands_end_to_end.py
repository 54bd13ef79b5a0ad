"""A command from the command line's queue through broker and terminal, and its reply back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hq.commands import command_lines, send
from hq.keys import load_key
from hq.reports import Reader
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import Settings
from kiosk.station import Station
from kiosk.stores import open_stores
from store.settings import HqSection, StoreSection
from tests.hq.plant import TERMINAL, Plant
from tests.sync.made import instant, until


def terminal(folder: Path) -> Settings:
    return Settings(
        terminal=TERMINAL,
        store=StoreSection(directory=folder / "data", keys=folder / "keys"),
        hq=HqSection(public_key=folder / "hq-keys" / "hq.pub"),
    )


def test_commands_reach_the_terminal_are_done_once_and_answered(plant: Plant) -> None:
    plant.start_hq()
    plant.start_sync()
    plant.punch(1)
    plant.until_delivered()
    plant.close_ledger()
    settings = terminal(plant.folder)
    station = Station(settings, Overrides(settings))
    key = load_key(plant.folder / "hq-keys" / "hq.key")
    now = datetime.now(UTC)
    one = {"number": "4711", "name": "Erika Mustermann"}
    for type, arguments in (("upsert_employee", one), ("erase", {"number": "4711"})):
        send(plant.database, key, "plant-1", type, arguments, now, now + timedelta(hours=1))
    with open_stores(settings) as stores:
        until(lambda: len(stores.delivery.inbox(9)) == 2, "both commands before kiosk")
        obey(stores, station, instant(datetime.now(UTC)))
        assert stores.gallery.people() == []

        def answered() -> bool:
            lines = command_lines(plant.database, datetime.now(UTC))
            return [line["detail"] for line in lines] == ["added", "0 templates deleted"]

        until(answered, "both replies at headquarters")
        assert station.refused == {}
    plant.until_delivered()
    kinds = [line["kind"] for line in Reader(plant.database).read()]
    assert kinds == ["punch", "person_entry", "command_done", "deletion", "command_done"]
    assert plant.alarms() == []
