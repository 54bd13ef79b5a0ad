"""SIGKILL before each step on the disk: a whole program starts then, and `resume` ends the update.

Each kill is a process that ends without closing anything; a new `World` over what it left is the
power coming back.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kiosk.update.preparing import Wishes, prepare
from kiosk.update.state import State
from kiosk.update.switching import go_on
from tests.killing import die_before, is_killed
from tests.update.test_updating import stands_as_before
from tests.update.world import KEYS, Behaviour, World, release

HEALTHY, SICK = Behaviour(), Behaviour(faults=("camera_lost",))
_MOST_STEPS = 300  # more than there are


def after_a_cut(folder: Path, behaviour: Behaviour, boots: int) -> World:
    """The power is back. What `current` and `bin` point to is a whole program."""
    world = World(folder, {"1.1": behaviour}, boots=boots)
    assert world.version in ("1.0", "1.1")
    assert world.layout.is_whole(str(world.version))
    assert (world.layout.root / "bin" / "kiosk").read_text() == world.version
    updater = world.layout.version_at("updater")
    assert updater is not None
    assert world.layout.is_whole(updater)
    return world


def finished(world: World) -> State:
    state = go_on(world.site())
    while state.step != "idle":  # the hours are right, so it waits for a quiet minute alone
        world.pause(60)
        state = go_on(world.site())
    world.pause(5)
    return state


def check_end(world: World, behaviour: Behaviour, state: State) -> None:
    assert state.last is not None
    if behaviour is HEALTHY and state.last.result == "installed":
        assert world.version == "1.1"
        assert world.layout.version_at("updater") == "1.1"
        return
    assert state.last.result in ("rolled_back", "given_up")
    assert behaviour is SICK or state.last.result == "given_up"
    assert stands_as_before(world)


def cut_everywhere(terminal: World, folder: Path, behaviour: Behaviour, first: int, by: int) -> int:
    """Install, killed before each `by`th step; returns how many kills there were."""
    stick = release(terminal.folder / "stick", "1.1")
    for kills, steps in enumerate(range(first, _MOST_STEPS, by)):
        home = folder / str(steps)
        shutil.copytree(terminal.folder, home, symlinks=True)

        def work(home: Path = home, steps: int = steps) -> None:
            world = World(home, {"1.1": behaviour})
            world.pause(60)
            die_before(steps)
            prepare(world.site(), stick, Wishes())
            go_on(world.site())

        killed = is_killed(work)
        if not killed:
            return kills
        world = after_a_cut(home, behaviour, 2)
        state = finished(world)
        if state.last is not None:  # None: the power went before anything was begun
            check_end(world, behaviour, state)
        else:
            assert stands_as_before(world)
        shutil.rmtree(home)
    raise AssertionError("there are more steps than that")


@pytest.mark.parametrize(("behaviour", "first"), [(HEALTHY, 0), (SICK, 3)], ids=["healthy", "sick"])
def test_a_power_cut_leaves_one_that_starts(
    terminal: World, tmp_path_factory: pytest.TempPathFactory, behaviour: Behaviour, first: int
) -> None:
    assert cut_everywhere(terminal, tmp_path_factory.mktemp("cut"), behaviour, first, 17) >= 3


def test_a_first_release_that_is_cut_off_is_whole_or_can_be_installed_again(
    tmp_path: Path,
) -> None:
    stick = release(tmp_path / "stick", "1.0")
    cuts = 0
    for steps in range(1, _MOST_STEPS, 6):
        world = World(tmp_path / str(steps), running=False)
        world.layout.root.mkdir(parents=True)
        (world.folder / "release.pub").write_bytes(bytes(KEYS.public_key) + b"\n")

        def work(world: World = world, steps: int = steps) -> None:
            die_before(steps)
            prepare(world.site(), stick, Wishes())

        if not is_killed(work):
            break
        cuts += 1
        go_on(world.site())
        if world.layout.version_at("current") is None:
            assert world.layout.versions() == []
            prepare(world.site(), stick, Wishes())
        assert stands_as_before(world)
    assert cuts >= 3


@pytest.mark.soak
@pytest.mark.parametrize("behaviour", [HEALTHY, SICK], ids=["healthy", "sick"])
def test_a_power_cut_before_every_step_leaves_one_that_starts(
    terminal: World, tmp_path_factory: pytest.TempPathFactory, behaviour: Behaviour
) -> None:
    assert cut_everywhere(terminal, tmp_path_factory.mktemp("cut"), behaviour, 0, 1) >= 40


@pytest.mark.soak
@pytest.mark.parametrize("behaviour", [HEALTHY, SICK], ids=["healthy", "sick"])
def test_power_that_goes_again_and_again_ends_in_one_of_the_two(
    terminal: World, tmp_path_factory: pytest.TempPathFactory, behaviour: Behaviour
) -> None:
    """Killed before step n, then before the 2nd, 5th, 8th … step of each time it goes on."""
    folder, stick = tmp_path_factory.mktemp("cut"), release(terminal.folder / "stick", "1.1")
    for steps in range(0, 60, 2):
        home = folder / str(steps)
        shutil.copytree(terminal.folder, home, symlinks=True)

        def begin(home: Path = home, steps: int = steps) -> None:
            world = World(home, {"1.1": behaviour})
            world.pause(60)
            die_before(steps)
            prepare(world.site(), stick, Wishes())
            go_on(world.site())

        boots, killed = 2, is_killed(begin)
        while killed and boots < 40:
            world = after_a_cut(home, behaviour, boots)

            def resume(world: World = world, boots: int = boots) -> None:
                die_before(3 * boots - 4)
                finished(world)

            killed = is_killed(resume)
            boots += 1
        assert not killed
        world = after_a_cut(home, behaviour, boots)
        state = finished(world)
        assert state.last is None or state.last.result in ("installed", "rolled_back", "given_up")
        if behaviour is SICK:
            assert world.version == "1.0"
        shutil.rmtree(home)
