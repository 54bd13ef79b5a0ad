"""The two daemons and a real broker, killed and restarted: at the end HQ has the ledger, once."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from hq.punches import Punches
from soaking.proxy import Proxy
from store.settings import load_settings
from sync.doctor import look
from sync.settings import Settings
from tests.hq.plant import Plant, copy_files
from tests.sync.made import NAMES, until


def punch_until_some_arrive(plant: Plant) -> None:
    """Leave with delivery in full swing."""
    before = len(plant.confirmed())

    def arriving() -> bool:
        plant.punch(20)
        return len(plant.confirmed()) > before

    until(arriving, "delivery has begun")


def test_a_punch_reaches_headquarters_and_the_terminal_learns_of_it(plant: Plant) -> None:
    hq, sync = plant.start_hq(), plant.start_sync()
    plant.punch(3)
    plant.until_delivered()
    punches = list(Punches(plant.database).read())
    assert [(p["seq"], p["person"]) for p in punches] == [(1, "N0"), (2, "4711"), (3, "N2")]
    assert all(p["receipt"] >= p["seq"] and p["received"] >= p["time"] for p in punches)
    settings = load_settings(plant.folder / "kiosk.toml", Settings)
    [receipt] = [line for line in look(settings, datetime.now(UTC)) if line.name == "receipt"]
    assert receipt.level == "ok", "beside the daemon, which stays connected"
    assert [line["event"] for line in sync.lines()].count("broker_connected") == 1
    assert (sync.stop(), hq.stop()) == (0, 0)
    assert sync.said("stopped")
    assert hq.said("stopped")
    assert plant.alarms() == []


def test_the_broker_may_be_down_at_the_start_and_the_ledger_not_there_yet(plant: Plant) -> None:
    plant.broker.stop()
    sync, hq = plant.start_sync(), plant.start_hq()
    until(lambda: sync.said("no_ledger_yet"), "sync waits for the ledger")
    plant.punch(2)
    until(lambda: sync.said("broker_unreachable"), "sync tries the broker")
    plant.broker.start()
    plant.until_delivered()
    assert sync.running
    assert hq.running


def test_a_broker_killed_in_the_middle_loses_nothing(plant: Plant) -> None:
    plant.start_hq()
    plant.start_sync()
    for forgets in (False, True, False, True):
        plant.punch(20)
        plant.broker.kill()
        plant.punch(20)
        if forgets:
            plant.broker.forget()
        plant.broker.start()
    plant.until_delivered()
    assert plant.alarms() == []


def test_sync_killed_in_the_middle_loses_nothing_and_repeats_no_harm(plant: Plant) -> None:
    plant.start_hq()
    for _ in range(4):
        sync = plant.start_sync()
        punch_until_some_arrive(plant)
        sync.kill()
    plant.start_sync()
    plant.until_delivered()
    assert plant.alarms() == []


def test_headquarters_killed_in_the_middle_loses_nothing(plant: Plant) -> None:
    plant.start_sync()
    for _ in range(3):
        hq = plant.start_hq()
        punch_until_some_arrive(plant)
        hq.kill()
    plant.start_hq()
    plant.until_delivered()
    assert plant.alarms() == []


def test_two_workers_store_everything_once_and_one_may_die(plant: Plant) -> None:
    first, second = plant.start_hq("one"), plant.start_hq("two")
    plant.start_sync()

    def both_have_worked() -> bool:
        plant.punch(3)
        return first.said("records") and second.said("records")

    until(both_have_worked, "both workers have worked")
    first.kill()
    plant.punch(50)
    plant.until_delivered()
    assert plant.alarms() == []


def test_a_headquarters_that_lost_its_database_gets_everything_again(plant: Plant) -> None:
    hq = plant.start_hq()
    plant.start_sync()
    plant.punch(150)
    plant.until_delivered()
    assert hq.stop() == 0
    plant.lose_database()
    plant.start_hq()
    plant.punch(1)
    plant.until_delivered()
    assert plant.alarms() == []


def test_a_terminal_from_an_old_backup_raises_the_alarm_and_changes_nothing(plant: Plant) -> None:
    plant.start_hq()
    sync = plant.start_sync()
    plant.punch(5)
    plant.until_delivered()
    assert sync.stop() == 0
    plant.close_ledger()
    copy_files(plant.folder / "data", plant.folder / "backup")
    sync = plant.start_sync()
    plant.punch(5)
    plant.until_delivered()
    truth = plant.confirmed()
    assert sync.stop() == 0
    plant.close_ledger()
    copy_files(plant.folder / "backup", plant.folder / "data")
    sync = plant.start_sync()
    plant.punch(7)  # other people, the same numbers
    until(lambda: ("fork", 6) in plant.alarms(), "the fork alarm")
    until(lambda: plant.status().get("fault") == "ledger_forked", "the status says so")
    assert plant.confirmed() == truth
    assert sync.running


def test_the_line_and_the_logs_hold_nobodys_number(plant: Plant) -> None:
    with Proxy(plant.broker.port, Random(1)) as line:
        hq, sync = plant.start_hq(port=line.port), plant.start_sync(port=line.port)
        plant.punch(20)
        plant.until_delivered()
        assert (sync.stop(), hq.stop()) == (0, 0)
        assert len(line.seen) > 10_000
        for secret in (*NAMES, "plant-1", "gate-a", "person"):
            assert secret.encode() not in line.seen
    for program in plant.programs:
        assert not any(name in program.text() for name in NAMES)
    for path in (plant.folder / "data").iterdir():
        assert NAMES[0].encode() not in path.read_bytes()
