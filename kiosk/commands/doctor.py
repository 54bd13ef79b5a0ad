"""`kiosk doctor`: is this terminal fit for service? (docs/doctor.md)"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from kiosk.commands.options import print_json, with_config, with_json
from kiosk.commands.recognition import recognizer_settings
from kiosk.doctor import bundle, report
from kiosk.doctor.camera import DISTANCE_CM
from kiosk.doctor.examination import SEALED, examine, read_settings
from kiosk.doctor.finding import exit_code
from kiosk.doctor.machine import Machine
from kiosk.doctor.mending import mend
from store.files import unoccupied
from store.keys import keys_directory


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Mend first what is safe to mend; says what it did.")
@click.option("--assume-yes", is_flag=True, help="Ask nothing: lamps and buzzer count as seen.")
@click.option(
    "--bundle",
    "bundle_to",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a support bundle (.tar.gz) without personal data.",
)
@with_config
@with_json
def doctor_command(
    fix: bool, assume_yes: bool, bundle_to: Path | None, config: Path, as_json: bool
) -> None:
    """Look at everything that the terminal needs, a line each, with what mends it.

    The daemon may run. Ends with 0 all well, 20 a warning or something not checked, 21 a failure.
    """
    if bundle_to is not None:
        unoccupied(bundle_to)  # before anybody is asked anything
    machine = Machine()
    read = read_settings(config)
    settings = read.settings
    findings, said, mended = [read.finding], None, []
    if settings is not None:
        if fix:
            keys = keys_directory(settings.store.keys)
            mended = mend(settings.store.directory, keys, machine.root / SEALED, machine)
        asked = sys.stdin.isatty() and not assume_yes
        examined = examine(
            config,
            settings,
            machine,
            lambda: recognizer_settings(settings),
            _ask if asked else _assume if assume_yes else None,
            _ready if asked else None,
            assumed=assume_yes,
        )
        findings += examined.findings
        said = examined.said
    if as_json:
        print_json(report.document(findings, mended))
    else:
        for line in mended:
            click.echo(line)
        report.show(findings, Console())
    if bundle_to is not None:
        bundle.write(bundle_to, findings, settings, said, machine)
        click.echo(f"support bundle: {bundle_to}", err=True)
    sys.exit(exit_code(findings))


def _ask(question: str) -> bool:
    return click.confirm(question, default=True, err=True)


def _assume(_question: str) -> bool:
    return True


def _ready() -> None:
    text = f"Stand {DISTANCE_CM} cm before the camera, look at it, press Enter"
    click.prompt(text, default="", show_default=False, err=True)
