"""What becomes of a release: installed, refused, waiting, taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from minisign import KeyPair

from kiosk.update import preparing
from kiosk.update.errors import (
    LayoutError,
    PreparationError,
    RefusedReleaseError,
    UntrustedError,
)
from kiosk.update.layout import Layout, Link
from kiosk.update.preparing import Wishes, prepare, prepare_return
from kiosk.update.state import State, read_state, write_state
from kiosk.update.switching import give_up, go_on
from store.schema import LEDGER
from tests.update.world import NOON, Behaviour, World, release, schema

ORDINARY = Wishes()


def install(world: World, file: Path, wishes: Wishes = ORDINARY) -> State:
    prepare(world.site(), file, wishes)
    return go_on(world.site())


def stands_as_before(world: World) -> bool:
    """Release 1.0 runs, whole and alone, and nothing is under way."""
    layout = world.layout
    links = {layout.version_at("current"), layout.version_at("updater")}
    return (
        links == {"1.0"}
        and layout.version_at("candidate") is None
        and layout.versions() == ["1.0"]
        and not layout.asked.exists()
        and not layout.incoming.exists()
        and read_state(layout).step == "idle"
        and (layout.root / "bin" / "kiosk").read_text() == "1.0"
    )


def test_a_healthy_release_takes_over(terminal: World, tmp_path: Path) -> None:
    state = install(terminal, release(tmp_path / "stick", "1.1"))
    assert terminal.version == "1.1"
    assert state == State(newest="1.1", last=state.last)
    assert state.last is not None
    assert state.last.result == "installed"
    links = [terminal.layout.version_at(link) for link in ("current", "updater", "candidate")]
    assert links == ["1.1", "1.1", None]
    assert terminal.layout.versions() == ["1.0", "1.1"]
    assert (terminal.layout.root / "bin" / "kiosk").read_text() == "1.1"


SICK = {
    "it did not become ready": Behaviour(ready_s=1e9),
    "it starts again and again": Behaviour(lives_s=20),
    "it stopped making progress": Behaviour(silent_after_s=15),
    "new faults: models_unavailable": Behaviour(faults=("models_unavailable",)),
    "headquarters has confirmed nothing of it": Behaviour(confirmed=False),
}


@pytest.mark.parametrize("reason", SICK)
def test_a_release_that_is_not_healthy_is_taken_back(
    terminal: World, tmp_path: Path, reason: str
) -> None:
    terminal.behaviours = {"1.1": SICK[reason]}
    state = install(terminal, release(tmp_path / "stick", "1.1"))
    assert state.last is not None
    assert state.last.result == "rolled_back"
    assert state.last.reason.startswith(reason)
    assert terminal.version in ("1.0", None)  # None: between its end and its start
    terminal.pause(3)
    assert terminal.version == "1.0"
    assert stands_as_before(terminal)


def test_faults_and_a_line_that_were_bad_before_do_not_count(
    terminal: World, tmp_path: Path
) -> None:
    bad = Behaviour(faults=("disk_low",), confirmed=False)
    terminal.behaviours = {"1.0": bad, "1.1": bad}
    terminal.pause(1)
    state = install(terminal, release(tmp_path / "stick", "1.1"))
    assert state.last is not None
    assert state.last.result == "installed"


def test_a_sync_process_that_is_gone_counts(terminal: World, tmp_path: Path) -> None:
    prepare(terminal.site(), release(tmp_path / "stick", "1.1"), Wishes())
    world = terminal.site()

    class Losing(World):
        def restart(self, unit: str) -> None:
            World.restart(self, unit)
            self.sync = 0 if self.layout.version_at("current") == "1.1" else 9001

    losing = Losing(tmp_path)
    for _ in range(40):
        losing.pause(1)
    state = go_on(replace(world, world=losing))
    assert state.last is not None
    assert state.last.reason == "kiosk-sync does not run"


@pytest.mark.parametrize("utc", [NOON, NOON.replace(hour=0, minute=59), NOON.replace(hour=4)])
def test_in_working_hours_it_waits(terminal: World, tmp_path: Path, utc: datetime) -> None:
    terminal.utc = utc.replace(second=0)
    terminal.utc -= terminal.now().utc - terminal.utc
    state = install(terminal, release(tmp_path / "stick", "1.1"))
    assert state.step == "ready"
    assert terminal.version == "1.0"
    assert terminal.layout.version_at("current") == "1.0"
    terminal.utc = utc.replace(hour=2)
    assert go_on(terminal.site()).step == "idle"
    assert terminal.version == "1.1"


def test_asked_to_it_does_not_wait_for_the_hours(terminal: World, tmp_path: Path) -> None:
    terminal.utc = NOON
    assert (
        install(terminal, release(tmp_path / "stick", "1.1"), Wishes(at_once=True)).step == "idle"
    )
    assert terminal.version == "1.1"


def test_a_clock_that_is_not_synchronised_knows_no_hours(terminal: World) -> None:
    now = terminal.now()
    section = terminal.site().section
    assert section.allows(now)
    assert not section.allows(now.model_copy(update={"synchronised": False}))


def test_while_somebody_is_there_nothing_is_restarted(terminal: World, tmp_path: Path) -> None:
    terminal.people_until_s = terminal.monotonic_s() + 90
    state = install(terminal, release(tmp_path / "stick", "1.1"))
    assert state.step == "idle"
    assert terminal.version == "1.1"
    assert not terminal.ended_before_people_left
    assert terminal.monotonic_s() >= 40 + 90 + 30


def test_a_daemon_that_does_not_say_whether_somebody_is_there_is_not_restarted(
    terminal: World, tmp_path: Path
) -> None:
    terminal.behaviours = {"1.0": Behaviour(silent_after_s=0)}
    terminal.pulse_file.unlink()
    state = install(terminal, release(tmp_path / "stick", "1.1"))
    assert state.step == "ready"
    assert "no pulse" in state.reason
    assert terminal.version == "1.0"
    terminal.behaviours = {}
    assert go_on(terminal.site()).step == "idle"
    assert terminal.version == "1.1"


def test_a_beat_that_is_missed_once_lets_nobody_be_disturbed(
    terminal: World, tmp_path: Path
) -> None:
    prepare(terminal.site(), release(tmp_path / "stick", "1.1"), Wishes())
    point = Layout.point

    def pulse_is_missed(layout: Layout, link: Link, version: str) -> None:
        point(layout, link, version)
        if version == "1.1" and terminal.version == "1.0":
            terminal.people_until_s = terminal.monotonic_s() + 40
            terminal.pulse_file.unlink(missing_ok=True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layout, "point", pulse_is_missed)
        assert go_on(terminal.site()).step == "idle"
    assert terminal.version == "1.1"
    assert not terminal.ended_before_people_left


def test_a_full_disk_is_found_before_anything_is_installed(
    terminal: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "_ROOM", 10**9)
    with pytest.raises(PreparationError, match=r"are free; nothing was changed; make room"):
        prepare(terminal.site(), release(tmp_path / "stick", "1.1"), Wishes())
    assert stands_as_before(terminal)


def test_who_stands_there_to_the_end_of_the_hours_is_not_disturbed(
    terminal: World, tmp_path: Path
) -> None:
    """The switch is begun in a quiet minute; then people come, and stay."""
    terminal.utc = terminal.utc.replace(hour=3, minute=58)
    prepare(terminal.site(), release(tmp_path / "stick", "1.1"), Wishes())
    asking = Layout.ask

    def somebody_comes(layout: Layout) -> None:
        terminal.people_until_s = 1e9
        asking(layout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Layout, "ask", somebody_comes)
        state = go_on(terminal.site())
    assert state.step == "ready"
    assert terminal.version == "1.0"
    assert terminal.layout.version_at("current") == "1.0"
    assert not terminal.layout.asked.exists()
    assert not terminal.ended_before_people_left


def test_an_old_release_is_refused_unless_asked_for(terminal: World, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    install(terminal, release(stick, "1.2"))
    for version in ("1.2", "1.1", "1.0"):
        with pytest.raises(RefusedReleaseError, match="nothing was changed"):
            prepare(terminal.site(), release(stick, version), Wishes())
        assert not terminal.layout.incoming.exists()
    install(terminal, release(stick, "1.1"), Wishes(downgrade=True))
    assert terminal.version == "1.1"
    with pytest.raises(RefusedReleaseError, match=r"no newer than 1\.2, which was here"):
        prepare(terminal.site(), release(stick, "1.1.5"), Wishes())


def test_a_release_that_fails_its_trial_leaves_nothing(terminal: World, tmp_path: Path) -> None:
    terminal.behaviours = {"1.1": Behaviour(trial=False)}
    with pytest.raises(PreparationError):
        prepare(terminal.site(), release(tmp_path / "stick", "1.1"), Wishes())
    assert stands_as_before(terminal)


def test_a_schema_that_this_program_can_go_on_with_leaves_the_way_back(
    terminal: World, tmp_path: Path
) -> None:
    terminal.behaviours = {"1.1": Behaviour(lives_s=9)}
    later = schema(LEDGER.version + 1, LEDGER.version)
    state = install(terminal, release(tmp_path / "stick", "1.1", ledger=later))
    assert state.last is not None
    assert state.last.result == "rolled_back"


def test_a_schema_without_a_way_back_is_taken_only_when_asked_and_then_kept(
    terminal: World, tmp_path: Path
) -> None:
    later = schema(LEDGER.version + 1, LEDGER.version + 1)
    file = release(tmp_path / "stick", "1.1", ledger=later)
    with pytest.raises(RefusedReleaseError, match="could not be taken back"):
        prepare(terminal.site(), file, Wishes())
    terminal.behaviours = {"1.1": Behaviour(faults=("camera_lost",))}
    state = install(terminal, file, Wishes(no_way_back=True))
    assert state.last is not None
    assert state.last.result == "unhealthy"
    assert terminal.version == "1.1"
    assert terminal.layout.version_at("current") == "1.1"


def test_giving_up_without_a_way_back_is_refused(terminal: World, tmp_path: Path) -> None:
    later = schema(LEDGER.version + 1, LEDGER.version + 1)
    file = release(tmp_path / "stick", "1.1", ledger=later)
    state = prepare(terminal.site(), file, Wishes(no_way_back=True))
    watching = state.model_copy(update={"step": "watching"})
    write_state(terminal.layout, watching)
    with pytest.raises(RefusedReleaseError, match=r"1\.0 cannot open them; nothing was changed"):
        give_up(terminal.site())
    assert read_state(terminal.layout) == watching


def test_the_technician_goes_back_to_the_release_before(terminal: World, tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="no release to go back to"):
        prepare_return(terminal.site(), Wishes())
    install(terminal, release(tmp_path / "stick", "1.1"))
    terminal.utc = NOON
    prepare_return(terminal.site(), Wishes())
    assert go_on(terminal.site()).step == "ready"
    give_up(terminal.site())
    assert terminal.layout.versions() == ["1.0", "1.1"], "given up is not deleted"
    prepare_return(terminal.site(), Wishes(at_once=True))
    state = go_on(terminal.site())
    assert terminal.version == "1.0"
    assert state.newest == "1.1"
    assert terminal.layout.version_at("updater") == "1.0"


def test_what_waits_can_be_given_up(terminal: World, tmp_path: Path) -> None:
    terminal.utc = NOON
    install(terminal, release(tmp_path / "stick", "1.1"))
    with pytest.raises(RefusedReleaseError, match="under way"):
        prepare(terminal.site(), release(tmp_path / "stick", "1.2"), Wishes())
    give_up(terminal.site())
    assert go_on(terminal.site()).step == "idle"
    assert stands_as_before(terminal)


def test_a_release_of_somebody_else_is_not_opened(terminal: World, tmp_path: Path) -> None:
    foreign = release(tmp_path / "stick", "1.1", keys=KeyPair.generate())
    with pytest.raises(UntrustedError, match="nothing of it was opened"):
        prepare(terminal.site(), foreign, Wishes())
    assert read_state(terminal.layout).step == "idle"
    assert terminal.layout.versions() == ["1.0"]


def test_one_for_another_python_or_machine_is_refused(terminal: World, tmp_path: Path) -> None:
    for changes in ({"python": "2.7"}, {"machine": "riscv64"}):
        with pytest.raises(RefusedReleaseError, match="nothing was changed"):
            prepare(terminal.site(), release(tmp_path / "stick", "1.1", **changes), Wishes())
