"""From "ready" to "idle": the switch, the watch, and the way back. See `kiosk.update.state`.

Each step may be done again from its start: `go_on` writes down the step that one leads to, then
does that. It returns when nothing is under way or when the release has to wait for its hours or for
the door to be quiet.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping

from kiosk.update.errors import RefusedReleaseError
from kiosk.update.health import STALE_S, Watch
from kiosk.update.manifest import version_of
from kiosk.update.preparing import adopt, discard
from kiosk.update.site import Site
from kiosk.update.state import Before, Outcome, State, read_state, write_state
from kiosk.update.units import KIOSK, SYNC
from store.records import utc_text

_POLL_S = 1.0
# The daemon says that it is quiet 30 s after the last person; in an hour somebody has paused. The
# timer asks again in five minutes.
_PATIENCE_S = 3600.0
_MUTE = "the daemon does not say whether somebody is at the door: no pulse; docs/updates.md"
_BACK_PATIENCE_S = 60.0  # a program that is not healthy is ended however many stand there
_MOST_STARTS = 3  # watches that a power cut or a crash ended: then the release is why


def go_on(site: Site) -> State:
    """Do what is under way, as far as it can be done now. Raises `UpdateError` and `OSError`."""
    layout = site.layout
    state = read_state(layout)
    while True:
        following = _STEPS[state.step](site, state)
        if following == state:
            return state
        write_state(layout, following)
        state = following


def give_up(site: Site) -> State:
    """Take back what is under way; not done yet (`go_on`) where it is switched to already.

    Raises `RefusedReleaseError` where the program before could not open the databases any more.
    """
    layout, state = site.layout, read_state(site.layout)
    if state.step in ("preparing", "ready"):
        if not state.returning:
            discard(layout, state)
        state = _over(site, state, "given_up", "asked")
    elif state.step in ("switching", "watching"):
        if not state.way_back:
            raise RefusedReleaseError(
                f"release {state.version} has changed the databases so that {state.previous} "
                "cannot open them; nothing was changed; install a newer release"
            )
        state = state.model_copy(update={"step": "rolling_back", "reason": "asked"})
    write_state(layout, state)
    return state


def _idle(site: Site, state: State) -> State:
    if site.layout.version_at("candidate") is not None:
        site.layout.drop("candidate")
    shutil.rmtree(site.layout.incoming, ignore_errors=True)
    return state


def _preparing(site: Site, state: State) -> State:
    """Only after a crash: while it lives, the one that prepares holds the lock."""
    layout = site.layout
    if not state.previous and layout.is_whole(state.version):
        return adopt(layout, state)
    discard(layout, state)
    return _over(site, state, "given_up", "cut off while it was being installed")


def _ready(site: Site, state: State) -> State:
    world, began_s, heard = site.world, site.world.monotonic_s(), False
    while _may(site, state) and world.monotonic_s() - began_s < _PATIENCE_S:
        pid, pulse = site.pulse()
        heard |= pid == 0 or pulse is not None
        if not heard and world.monotonic_s() - began_s > site.section.ready_s:
            return state.model_copy(update={"reason": _MUTE})
        if pid == 0 or (pulse is not None and pulse.quiet):
            before = Before(
                faults=() if pulse is None else pulse.faults,
                delivered=pulse is not None and pulse.receipt >= pulse.head > 0,
                sync_ran=site.sync_runs(),
            )
            return state.model_copy(update={"step": "switching", "before": before, "reason": ""})
        world.pause(_POLL_S)
    return state


def _switching(site: Site, state: State) -> State:
    layout = site.layout
    layout.point("current", state.version)
    asked_of = _ask_to_restart(site, state.version, lambda: _may(site, state))
    if asked_of:  # the hours ended, and somebody was there all the time
        layout.point("current", state.previous)
        if site.world.main_pid(KIOSK) == asked_of:
            return state.model_copy(update={"step": "ready"})
        layout.point("current", state.version)  # it ended at this very moment
        site.world.restart(KIOSK)
    if state.before.sync_ran:
        site.world.restart(SYNC)
    return state.model_copy(update={"step": "watching"})


def _watching(site: Site, state: State) -> State:
    state = state.model_copy(update={"starts": state.starts + 1})
    write_state(site.layout, state)
    reason = _watch(site, state) if state.starts <= _MOST_STARTS else "the machine did not stay up"
    if reason:
        if state.way_back:
            return state.model_copy(update={"step": "rolling_back", "reason": reason})
        return _over(site, state, "unhealthy", reason)
    site.layout.point("updater", state.version)
    site.layout.keep_only(state.version, state.previous)
    newest = max(state.newest or state.version, state.version, state.previous, key=version_of)
    return _over(site, state, "installed").model_copy(update={"newest": newest})


def _watch(site: Site, state: State) -> str:
    """Why it is not healthy; nothing when it is."""
    section, world = site.section, site.world
    watch = Watch(
        program=str(site.layout.release(state.version)),
        before=state.before,
        ready_s=section.ready_s,
        watch_s=section.watch_minutes * 60,
        began_s=world.monotonic_s(),
    )
    while True:
        _, pulse = site.pulse()
        age_s = 0.0 if pulse is None else site.age_s(pulse)
        verdict = watch.see(world.monotonic_s(), pulse, age_s, sync_runs=site.sync_runs())
        if verdict.over:
            return verdict.reason
        world.pause(_POLL_S)


def _rolling_back(site: Site, state: State) -> State:
    layout, world = site.layout, site.world
    layout.point("updater", state.previous)
    layout.point("current", state.previous)
    until_s = world.monotonic_s() + _BACK_PATIENCE_S
    if _ask_to_restart(site, state.previous, lambda: world.monotonic_s() < until_s):
        world.restart(KIOSK)
    if state.before.sync_ran:
        world.restart(SYNC)
    if not state.returning:
        layout.remove(state.version)
    return _over(site, state, "rolled_back", state.reason)


_STEPS: Mapping[str, Callable[[Site, State], State]] = {
    "idle": _idle,
    "preparing": _preparing,
    "ready": _ready,
    "switching": _switching,
    "watching": _watching,
    "rolling_back": _rolling_back,
}


def _ask_to_restart(site: Site, version: str, patient: Callable[[], bool]) -> int:
    """Have the daemon started anew as `version`, when nobody is at the door.

    A daemon that is silent for too long serves nobody, and is started anew. Returns 0 once that
    is done or under way, the process that was asked in vain when patience ended.
    """
    layout, world = site.layout, site.world
    pid, pulse = site.pulse()
    silent_from_s = world.monotonic_s()
    while pid and pulse is None and world.monotonic_s() - silent_from_s < STALE_S:
        world.pause(_POLL_S)
        pid, pulse = site.pulse()
    if pulse is None:
        layout.unask()
        world.restart(KIOSK)
        return 0
    if pulse.program == str(layout.release(version)):
        layout.unask()
        return 0
    layout.ask()
    while world.main_pid(KIOSK) == pid:
        if not patient():
            layout.unask()
            return pid
        world.pause(_POLL_S)
    layout.unask()
    return 0


def _may(site: Site, state: State) -> bool:
    return state.at_once or site.section.allows(site.now())


def _over(site: Site, state: State, result: str, reason: str = "") -> State:
    outcome = Outcome.model_validate(
        {
            "version": state.version,
            "result": result,
            "reason": reason,
            "utc": utc_text(site.now().utc),
        }
    )
    return State(newest=state.newest, last=outcome)
