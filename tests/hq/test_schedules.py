"""Exactly once, in order, for good: whatever the schedule, HQ ends with the terminal's ledger."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync.transport_memory import Fault
from tests.hq.databases import Databases, SqliteFiles
from tests.hq.restored_world import RestoredWorld
from tests.hq.world import RECORDS, WORKERS, World

FAULTS = st.lists(st.sampled_from([None, *Fault]), min_size=1, max_size=12)
STEP = st.one_of(
    st.tuples(st.just("punch"), st.integers(1, 120)),
    st.tuples(st.just("work"), st.integers(1, 30)),
    st.tuples(st.just("work"), st.integers(1, 30)),
    st.tuples(st.just("wait"), st.floats(0, 30)),
    st.tuples(st.just("break_publishes"), FAULTS),
    st.tuples(st.just("toggle_broker"), st.booleans()),
    st.tuples(st.just("kill_sync")),
    st.tuples(
        st.just("kill_worker"),
        st.sampled_from(WORKERS),
        st.sampled_from(["before the commit", "after the commit", "after the answer"]),
    ),
)
LOSS = st.sampled_from([("lose_database",), ("back_up",), ("restore",)])
OLD_CARD = st.sampled_from([("back_up_terminal",), ("restore_terminal",)])


def live_with_an_old_card(schedule: list[tuple[object, ...]], least: int) -> None:
    """Do it all, then let things settle: every punch counts once, whatever its number."""
    folder = Path(tempfile.mkdtemp())
    world = RestoredWorld(SqliteFiles(folder))
    try:
        for name, *arguments in schedule:
            getattr(world, str(name))(*arguments)
        world.punch(max(1, least - len(world.outbox.punches)))
        assert world.settle(), "headquarters and terminal never agreed"
        counted = world.punches_counted()
        assert len(counted) == len(set(counted)), "a punch counts twice"
        assert {alarm["what"] for alarm in world.alarms()} <= {"skipped", "fork"}
    finally:
        world.close()
        shutil.rmtree(folder)


def live_through(databases: Databases, schedule: list[tuple[object, ...]], least: int) -> None:
    """Do it all, then bring the ledger to `least` records and let things settle."""
    world = World(databases)
    try:
        for name, *arguments in schedule:
            getattr(world, str(name))(*arguments)
        if len(world.outbox.ledger) < least:
            world.punch(least - len(world.outbox.ledger))
        assert world.settle(), "headquarters and terminal never agreed"
        assert world.counted() == world.recorded()
        assert world.alarms() == []
    finally:
        world.close()
        databases.close()


@settings(
    max_examples=12,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@given(st.lists(STEP, max_size=40))
def test_no_schedule_loses_or_doubles_a_record(
    databases: Databases, schedule: list[tuple[object, ...]]
) -> None:
    live_through(databases, schedule, 300)


@settings(max_examples=6, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP | LOSS, max_size=40))
def test_a_headquarters_that_forgets_gets_everything_again(
    databases: Databases,
    schedule: list[tuple[object, ...]],
) -> None:
    live_through(databases, schedule, 200)


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP | OLD_CARD, max_size=40))
def test_a_terminal_that_is_put_back_to_an_old_copy_loses_nothing_that_was_sent(
    schedule: list[tuple[object, ...]],
) -> None:
    live_with_an_old_card(schedule, 100)


@pytest.mark.soak
@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP | OLD_CARD, min_size=10, max_size=60))
def test_a_terminal_is_put_back_again_and_again(schedule: list[tuple[object, ...]]) -> None:
    live_with_an_old_card(schedule, 100)


@pytest.mark.soak
@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(st.lists(STEP | LOSS, min_size=60, max_size=150))
def test_thousands_of_punches_through_long_misfortune(
    databases: Databases,
    schedule: list[tuple[object, ...]],
) -> None:
    live_through(databases, schedule, len(RECORDS))
