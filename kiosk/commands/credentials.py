"""`kiosk people badge` and `pin`: give and take badges and PINs.

Neither is ever an argument, which other users could see, nor in what is printed.
"""

from __future__ import annotations

import queue
import sys
import time
from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.commands.people import find_person
from kiosk.errors import ReaderError
from kiosk.panel import Badged
from kiosk.readers import badge_taker, badge_wire
from kiosk.reading import Reading
from kiosk.settings import BadgeSection, load
from kiosk.stores import open_stores
from store.pins import PinHasher, check_pin

_READER_S = 60.0  # to walk to the reader with the badge
_MOST = 1024  # characters of a line on stdin


@click.command("badge")
@click.argument("number")
@click.option("--reader", is_flag=True, help="Read it from the reader that [badge] names.")
@click.option("--remove", is_flag=True, help="Take all badges of this person away.")
@with_config
@with_json
def badge_command(number: str, reader: bool, remove: bool, config: Path, as_json: bool) -> None:
    """Give NUMBER a further badge: a line on stdin, unseen on a terminal, or --reader."""
    if reader and remove:
        raise click.UsageError("--reader or --remove, not both")
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now
    with open_stores(settings) as stores:
        person = find_person(stores, number).number
        if remove:
            change = f"{stores.register.remove_badges(person, now())} removed"
        else:
            code = _from_reader(settings.badge) if reader else _line("Badge", twice=False)
            added = stores.register.set_badge(person, stores.badge_key.badge(code), now())
            change = "added" if added else "known already"
        badges = stores.credentials.badges(person)
    if as_json:
        print_json({"number": person, "done": change, "badges": badges})
    else:
        click.echo(f"{person}: badge {change}, has {badges}")


@click.command("pin")
@click.argument("number")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read it as a line from stdin, once.")
@click.option("--remove", is_flag=True, help="Take the PIN away.")
@with_config
@with_json
def pin_command(number: str, from_stdin: bool, remove: bool, config: Path, as_json: bool) -> None:
    """Give NUMBER a PIN, typed twice and unseen; it replaces the one there was."""
    if from_stdin and remove:
        raise click.UsageError("--stdin or --remove, not both")
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now
    with open_stores(settings) as stores:
        person = find_person(stores, number).number
        if remove:
            change = "removed" if stores.register.remove_pin(person, now()) else "was not there"
        else:
            pin = _line("PIN", twice=not from_stdin)
            check_pin(pin, person)
            stores.register.set_pin(person, PinHasher().hash(pin), now())
            change = "set"
    if as_json:
        print_json({"number": person, "done": change})
    else:
        click.echo(f"{person}: PIN {change}")


def _line(what: str, *, twice: bool) -> str:
    """What is typed, unseen, on a terminal; else a line of stdin."""
    if twice or sys.stdin.isatty():
        return str(click.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))
    return sys.stdin.readline(_MOST).strip()


def _from_reader(section: BadgeSection) -> str:
    if section.source == "none":
        raise ReaderError("[badge] names no reader; give the code as a line on stdin")
    badges: queue.SimpleQueue[Badged] = queue.SimpleQueue()
    click.echo("hold the badge to the reader", err=True)
    reading = Reading("badge", badge_wire(section), badge_taker(badges.put, time.monotonic))
    try:
        return badges.get(timeout=_READER_S).code
    except queue.Empty:
        raise ReaderError(
            f"no badge was read in {_READER_S:.0f} s, nothing was changed; `kiosk run` has the "
            "reader for itself: stop it meanwhile, or give the code as a line on stdin"
        ) from None
    finally:
        reading.close()
