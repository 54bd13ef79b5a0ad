"""A terminal that was offline for long: its backlog drains in order, shows, and costs no memory.

`./scripts/test -m soak -k drain -n 0 -s` runs `drain` with a month of punches and tells the rates.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import click
import pytest

from crowd.cpu import resident_kb
from soaking.proxy import Proxy
from tests.hq.plant import Plant
from tests.sync.made import until

A_MONTH = 100_000  # punches of a busy door: 1,000 people, four a day, 25 days
_ROOM_KB = 8 * 1024  # what resident memory may differ by without saying that it grows


@dataclass(frozen=True, slots=True)
class Drained:
    """What was seen. Memory is the sync process's VmRSS in KiB."""

    seconds: float
    backlogs: list[int]
    early_kb: int
    late_kb: int


def drain(plant: Plant, count: int, line: Proxy | None = None) -> Drained:
    """Deliver `count` stored records; a punch is made while they drain. Asserts what must hold.

    A `line`, for a short backlog, is slow until the new punch was seen in the status, so that there
    still is one then.
    """
    plant.store_up(count)
    if line is not None:
        line.bytes_per_s = 400_000
    plant.start_hq()
    begun_s = time.monotonic()
    sync = plant.start_sync(port=None if line is None else line.port)
    backlogs: list[int] = []
    memory: dict[int, int] = {}

    def look() -> int:
        status = plant.status()
        if not status:
            return 0
        if not backlogs or backlogs[-1] != status["backlog"]:
            backlogs.append(status["backlog"])
            memory[status["confirmed"]] = resident_kb(sync.pid)
        return int(status["confirmed"])

    until(lambda: look() >= count // 10, "the backlog falls", 120)
    plant.punch()
    until(lambda: look() >= 0 and plant.status()["head"] == count + 1, "the punch is told of", 60)
    assert plant.status()["backlog"] > 1, "the new punch was seen only after the backlog was gone"
    if line is not None:
        line.heal()
    until(lambda: look() == count + 1, "everything is confirmed", 1800)
    seconds = time.monotonic() - begun_s
    assert plant.confirmed() == plant.recorded()
    assert plant.alarms() == []
    rising = [later for earlier, later in pairwise(backlogs) if later > earlier]
    assert len(rising) <= 1, "the backlog grows by the new punch at the most"
    seen = sorted(memory)
    return Drained(seconds, backlogs, memory[seen[len(seen) // 10]], memory[seen[-1]])


def test_a_backlog_drains_in_order_and_a_new_punch_is_told_of_at_once(plant: Plant) -> None:
    with Proxy(plant.broker.port, Random(5)) as line:
        drained = drain(plant, 1500, line)
    assert drained.backlogs[-1] == 0
    assert drained.late_kb < drained.early_kb + _ROOM_KB


@pytest.mark.soak
def test_a_month_offline_drains_with_flat_memory(plant: Plant) -> None:
    drained = drain(plant, A_MONTH)
    click.echo(
        f"{A_MONTH} records in {drained.seconds:.0f} s, {A_MONTH / drained.seconds:.0f} a second; "
        f"VmRSS {drained.early_kb} KiB early, {drained.late_kb} KiB late; "
        f"{len(drained.backlogs)} statuses: {drained.backlogs[:3]} … {drained.backlogs[-3:]}"
    )
    assert drained.late_kb < drained.early_kb + _ROOM_KB
