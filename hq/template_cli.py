"""The commands `kiosk-hq templates`: argument parsing and output, nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from hq.command_line import CONFIG, JSON, opened, reports_errors, show, span
from hq.keys import load_key
from hq.settings import load
from hq.sharing import share


@click.group("templates")
def templates_group() -> None:
    """Face templates between the terminals of a site, sealed (docs/sharing.md)."""


@templates_group.command("share")
@click.argument("source", metavar="SITE/TERMINAL")
@click.argument("person", metavar="NUMBER")
@click.option("--to", multiple=True, metavar="TERMINAL", help="Only to it; may be repeated.")
@click.option("--expires", default="7d", show_default=True, help="After 30m, 1h, 7d.")
@JSON
@CONFIG
@reports_errors
def templates_share(
    source: str, person: str, to: tuple[str, ...], expires: str, as_json: bool, config: Path
) -> None:
    """Have the terminal where NUMBER enrolled seal the templates for the site's other ones.

    For each whose sealing key is known (`terminals add --sealing`); a running worker delivers.
    """
    settings, now = load(config), datetime.now(UTC)
    key, database = load_key(settings.hq.signing_key), opened(settings, config)
    shared = share(database, key, source, person, to, now, now + span(expires))
    lines = [{"to": name, "change": shared.change} for name in shared.receivers]
    show(lines, as_json, lambda line: f"{line['to']}  {line['change']}")
