"""`kiosk-update`: signed releases in, and out again when they are not healthy (docs/updates.md).

Exit codes: 0 done, or waiting for its hours; 1 it could not be installed; 2 wrong use or settings;
3 not to be believed; 7 refused; 8 not healthy, taken back; 75 another one is at work; 77 not root.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.errors import KioskError, NotAllowedError
from kiosk.update.errors import PreparationError, UnhealthyError, UntrustedError
from kiosk.update.preparing import Wishes, admit, look_at, prepare, prepare_return
from kiosk.update.settings import load
from kiosk.update.site import Site, alone
from kiosk.update.state import State, read_state
from kiosk.update.switching import give_up, go_on
from kiosk.update.units import Systemd
from store.errors import SettingsError, StoreError

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_WORDS = {
    "idle": "nothing is under way",
    "preparing": "being installed beside the present one",
    "ready": "ready; switched to in the hours of [update], when nobody is at the door",
    "switching": "being switched to",
    "watching": "watched: it has to prove healthy",
    "rolling_back": "being taken back",
}


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kiosk")
def cli() -> None:
    """Installs signed releases of the face time clock, and takes back what is not healthy."""


@cli.command()
@click.argument("file", type=_FILE)
@click.option("--downgrade", is_flag=True, help="As for install.")
@click.option("--no-way-back", is_flag=True, help="As for install.")
@with_config
@with_json
def check(file: Path, downgrade: bool, no_way_back: bool, config: Path, as_json: bool) -> None:
    """Check a release's signature, and whether it would be installed. Changes nothing."""
    site = _site(config)
    with alone(site.layout):
        bundle = look_at(site, file)
        wishes = Wishes(downgrade=downgrade, no_way_back=no_way_back)
        shutil.rmtree(site.layout.incoming)
        state = admit(site, read_state(site.layout), bundle.manifest, wishes)
    manifest = bundle.manifest
    if as_json:
        said = manifest.model_dump(exclude={"wheels"})
        print_json({**said, "signed": bundle.comment, "way_back": state.way_back})
        return
    click.echo(
        f"release {manifest.version} of {manifest.made_utc} is genuine ({bundle.comment}); "
        f"{len(manifest.wheels)} wheels; schema of ledger {manifest.ledger.version}, "
        f"gallery {manifest.gallery.version}; can be taken back: "
        f"{'yes' if state.way_back else 'no'}"
    )


@cli.command()
@click.argument("file", type=_FILE)
@click.option("--now", "at_once", is_flag=True, help="Also in working hours.")
@click.option("--downgrade", is_flag=True, help="Also a release that is not newer.")
@click.option("--no-way-back", is_flag=True, help="Also one that could not be taken back.")
@with_config
@with_json
def install(
    file: Path, at_once: bool, downgrade: bool, no_way_back: bool, config: Path, as_json: bool
) -> None:
    """Install a release beside the present one, try it on a copy, switch, watch; or go back."""
    site = _site(config)
    with alone(site.layout):
        prepare(site, file, Wishes(at_once, downgrade, no_way_back))
        _tell(site, go_on(site), as_json)


@cli.command()
@with_config
@with_json
def resume(config: Path, as_json: bool) -> None:
    """Go on with what a power cut or the hours held up (kiosk-update-check.timer)."""
    site = _site(config)
    with alone(site.layout):
        idle = read_state(site.layout).step == "idle"
        state = go_on(site)
        _tell(site, state, as_json, failing=not idle)


@cli.command()
@with_config
@with_json
def status(config: Path, as_json: bool) -> None:
    """Which release runs, what is under way, and what came of the last one."""
    site = _site(config, asking=True)
    _tell(site, read_state(site.layout), as_json, failing=False)


@cli.command()
@click.option("--now", "at_once", is_flag=True, help="Also in working hours.")
@with_config
@with_json
def rollback(at_once: bool, config: Path, as_json: bool) -> None:
    """Give up what is under way; with nothing under way, go back to the release before."""
    site = _site(config)
    with alone(site.layout):
        if read_state(site.layout).step == "idle":
            prepare_return(site, Wishes(at_once))
            _tell(site, go_on(site), as_json)
        else:
            give_up(site)
            _tell(site, go_on(site), as_json, failing=False)


def _site(config: Path, *, asking: bool = False) -> Site:
    """The terminal's; raises `NotAllowedError` and `UntrustedError` before anything is done."""
    if not asking:
        _require_trust(config)
    settings = load(config)
    root = settings.update.root
    if not asking:
        if root.exists() and os.geteuid() not in (0, root.stat().st_uid):
            raise NotAllowedError(
                f"{root} is root's; nothing was done; a technician runs `sudo kiosk-update …`"
            )
        _require_trust(settings.update.public_key)
    return Site(settings.update, Systemd(), SystemClock(settings.terminal.zone).now)


def _require_trust(file: Path) -> None:
    """What says whose releases are installed as root must be root's, or the caller's own."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return  # said by who reads it
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022:
        raise UntrustedError(f"{file}: others can write it; nothing was done; make it root's, 0644")


def _tell(site: Site, state: State, as_json: bool, *, failing: bool = True) -> None:
    current, last = site.layout.version_at("current"), state.last
    if as_json:
        print_json({"current": current, **json.loads(state.model_dump_json())})
    else:
        click.echo(f"release {current or 'none'} runs")
        if state.step != "idle":
            why = f" ({state.reason})" if state.reason else ""
            click.echo(f"release {state.version}: {_WORDS[state.step]}{why}")
        if last is not None:
            why = f": {last.reason}" if last.reason else ""
            click.echo(f"last, {last.utc[:16]}: {last.version} {last.result}{why}")
    if not failing or state.step != "idle" or last is None:
        return
    if last.result in ("rolled_back", "unhealthy"):
        kept = "went back" if last.result == "rolled_back" else "there is no way back, it stays"
        raise UnhealthyError(f"release {last.version} is not healthy: {last.reason}; {kept}")
    if last.result == "given_up":
        raise PreparationError(f"release {last.version} was given up: {last.reason}")


def main() -> None:
    """Run the command line."""
    os.umask(0o022)  # the daemons, other users, run what is installed
    try:
        cli.main(standalone_mode=True)
    except (KioskError, StoreError) as error:
        click.echo(f"kiosk-update: {error}", err=True)
        code = error.exit_code if isinstance(error, KioskError) else 4
        sys.exit(2 if isinstance(error, SettingsError) else code)
    except OSError as error:
        click.echo(
            f"kiosk-update: {error.filename}: {error.strerror}; go on with `resume`", err=True
        )
        sys.exit(1)
