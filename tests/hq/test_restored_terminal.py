"""New hardware from a backup that is older than what headquarters has: nobody comes back."""

from __future__ import annotations

import json

import pyrage

from hq.commands import command_lines
from hq.reports import Reader
from kiosk.backup import bring_back, make_backup
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import load
from kiosk.station import Station
from kiosk.stores import Stores, open_stores
from store.age_file import Identities
from store.records import Punch
from store.register import Agreement
from tests.hq.plant import Plant
from tests.kiosk.made import now
from tests.store.made import MODEL, vector
from tests.sync.made import until

AGREED = Agreement("1", "ef" * 32, "signed")


def templates(stores: Stores) -> dict[str, int]:
    """How many templates are there of whom."""
    return {
        person.number: person.templates for person in stores.gallery.people() if person.templates
    }


def test_a_restored_terminal_and_headquarters_agree_on_the_next_number(plant: Plant) -> None:
    identity = pyrage.x25519.Identity.generate()
    (plant.folder / "operator.key").write_text(str(identity))
    (plant.folder / "stick").mkdir()
    config = plant.folder / "door.toml"
    config.write_text(
        '[terminal]\nsite = "plant-1"\nname = "gate-a"\nzone = "Europe/Berlin"\n'
        '[store]\ndirectory = "data"\nkeys = "keys"\n[hq]\npublic_key = "hq-keys/hq.pub"\n'
        f'[backup]\ndirectory = "stick"\nrecipients = ["{identity.to_public()}"]\n'
    )
    hq, sync = plant.start_hq(), plant.start_sync()
    plant.punch(5)
    plant.until_delivered()
    plant.close_ledger()
    with open_stores(load(config)) as stores:
        for person in ("1", "2"):
            template = (vector(int(person)), 900_000, now())
            stores.register.enrol(
                person, "N", "en", AGREED, MODEL, [template], now(), protection=stores.protection.id
            )
        backup = make_backup(stores, load(config), config, now())
        stores.register.withdraw("2", now())
    plant.punch(4)
    plant.until_delivered()
    before = plant.confirmed()
    last_number = plant.ledger.head().seq
    assert sync.stop() == 0
    plant.close_ledger()
    for lost in ("data", "keys"):
        (plant.folder / lost).rename(plant.folder / f"{lost}-lost")

    identities = Identities(plant.folder / "operator.key")
    bring_back(backup.path, identities, config, now())
    station = Station(load(config), Overrides(load(config)))
    with open_stores(load(config)) as stores:
        taken = [stores.ledger.append(Punch(person="1", method="face"), now()) for _ in range(3)]
        assert stores.ledger.provisional() == "restored"
        assert templates(stores) == {"1": 1, "2": 1}  # the backup brought it back
        plant.start_sync()

        def resumed() -> bool:
            obey(stores, station, now())
            return stores.ledger.provisional() is None

        until(resumed, "headquarters' receipt has come")

        def gone() -> bool:
            obey(stores, station, now())
            return templates(stores) == {"1": 1}

        until(gone, "headquarters repeats the withdrawal")
        stores.ledger.append(Punch(person="1", method="face"), now())
        head = stores.ledger.head()
        until(lambda: plant.confirmed()[-1:] == [head.hash.hex()], "everything at headquarters")
        written = stores.ledger.records(last_number, 100)

        def answered() -> bool:
            lines = command_lines(plant.database, now().utc)
            return [(line["type"], line["state"]) for line in lines] == [("withdraw", "done")]

        until(answered, "the reply at headquarters")
    lines = list(Reader(plant.database).read())
    numbers = [line["seq"] for line in lines]
    assert plant.confirmed()[: len(before)] == before  # nothing that headquarters had is replaced
    assert len(set(numbers)) == len(numbers)
    assert numbers[-1] == head.seq  # both go on with the same number
    arrived = [json.loads(record.payload)["id"] for record in written]
    assert {record.id for record in taken} <= set(arrived)
    assert len(set(arrived)) == len(arrived)
    assert {record.hash.hex() for record in written} <= set(plant.confirmed())
    assert [what for what, _ in plant.alarms()] == [
        "skipped"
    ]  # the resumption, which somebody sees
    assert hq.running
