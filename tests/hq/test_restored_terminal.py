"""New hardware from a backup that is older than what headquarters has."""

from __future__ import annotations

import json

import pyrage

from hq.reports import Reader
from kiosk.backup import bring_back, make_backup
from kiosk.orders import obey
from kiosk.overrides import Overrides
from kiosk.settings import load
from kiosk.station import Station
from kiosk.stores import open_stores
from store.age_file import Identities
from store.records import Punch
from tests.hq.plant import Plant
from tests.kiosk.made import now
from tests.sync.made import until


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
    with open_stores(load(config)) as stores:
        backup = make_backup(stores, load(config), config, now())
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
        plant.start_sync()

        def resumed() -> bool:
            obey(stores, station, now())
            return stores.ledger.provisional() is None

        until(resumed, "headquarters' receipt has come")
        stores.ledger.append(Punch(person="1", method="face"), now())
        head = stores.ledger.head()
        until(lambda: plant.confirmed()[-1:] == [head.hash.hex()], "everything at headquarters")
        written = stores.ledger.records(last_number, 100)
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
