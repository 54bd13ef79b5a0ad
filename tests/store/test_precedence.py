"""Terminals that share templates agree in the end, and no withdrawal is outrun."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from store.precedence import (
    Standing,
    enrolled,
    received,
    refusal,
    share_refusal,
    shared,
    withdrawn,
    withdrawn_here,
)

TERMINALS = range(3)


@dataclass
class World:
    """A site and its headquarters; messages wait until a schedule delivers them."""

    standings: list[Standing] = field(default_factory=lambda: [Standing() for _ in TERMINALS])
    holds: list[str | None] = field(default_factory=lambda: [None for _ in TERMINALS])
    number: int = 0
    heard: list[int] = field(default_factory=lambda: [0 for _ in TERMINALS])
    told: list[int] = field(default_factory=lambda: [0 for _ in TERMINALS])
    messages: list[tuple[int, int, str | None, int]] = field(default_factory=list)
    made: int = 0

    def enrol(self, who: int) -> None:
        self.made += 1
        self.standings[who], self.holds[who] = enrolled(self.standings[who]), f"t{self.made}"

    def share(self, who: int) -> None:
        """Headquarters numbers it, the terminal seals at once, the seals are on their way.

        It does not while a withdrawal is on its way to that terminal.
        """
        if any(to == who and content is None for to, _, content, _ in self.messages):
            return
        self.number += 1
        content = self.holds[who]
        if content is None or share_refusal(self.standings[who], self.number):
            return
        self.standings[who] = shared(self.standings[who], self.number)
        for other in set(TERMINALS) - {who}:
            self.messages.append((other, self.number, content, self.heard[other]))

    def withdraw(self, who: int) -> None:
        self.standings[who], self.holds[who] = withdrawn_here(self.standings[who]), None
        self.told[who] += 1

    def hear(self, who: int) -> None:
        """The line is up again: headquarters learns of withdrawals and orders them elsewhere."""
        if self.heard[who] < self.told[who]:
            self.heard[who] = self.told[who]
            self.number += 1
            others = set(TERMINALS) - {who}
            self.messages += [(other, self.number, None, 0) for other in others]

    def deliver(self, message: tuple[int, int, str | None, int]) -> None:
        who, number, content, heard = message
        before = self.standings[who]
        if content is None:
            self.standings[who] = withdrawn(before, number)
            if self.standings[who] != before or not self.standings[who].held:
                self.holds[who] = None
            assert self.standings[who].held == 0 or self.standings[who].held > number
        elif refusal(before, number, unheard=heard < self.told[who]) is None:
            self.standings[who], self.holds[who] = received(before, number), content


STEP = st.tuples(
    st.sampled_from(["enrol", "share", "withdraw", "hear", "deliver", "again"]),
    st.integers(0, 1000),
)


def run(world: World, steps: list[tuple[str, int]]) -> None:
    for verb, nth in steps:
        who = nth % len(TERMINALS)
        if verb == "deliver" and world.messages:  # any of them: order is nobody's promise
            world.deliver(world.messages.pop(nth % len(world.messages)))
        elif verb == "again" and world.messages:  # a duplicate
            world.deliver(world.messages[nth % len(world.messages)])
        elif verb in ("enrol", "share", "withdraw", "hear"):
            getattr(world, verb)(who)


@given(steps=st.lists(STEP, max_size=40), order=st.randoms(use_true_random=False))
def test_when_all_is_heard_and_delivered_and_shared_once_more_all_terminals_hold_the_same(
    steps: list[tuple[str, int]], order: Random
) -> None:
    world = World()
    run(world, steps)
    for who in TERMINALS:
        world.hear(who)
    everything = list(world.messages) * 2
    order.shuffle(everything)
    for message in everything:
        world.deliver(message)
    world.messages.clear()
    for who in TERMINALS:  # only who enrolled somebody gives templates away
        world.share(who)
        for message in world.messages:
            world.deliver(message)
        world.messages.clear()
    assert len(set(world.holds)) == 1, world.standings


@given(
    numbers=st.lists(st.integers(1, 12), min_size=1, max_size=12, unique=True),
    withdrawals=st.sets(st.integers(1, 12)),
    orders=st.lists(st.randoms(use_true_random=False), min_size=2, max_size=2),
)
def test_the_highest_number_decides_in_any_order_and_however_often(
    numbers: list[int], withdrawals: set[int], orders: list[Random]
) -> None:
    ends = []
    for order in orders:
        messages = numbers * 2
        order.shuffle(messages)
        standing = Standing()
        for number in messages:
            if number in withdrawals:
                standing = withdrawn(standing, number)
                assert standing.held == 0 or standing.held > number
            elif refusal(standing, number, unheard=False) is None:
                standing = received(standing, number)
            done = {n for n in withdrawals if n <= standing.floor}
            assert not standing.held or standing.held > max(done, default=0)
        ends.append(standing)
    highest = max(numbers)
    held = 0 if highest in withdrawals else highest
    assert ends == [Standing(held, highest, came=held > 0)] * 2


@given(steps=st.lists(STEP, max_size=40))
def test_after_the_last_withdrawal_is_heard_nothing_shared_before_it_is_anywhere(
    steps: list[tuple[str, int]],
) -> None:
    world = World()
    run(world, steps)
    for who in TERMINALS:
        world.withdraw(who)
    late = list(world.messages)
    for who in TERMINALS:
        world.hear(who)
    for message in [*late, *world.messages, *late]:
        world.deliver(message)
    assert world.holds == [None, None, None]


def test_what_was_enrolled_here_is_not_replaced_before_it_has_a_number() -> None:
    mine = enrolled(Standing())
    assert share_refusal(received(mine, 5), 6) == "the templates came from another terminal"
    assert refusal(mine, 5, unheard=False) == "enrolled here and not shared yet"
    numbered = shared(mine, 6)
    assert share_refusal(numbered, 6) is None, "the next receiver gets the same"
    assert refusal(numbered, 7, unheard=False) is None
    assert share_refusal(enrolled(numbered), 6) == "changed since; share again"
    assert share_refusal(withdrawn(numbered, 8), 7) is not None


def test_who_withdrew_here_gets_nothing_before_headquarters_knows() -> None:
    gone = withdrawn_here(received(Standing(), 4))
    assert refusal(gone, 5, unheard=True) == "withdrawn here since"
    assert refusal(gone, 5, unheard=False) is None
