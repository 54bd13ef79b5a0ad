"""A line that misbehaves between the terminal and a real broker: HQ still ends with the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random

import pytest

from soaking.misfortunes import MISFORTUNES, Misfortune, cut_in_a_packet, double, drop, stall
from soaking.proxy import Proxy
from tests.hq.plant import Plant
from tests.sync.made import until


def moved(line: Proxy, plant: Plant) -> Callable[[], bool]:
    """Something has happened on the line, or all is delivered."""
    before = len(line.seen)
    return lambda: len(line.seen) > before + 2000 or plant.confirmed() == plant.recorded()


def test_every_kind_of_trouble_one_after_the_other(plant: Plant) -> None:
    with Proxy(plant.broker.port, Random(1)) as line:
        plant.start_hq()
        plant.start_sync(port=line.port)
        plant.punch(10)
        plant.until_delivered()
        for misfortune in MISFORTUNES:
            misfortune(line)
            plant.punch(60)
            if misfortune not in (stall, drop):
                until(moved(line, plant), f"something moves in spite of {misfortune.__name__}")
            line.heal()
            plant.until_delivered()
        assert plant.alarms() == []


@pytest.mark.parametrize(
    "misfortunes",
    [(cut_in_a_packet, double, drop), pytest.param(MISFORTUNES, marks=pytest.mark.soak)],
)
def test_headquarters_line_may_break_too(plant: Plant, misfortunes: tuple[Misfortune, ...]) -> None:
    with Proxy(plant.broker.port, Random(2)) as line:
        plant.start_hq(port=line.port)
        plant.start_sync()
        for misfortune in misfortunes:
            plant.punch(30)
            misfortune(line)
            plant.punch(30)
            if misfortune not in (stall, drop):
                until(moved(line, plant), f"something moves in spite of {misfortune.__name__}")
            line.heal()
            plant.until_delivered()
        assert plant.alarms() == []


@pytest.mark.soak
def test_a_half_open_connection_is_noticed(plant: Plant) -> None:
    with Proxy(plant.broker.port, Random(3)) as line:
        plant.start_hq()
        plant.start_sync(port=line.port, keepalive_s=5)
        plant.punch(10)
        plant.until_delivered()
        line.half_open()
        plant.punch(10)
        plant.until_delivered(within_s=90)
        assert plant.alarms() == []


@pytest.mark.soak
def test_a_kilobyte_a_second_is_enough(plant: Plant) -> None:
    with Proxy(plant.broker.port, Random(4)) as line:
        plant.start_hq()
        line.bytes_per_s = 1000
        plant.start_sync(port=line.port)
        plant.punch(12)
        plant.until_delivered(within_s=120)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1])
def test_thousands_of_punches_over_a_line_in_constant_trouble(plant: Plant, seed: int) -> None:
    random = Random(seed)
    with Proxy(plant.broker.port, random) as line:
        hq, sync = plant.start_hq("one"), plant.start_sync(port=line.port)
        plant.start_hq("two")
        for number in range(24):
            plant.punch(random.randrange(100, 160))
            random.choice(MISFORTUNES)(line)
            if number % 6 == 2:
                sync.kill()
                sync = plant.start_sync(port=line.port)
            if number % 6 == 4:
                hq.kill()
                hq = plant.start_hq("one")
            if number % 8 == 5:
                plant.broker.kill()
                if random.random() < 0.5:
                    plant.broker.forget()
                plant.broker.start()
            time.sleep(random.uniform(0, 0.4))  # part of the schedule, nothing is waited for
            line.heal()
        assert plant.ledger.head().seq > 2000
        plant.until_delivered(within_s=120)
        assert plant.alarms() == []
