"""`kiosk`: the terminal's command line. Errors are one line on stderr with the mend in it.

Exit codes: 0 done; 1 an error without a class of its own; 2 wrong use or settings; 3 keys;
4 databases; 5 camera, lamps, buzzer; 6 models; 7 refused (enrolment, unknown person); 75 `kiosk
run` ended in order and is to be started again; 77 not for this caller (docs/roles.md). `kiosk
doctor`: 20 a warning, 21 a failure (docs/doctor.md).
"""

from __future__ import annotations

import sys

import click

from kiosk.commands import (
    backup,
    contract,
    credentials,
    doctor,
    enrol,
    evaluate,
    keys,
    models,
    notice,
    own_records,
    pad,
    people,
    records,
    run,
    sharing,
    subject,
    templates,
)
from kiosk.errors import KioskError
from kiosk.guard import guard
from recognizer.errors import RecognizerError
from store.errors import (
    InvalidValueError,
    KeyFileError,
    SettingsError,
    StoreError,
    UnknownPersonError,
)
from store.hardening import harden


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kiosk")
def cli() -> None:
    """The face time clock's terminal."""


for _command in (
    run.run,
    enrol.enrol_command,
    people.people,
    records.punches,
    records.ledger,
    records.retention,
    own_records.records,
    own_records.dispute,
    keys.keys,
    templates.templates,
    models.models_group,
    backup.backup,
    evaluate.evaluate_command,
    pad.pad,
    contract.contract,
    doctor.doctor_command,
    notice.notice_command,
    subject.subject,
):
    cli.add_command(_command)
for _command in (
    credentials.badge_command,
    credentials.pin_command,
    sharing.share_command,
    sharing.unshare_command,
):
    people.people.add_command(_command)
guard(cli)


_CODES: tuple[tuple[type[Exception], int], ...] = (
    (SettingsError, 2),
    (InvalidValueError, 2),
    (KeyFileError, 3),
    (UnknownPersonError, 7),
    (StoreError, 4),
    (RecognizerError, 6),
)


def exit_code(error: Exception) -> int:
    """The one place that maps an error to the exit code; the first class that fits counts."""
    if isinstance(error, KioskError):
        return error.exit_code
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def main() -> None:
    """Run the command line."""
    harden()
    try:
        cli.main(standalone_mode=True)
    except (KioskError, StoreError, RecognizerError) as error:
        click.echo(f"kiosk: {error}", err=True)
        sys.exit(exit_code(error))
