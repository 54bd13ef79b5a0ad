"""Up to "ready": a release is checked, installed beside the present one, and tried on a copy.

Nothing that runs is touched here. Whatever fails leaves the terminal with what it had.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kiosk.update.bundle import WHEELS, Bundle, take_in, unpack
from kiosk.update.errors import LayoutError, PreparationError, RefusedReleaseError, UntrustedError
from kiosk.update.layout import Layout
from kiosk.update.manifest import RELEASE_FILE, Manifest, installed, version_of
from kiosk.update.site import Site
from kiosk.update.state import State, read_state, write_state
from store.files import place

# A bundle of 138 MB becomes an environment of 550 MB (x86-64), beside its unpacked wheels.
_ROOM = 5


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the technician asks for beyond the ordinary.

    `at_once`: also outside of the hours, never while somebody is at the door. `downgrade`: an older
    release, or one that was there before. `no_way_back`: one whose databases the present program
    could not open.
    """

    at_once: bool = False
    downgrade: bool = False
    no_way_back: bool = False


def look_at(site: Site, file: Path) -> Bundle:
    """The genuine release in `file`; raises as `take_in`, and `UntrustedError` without a key."""
    try:
        public_key = site.section.public_key.read_bytes()
    except OSError as error:
        raise UntrustedError(
            f"{site.section.public_key}: {error.strerror}; the publisher's public key belongs there"
        ) from error
    bundle = take_in(file, public_key, site.layout.incoming)
    try:
        bundle.manifest.require_fitting()
    except BaseException:
        shutil.rmtree(site.layout.incoming)
        raise
    return bundle


def admit(site: Site, state: State, manifest: Manifest, wishes: Wishes) -> State:
    """The first step of this release; raises `RefusedReleaseError` where it may not come."""
    if state.step != "idle":
        raise RefusedReleaseError(
            f"release {state.version} is under way ({state.step}); nothing was changed; "
            "`kiosk-update rollback` gives it up"
        )
    layout = site.layout
    first = layout.version_at("current") is None
    current = None if first else layout.manifest_at("current")
    if current is not None:
        if manifest.version == current.version:
            raise RefusedReleaseError(
                f"release {manifest.version} is what runs; nothing was changed"
            )
        newest = max(version_of(v) for v in (current.version, state.newest or current.version))
        if version_of(manifest.version) <= newest and not wishes.downgrade:
            raise RefusedReleaseError(
                f"release {manifest.version} is no newer than {newest}, which was here; nothing "
                "was changed; --downgrade takes it all the same"
            )
    way_back = current is None or manifest.leaves_way_back_to(current)
    if not way_back and not wishes.no_way_back:
        raise RefusedReleaseError(
            f"release {manifest.version} changes the databases so that this one could not open "
            "them any more: it could not be taken back; nothing was changed; make a backup, then "
            "--no-way-back (docs/updates.md)"
        )
    return State(
        step="preparing",
        version=manifest.version,
        previous="" if current is None else current.version,
        newest=state.newest,
        at_once=wishes.at_once,
        way_back=way_back,
        last=state.last,
    )


def _require_room(layout: Layout, bundle: Bundle) -> None:
    free, wanted = shutil.disk_usage(layout.root).free, bundle.file.stat().st_size * _ROOM
    if free < wanted:
        raise PreparationError(
            f"{layout.root}: {wanted >> 20} MiB are needed, {free >> 20} are free; nothing was "
            "changed; make room"
        )


def prepare(site: Site, file: Path, wishes: Wishes) -> State:
    """Install beside, try, and leave it ready; a terminal without a release has it at once.

    Raises `UpdateError` and `OSError`; nothing of the release is there then.
    """
    layout, before = site.layout, read_state(site.layout)
    bundle = look_at(site, file)
    try:
        state = admit(site, before, bundle.manifest, wishes)
    except BaseException:
        shutil.rmtree(layout.incoming)
        raise
    write_state(layout, state)
    try:
        layout.remove(state.version)  # what an attempt before this one left
        _require_room(layout, bundle)
        _install(site, bundle)
        if state.previous:
            _try(site, state.version)
            state = state.model_copy(update={"step": "ready"})
        else:
            state = adopt(layout, state)
    except BaseException:
        if layout.version_at("current") != state.version:  # else `resume` completes it
            discard(layout, state)
            write_state(layout, before)
        raise
    write_state(layout, state)
    return state


def prepare_return(site: Site, wishes: Wishes) -> State:
    """Make the release before the present one ready; raises `UpdateError` and `OSError`."""
    layout, state = site.layout, read_state(site.layout)
    current = layout.manifest_at("current")
    others = [v for v in layout.versions() if v != current.version and layout.is_whole(v)]
    if state.step != "idle" or len(others) != 1:
        raise LayoutError("there is no release to go back to; nothing was changed")
    former = installed(layout.release(others[0]))
    try:
        _try(site, former.version)
    except PreparationError as error:
        raise PreparationError(f"going back to {former.version}: {error}") from error
    state = state.model_copy(
        update={
            "step": "ready",
            "version": former.version,
            "previous": current.version,
            "at_once": wishes.at_once,
            "way_back": former.leaves_way_back_to(current),
            "returning": True,
            "starts": 0,
            "reason": "",
        }
    )
    write_state(layout, state)
    return state


def adopt(layout: Layout, state: State) -> State:
    """A first release: the links point to it, and there is nothing to watch or go back to."""
    layout.point("updater", state.version)
    layout.point_programs()
    layout.point("current", state.version)
    shutil.rmtree(layout.incoming, ignore_errors=True)
    return State(newest=state.version)


def discard(layout: Layout, state: State) -> None:
    """Delete what there is of a release that was not switched to."""
    layout.drop("candidate")
    shutil.rmtree(layout.incoming, ignore_errors=True)
    layout.remove(state.version)


def _install(site: Site, bundle: Bundle) -> None:
    layout, manifest = site.layout, bundle.manifest
    target = layout.release(manifest.version)
    target.parent.mkdir(mode=0o755, exist_ok=True)
    site.build(target, unpack(bundle, layout.incoming / WHEELS))
    place(target / RELEASE_FILE, manifest.model_dump_json().encode(), mode=0o644)
    shutil.rmtree(layout.incoming)


def _try(site: Site, version: str) -> None:
    site.layout.point("candidate", version)
    try:
        site.world.try_databases()
    finally:
        site.layout.drop("candidate")
