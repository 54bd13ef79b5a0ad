"""`kiosk notice`: the privacy notice, and `kiosk people accept`, which records that it was read."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from kiosk.clock import SystemClock
from kiosk.commands.options import print_json, with_config, with_json
from kiosk.commands.people import people
from kiosk.consent import renew
from kiosk.notices import Notice
from kiosk.overrides import load
from kiosk.paper import Words, pdf
from kiosk.stores import notices_of, open_stores
from store.files import disk_error, place, unoccupied


@click.command("notice")
@click.option("--language", default="en", show_default=True, help="en, zh, es, de; else English.")
@click.option(
    "--pdf",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write it as PDF, to print; never over another file.",
)
@with_config
@with_json
def notice_command(language: str, file: Path | None, config: Path, as_json: bool) -> None:
    """The privacy notice that people agree to before their face counts."""
    settings = load(config)
    notice = notices_of(settings).of(language)
    if not (settings.notice.responsible and settings.notice.contact):
        click.echo("the notice names nobody: set [notice] responsible and contact", err=True)
    if file is not None:
        unoccupied(file)
        with disk_error(file):
            place(file, printed(notice), 0o644)
    if as_json:
        print_json({**asdict(notice), "file": None if file is None else str(file)})
    elif file is not None:
        click.echo(f"{file}: the notice of {notice.version} ({notice.language})")
    else:
        click.echo(notice.text)


def printed(notice: Notice) -> bytes:
    """The notice as PDF, with its version and digest at the end."""
    words = [Words(block.kind, block.text) for block in notice.blocks()]
    foot = Words("paragraph", f"{notice.version} · SHA-256 {notice.digest}")
    return pdf(words[0].text, notice.language, [*words, foot])


@people.command("accept")
@click.argument("number")
@click.option("--how", required=True, help='How it was accepted, as "signed form 17".')
@click.option("--witness", help="Number of the person who saw it.")
@click.option("--language", help="The language that was read; the person's own otherwise.")
@with_config
@with_json
def accept(
    number: str, how: str, witness: str | None, language: str | None, config: Path, as_json: bool
) -> None:
    """The person has read and accepted the current notice, away from the terminal's screen."""
    settings = load(config)
    now = SystemClock(settings.terminal.zone).now()
    with open_stores(settings) as stores:
        new = renew(stores, number, language, how, now, witness)
        version = stores.notices.version
    if as_json:
        print_json({"number": number, "version": version, "recorded": new})
    else:
        said = "accepted the notice" if new else "had accepted the notice already:"
        click.echo(f"{number} {said} {version}")
