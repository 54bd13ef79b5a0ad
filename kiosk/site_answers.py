"""What a site file says, as files for `scripts/provision.sh` (docs/provisioning.md).

    python -m kiosk.site_answers read SITE_FILE (--hq-key FILE | --fingerprint TEXT) --out DIR
    python -m kiosk.site_answers check SETTINGS

- `read` writes, once it is known whose the file is: `answers` (`KEY=VALUE` lines, keys as
  provision.sh's), `ca.pem`, `hq.pub`, `settings.toml`, and `tables`, the names of its tables. The
  key of a join certificate is not among them.
- `check` says what is wrong with settings, if anything is, as a terminal would at its start.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
from pydantic import ValidationError

from kiosk.cli import exit_code
from kiosk.commands.join import trusted
from kiosk.errors import KioskError
from kiosk.settings import (
    CameraSection,
    IndicatorsSection,
    PadSection,
    ScreenSection,
    Section,
    load,
)
from store.errors import SiteFileError, StoreError
from store.files import disk_error, place
from store.site_file import Site

_FILE = click.Path(path_type=Path, dir_okay=False)
# What provision.sh asks and a site's settings may say: the key, the table, the setting.
_SAID: tuple[tuple[str, str, str, type[Section]], ...] = (
    ("CAMERA", "camera", "source", CameraSection),
    ("PINS", "indicators", "pins", IndicatorsSection),
    ("PAD", "pad", "mode", PadSection),
    ("SCREEN", "screen", "enabled", ScreenSection),
    ("LANGUAGE", "screen", "language", ScreenSection),
)


def answers_of(site: Site) -> dict[str, str]:
    """The answers to provision.sh's questions that the site file has.

    Where a table of it leaves a setting out, the answer is the terminal's default. `JOINS` is how
    terminals join, `broker` or `stick`. Raises `SiteFileError` for a table that no terminal takes.
    """
    answers = {
        "SITE": site.site,
        "ZONE": site.zone,
        "BROKER": site.host,
        "BROKER_PORT": str(site.port),
        "JOINS": "stick" if site.join_key is None else "broker",
    }
    tables = tomllib.loads(site.settings)
    for key, table, setting, section in _SAID:
        if table in tables:
            try:
                said = getattr(section.model_validate(tables[table]), setting)
            except ValidationError as error:
                why = error.errors(include_url=False)[0]["msg"]
                raise SiteFileError(f"the site file's [{table}] cannot be used: {why}") from None
            answers[key] = {True: "yes", False: "no"}.get(said, said)
    return answers


@click.group()
def main() -> None:
    """A site file, for provision.sh."""


@main.command("read")
@click.argument("site_file", type=_FILE)
@click.option("--hq-key", type=_FILE, help="The key that must have signed it.")
@click.option("--fingerprint", "given", help="Or that key's fingerprint.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
def read_command(site_file: Path, hq_key: Path | None, given: str | None, out: Path) -> None:
    """Write what the site file says into a folder."""
    if hq_key is None and given is None:
        raise click.UsageError("--hq-key or --fingerprint says whose the site file must be")
    site = trusted(site_file, hq_key, given)
    lines = [f"{key}={value}" for key, value in answers_of(site).items()]
    files = {
        "answers": "".join(f"{line}\n" for line in lines),
        "ca.pem": site.ca,
        "hq.pub": site.hq_key,
        "settings.toml": site.settings,
        "tables": "".join(f"{name}\n" for name in tomllib.loads(site.settings)),
    }
    with disk_error(out):
        out.mkdir(mode=0o700, exist_ok=True)
        for name, text in files.items():
            place(out / name, text.encode("utf-8"))


@main.command("check")
@click.argument("settings_file", type=_FILE)
def check_command(settings_file: Path) -> None:
    """Say what is wrong with the settings, if anything is."""
    load(settings_file)


def run() -> None:
    """Run the command line; an error is one line on stderr."""
    try:
        main()
    except (KioskError, StoreError) as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(exit_code(error)) from None


if __name__ == "__main__":
    run()
