"""`kiosk people`: who is on this terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.later import Later, LazyGroup
from kiosk.overrides import load
from kiosk.stores import Stores, open_stores
from store.errors import UnknownPersonError
from store.people import Person, Role, TemplateEntry
from store.records import Instant
from store.register import Register

# Readers and hashing are theirs alone.
_LATER = {
    "badge": Later(
        "kiosk.commands.credentials:badge_command",
        "Give NUMBER a further badge: a line on stdin, unseen on a terminal, or --reader.",
    ),
    "pin": Later(
        "kiosk.commands.credentials:pin_command",
        "Give NUMBER a PIN, typed twice and unseen; it replaces the one there was.",
    ),
    "share": Later(
        "kiosk.commands.sharing:share_command",
        "The person consents that the site's other terminals get the templates (docs/sharing.md).",
    ),
    "unshare": Later(
        "kiosk.commands.sharing:unshare_command",
        "The person takes that back: the templates stay only where they were enrolled.",
    ),
}


@click.group(cls=LazyGroup, later=_LATER)
def people() -> None:
    """Who is on this terminal."""


@people.command("list")
@with_config
@with_json
def list_people(config: Path, as_json: bool) -> None:
    """Everybody, by number."""
    settings = load(config)
    with open_stores(settings) as stores:
        rows = [_row(person) for person in stores.gallery.people()]
    if as_json:
        print_json(rows)
    else:
        print_table(("number", "name", "language", "status", "templates", "renewal"), rows)


@people.command("show")
@click.argument("number")
@with_config
@with_json
def show_person(number: str, config: Path, as_json: bool) -> None:
    """What the terminal holds on one person, without the templates themselves."""
    settings = load(config)
    with open_stores(settings) as stores:
        person = find_person(stores, number)
        consented = stores.sharing.consent(person.number)
        row = {
            **_row(person),
            "badges": stores.credentials.badges(person.number),
            "pin": stores.credentials.pin_hash(person.number) is not None,
            "site_consent": None if consented is None else consented[1],
            "from_elsewhere": stores.sharing.standing(person.number).came,
        }
        made = [_template_row(entry) for entry in stores.templates.entries(number)]
    if as_json:
        print_json({**row, "made": made})
        return
    for key, value in row.items():
        click.echo(f"{key:14} {value}")
    print_table(("quality", "made", "origin", "model"), made)


@people.command("remove")
@click.argument("number")
@with_config
@with_json
def remove_person(number: str, config: Path, as_json: bool) -> None:
    """Delete a person and every template of theirs; their punches stay in the ledger."""
    _change(number, config, as_json, "removed", Register.remove)


@people.command("withdraw")
@click.argument("number")
@with_config
@with_json
def withdraw(number: str, config: Path, as_json: bool) -> None:
    """The person takes the consent back: every template of theirs is deleted at once."""
    _change(
        number,
        config,
        as_json,
        "consent withdrawn",
        Register.withdraw,
    )


@people.command("leave")
@click.argument("number")
@with_config
@with_json
def leave(number: str, config: Path, as_json: bool) -> None:
    """The person has left: every template of theirs is deleted at once."""
    _change(number, config, as_json, "left", Register.leave)


@people.command("unadapt")
@click.argument("number")
@with_config
@with_json
def unadapt(number: str, config: Path, as_json: bool) -> None:
    """Delete the templates that were taken up from presentations ([templates] adapt)."""
    _change(number, config, as_json, "is back to the enrolled templates", Register.unadapt)


@people.command("block")
@click.argument("number")
@with_config
@with_json
def block(number: str, config: Path, as_json: bool) -> None:
    """Stop recognising somebody at once, as when misuse is suspected; the templates stay."""
    _change(number, config, as_json, "blocked", Register.block)


@people.command("unblock")
@click.argument("number")
@with_config
@with_json
def unblock(number: str, config: Path, as_json: bool) -> None:
    """Recognise somebody again."""
    _change(number, config, as_json, "unblocked", Register.unblock)


@people.command("role")
@click.argument("number")
@click.argument("roles", nargs=-1, type=click.Choice(get_args(Role)))
@with_config
@with_json
def role(number: str, roles: tuple[Role, ...], config: Path, as_json: bool) -> None:
    """Give somebody exactly these ROLES at the terminal's screen; none takes all away."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        stores.register.set_roles(number, roles, now)
        held = find_person(stores, number).roles
    if as_json:
        print_json({"number": number, "roles": held})
    else:
        click.echo(f"{number}: {', '.join(held) or 'no role'}")


def _change(
    number: str,
    config: Path,
    as_json: bool,
    done: str,
    change: Callable[[Register, str, Instant], int | None],
) -> None:
    """Change the register and print how many templates that deleted, where it deletes any."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        deleted = change(stores.register, number, now)
    if as_json:
        print_json({"number": number, "done": done, "templates_deleted": deleted or 0})
    else:
        click.echo(
            f"{number} {done}" + ("" if deleted is None else f", {deleted} templates deleted")
        )


def find_person(stores: Stores, number: str) -> Person:
    """The person of this number; raises `UnknownPersonError` with the mend."""
    person = stores.gallery.person(number)
    if person is None:
        raise UnknownPersonError(
            "nobody has this number here; `kiosk people list` shows who has one"
        )
    return person


def _row(person: Person) -> dict[str, object]:
    return {
        "number": person.number,
        "name": person.name,
        "language": person.language,
        "status": person.status,
        "roles": " ".join(person.roles) or None,
        "templates": person.templates,
        "renewal": "due" if person.renewal_due else None,
    }


def _template_row(entry: TemplateEntry) -> dict[str, object]:
    return {
        "quality": entry.quality_millionths / 1e6,
        "made": entry.made_utc,
        "origin": entry.origin,
        "model": entry.model,
    }
