"""Whatever is cut off, lost or late: in the end all terminals agree, and a withdrawal has won."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
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
SHORT = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
LONG = settings(
    max_examples=300,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


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
        if own(world, who):
            world.share(who)
            world.settle()
    gates = [gate.stores.sharing for gate in world.gates]
    # Who is enrolled at a terminal without the consent for the site stays as they are there.
    part = [w for w in EVERYONE if gates[w].consent(world.person) or not own(world, w)]
    held = {world.held(who) for who in part}
    if any(gate.consent(world.person) for gate in gates):
        assert len(held) == 1
    else:
        assert held <= {()}


def own(world: SharedWorld, who: int) -> bool:
    """Whether what the person has there was enrolled there."""
    return bool(world.held(who)) and not world.gates[who].stores.sharing.standing(world.person).came


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
