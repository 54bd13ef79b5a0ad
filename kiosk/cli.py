"""`kiosk`: the terminal's command line. Errors are one line on stderr with the mend in it.

Exit codes: 0 done; 1 an error without a class of its own; 2 the command was not understood;
3 settings; 4 databases and keys; 5 camera, lamps, buzzer; 6 models; 7 refused (enrolment, unknown
person).
"""

from __future__ import annotations

import sys

import click

from kiosk.commands import keys, models, people, records, run
from kiosk.errors import KioskError
from recognizer.errors import RecognizerError
from store.errors import SettingsError, StoreError, UnknownPersonError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kiosk")
def cli() -> None:
    """The face time clock's terminal."""


for _command in (
    run.run,
    people.enrol_command,
    people.people,
    records.punches,
    records.ledger,
    keys.keys,
    models.models_group,
):
    cli.add_command(_command)


def exit_code(error: Exception) -> int:
    """The one place that maps an error to the exit code."""
    match error:
        case SettingsError():
            return 3
        case UnknownPersonError():
            return 7
        case StoreError():
            return 4
        case RecognizerError():
            return 6
        case KioskError():
            return error.exit_code
        case _:
            return 1


def main() -> None:
    """Run the command line."""
    try:
        cli.main(standalone_mode=True)
    except (KioskError, StoreError, RecognizerError) as error:
        click.echo(f"kiosk: {error}", err=True)
        sys.exit(exit_code(error))
