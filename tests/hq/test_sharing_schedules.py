"""Whatever is cut off, lost or late: in the end all terminals agree, and a withdrawal has won."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hq.shared_world import GATES, SharedWorld, open_world

EVERYONE = range(len(GATES))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["enrol", "share", "send", "receive", "withdraw", "unshare", "lose", "wait"]
        ),
        st.sampled_from(EVERYONE),
    ),
    max_size=14,
)
SHORT = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWorld]:
    with open_world(tmp_path_factory.mktemp("site")) as opened:
        yield opened


def go(world: SharedWorld, steps: list[tuple[str, int]]) -> None:
    world.begin()
    for verb, who in steps:
        getattr(world, verb)(who)


def agree_in_the_end(world: SharedWorld, steps: list[tuple[str, int]]) -> None:
    go(world, steps)
    world.settle()
    for who in EVERYONE:  # what was enrolled and never shared has no number until now
        standing = world.gates[who].stores.sharing.standing(world.person)
        if standing.own or (standing.held and not standing.came):
            world.share(who)
            world.settle()
    held = {world.held(who) for who in EVERYONE}
    consented = [g for g in world.gates if g.stores.sharing.consent(world.person)]
    if consented or not any(held):
        assert len(held) == 1
    else:  # who took back the sharing alone stays where they are enrolled
        for who in EVERYONE:
            assert not world.gates[who].stores.sharing.standing(world.person).came


def is_forgotten_after_a_withdrawal(
    world: SharedWorld, steps: list[tuple[str, int]], who: int, late: list[int]
) -> None:
    """The person withdraws at one terminal; nobody enrols them after that."""
    world.begin()
    world.enrol(who)
    world.share(who)
    world.send(who)
    world.receive(who)
    world.send(who)
    for verb, other in steps:
        if verb not in ("enrol", "unshare"):
            getattr(world, verb)(other)
    world.withdraw(who)
    for other in late:  # what was on its way comes after it
        world.receive(other)
    world.settle()
    assert [world.held(other) for other in EVERYONE] == [()] * len(GATES)


@SHORT
@given(steps=STEPS)
def test_after_partitions_all_terminals_hold_the_same(
    world: SharedWorld, steps: list[tuple[str, int]]
) -> None:
    agree_in_the_end(world, steps)


@SHORT
@given(steps=STEPS, who=st.sampled_from(EVERYONE), late=st.lists(st.sampled_from(EVERYONE)))
def test_who_withdrew_at_one_terminal_has_templates_at_none(
    world: SharedWorld, steps: list[tuple[str, int]], who: int, late: list[int]
) -> None:
    is_forgotten_after_a_withdrawal(world, steps, who, late)


@pytest.mark.soak
@LONG
@given(steps=STEPS)
def test_after_partitions_all_terminals_hold_the_same_at_length(
    world: SharedWorld, steps: list[tuple[str, int]]
) -> None:
    agree_in_the_end(world, steps)


@pytest.mark.soak
@LONG
@given(steps=STEPS, who=st.sampled_from(EVERYONE), late=st.lists(st.sampled_from(EVERYONE)))
def test_who_withdrew_at_one_terminal_has_templates_at_none_at_length(
    world: SharedWorld, steps: list[tuple[str, int]], who: int, late: list[int]
) -> None:
    is_forgotten_after_a_withdrawal(world, steps, who, late)
