"""A Pi without a clock chip that boots in 1970 still takes punches, and HQ gets them right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hq.punches import Punches
from kiosk.settings import Settings
from kiosk.stores import Stores, open_stores
from kiosk.watchman import Watchman
from store.machine import Health
from store.records import Punch
from store.settings import HqSection, StoreSection
from tests.hq.pi import PiClock
from tests.hq.plant import TERMINAL, Plant
from tests.sync.made import until

HOUR = timedelta(hours=1)


class Door:
    """The daemon's part: look at the clocks, then write the punch."""

    def __init__(self, settings: Settings, stores: Stores, clock: PiClock) -> None:
        self._settings, self._stores, self._clock = settings, stores, clock
        self.truth: dict[str, datetime] = {}
        self.start()

    def start(self) -> None:
        self._watchman = Watchman(self._settings, self._stores, Health)

    def punch(self, person: str, after_s: float = 61.25) -> None:
        self._clock.pass_s(after_s)
        self._watchman.keep_time(self._clock.now())
        self._stores.ledger.append(Punch(person=person, method="badge"), self._clock.now())
        self.truth[person] = self._clock.truth

    def look(self, after_s: float = 1.0) -> None:
        self._clock.pass_s(after_s)
        self._watchman.keep_time(self._clock.now())


def test_punches_of_1970_are_right_after_the_first_synchronisation(plant: Plant) -> None:
    settings = Settings(
        terminal=TERMINAL,
        store=StoreSection(directory=plant.folder / "data", keys=plant.folder / "keys"),
        hq=HqSection(public_key=plant.folder / "hq-keys" / "hq.pub"),
    )
    clock = PiClock(datetime.now(UTC) - timedelta(days=3))
    plant.start_hq()
    with open_stores(settings) as stores:
        plant.start_sync()
        punches, door = Punches(plant.database), Door(settings, stores, clock)

        def delivered() -> bool:
            return plant.status().get("confirmed") == stores.ledger.head().seq

        door.punch("early")
        door.punch("crash")
        until(delivered, "what was recorded before the clock was right")
        early, crash = punches.read()
        for line in (early, crash):
            assert (line["time"], line["sure"], line["settled"]) == (None, "bounded", False)
            assert line["recorded"].startswith("1970-01-01T00:0")

        door.start()  # kiosk was killed and is back, the boot is the same
        clock.synchronise()
        door.look()
        door.punch("sure")
        clock.set_to(clock.truth - 5 * HOUR)  # while it runs, by somebody's hand
        door.look()
        door.punch("stepped")
        clock.power_up(off=2 * HOUR)
        door.start()
        door.punch("lost")
        clock.power_up(off=HOUR)  # and power was gone before NTP came
        door.start()
        door.punch("again")
        clock.synchronise()
        door.look()
        until(delivered, "everything")
        kinds = [record.kind for record in stores.ledger.records(0, 20)]
        told = list(punches.read())

    assert kinds.count("time_correction") == 3
    corrected = {line["seq"]: line for line in told if line["corrects"]}
    assert corrected.keys() == {early["seq"], crash["seq"]}
    assert corrected[early["seq"]]["id"] == early["id"]
    by_person = {line["person"]: line for line in told}
    for person, sure in [
        ("early", "corrected"),
        ("crash", "corrected"),
        ("sure", "synchronised"),
        ("stepped", "corrected"),
        ("again", "corrected"),
    ]:
        line = by_person[person]
        off = datetime.fromisoformat(line["time"]) - door.truth[person]
        assert abs(off) < timedelta(milliseconds=1), person
        assert (line["sure"], line["settled"]) == (sure, True)
        assert line["error_ms"] <= 100
    assert by_person["early"]["recorded"] == "1970-01-01T00:01:01.250000Z"
    assert by_person["stepped"]["recorded"] < by_person["sure"]["recorded"]

    lost = by_person["lost"]
    earliest, latest = (datetime.fromisoformat(lost[bound]) for bound in ("earliest", "latest"))
    assert (lost["time"], lost["sure"], lost["settled"]) == (None, "bounded", True)
    assert earliest <= door.truth["lost"] <= latest
    # Power was off for three hours: that is all that is not known of it
    assert latest - earliest < 3 * HOUR + timedelta(seconds=1)
    assert list(Punches(plant.database).read()) == sorted(
        ({**line, "corrects": None} for line in told), key=lambda line: line["seq"]
    )
