"""`kiosk enrol` and `kiosk people`: who is on this terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from kiosk.cameras import open_camera
from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, print_table, with_config, with_json
from kiosk.commands.recognition import open_eyes, policy_for, verification_for
from kiosk.enrolment import Applicant, Limits, enrol, from_camera, from_photos
from kiosk.overrides import load
from kiosk.stores import Stores, open_stores
from store.errors import UnknownPersonError
from store.people import Person, TemplateEntry
from store.records import Instant
from store.register import Register


@click.command("enrol")
@click.argument("number")
@click.argument("photos", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", required=True, help="Display name, shown on this terminal only.")
@click.option("--consent", required=True, help='How consent was given, as "signed form 17".')
@click.option("--witness", help="Number of the person who witnessed the consent.")
@click.option("--language", default="en", show_default=True, help="The person's language.")
@click.option("--camera", is_flag=True, help="Take the pictures from the terminal's camera.")
@click.option("--skip-unusable", is_flag=True, help="Pass over bad photos while one is good.")
@with_config
@with_json
def enrol_command(
    number: str,
    photos: tuple[Path, ...],
    name: str,
    consent: str,
    witness: str | None,
    language: str,
    camera: bool,
    skip_unusable: bool,
    config: Path,
    as_json: bool,
) -> None:
    """Enrol the person with this NUMBER from PHOTOS or from the camera."""
    if camera == bool(photos):
        raise click.UsageError("give photos, or --camera, and not both")
    settings = load(config)
    eyes = open_eyes(settings, camera=camera)
    passed_over: list[str] = []
    with open_stores(settings) as stores:
        if camera:
            source = open_camera(settings.camera)
            try:
                samples = from_camera(eyes, source)
            finally:
                source.close()
        else:
            samples, passed_over = from_photos(eyes, photos, skip_unusable=skip_unusable)
        there = stores.templates.count(eyes.model_digest)
        limits = Limits(
            one_person=verification_for(settings, eyes)(1),
            anybody=policy_for(settings, eyes)(there + len(samples)).threshold,
        )
        applicant = Applicant(number, name, language, consent, witness)
        now = SystemClock(settings.terminal.zone).now()
        count = enrol(stores, eyes.model_digest, applicant, samples, limits, now)
    if as_json:
        print_json({"number": number, "templates": count, "passed_over": passed_over})
        return
    for line in passed_over:
        click.echo(f"passed over {line}", err=True)
    click.echo(f"{number} enrolled with {count} template{'s' if count > 1 else ''}")


@click.group()
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
        row = _row(_find(stores, number))
        consented = stores.sharing.consent(number)
        row["site_consent"] = None if consented is None else consented[1]
        row["from_elsewhere"] = stores.sharing.standing(number).came
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


def _find(stores: Stores, number: str) -> Person:
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
