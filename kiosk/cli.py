"""`kiosk`: the terminal's command line. Errors are one line on stderr with the mend in it.

Exit codes: 0 done; 1 an error without a class of its own; 2 wrong use or settings; 3 keys;
4 databases; 5 camera, lamps, buzzer; 6 models; 7 refused (enrolment, unknown person); 8 not
joined to a site; 75 `kiosk run` ended in order and is to be started again; 77 not for this caller
(docs/roles.md). `kiosk doctor`: 20 a warning, 21 a failure (docs/doctor.md).
"""

from __future__ import annotations

import sys

import click

from kiosk.errors import KioskError
from kiosk.guard import guard
from kiosk.later import Later, LazyGroup
from recognizer.errors import RecognizerError
from store.errors import (
    InvalidValueError,
    JoinDocumentError,
    KeyFileError,
    SettingsError,
    SiteFileError,
    StoreError,
    TokenError,
    UnknownPersonError,
)
from store.hardening import harden

_COMMANDS = {
    "run": Later(
        "kiosk.commands.run:run",
        "Serve people at the door until SIGTERM, or until a recorded camera ends.",
    ),
    "enrol": Later(
        "kiosk.commands.enrol:enrol_command",
        "Enrol the person with this NUMBER from PHOTOS or, guided, at the camera.",
    ),
    "people": Later("kiosk.commands.people:people", "Who is on this terminal."),
    "punches": Later(
        "kiosk.commands.records:punches",
        "Every punch on this terminal, and whether headquarters has confirmed it.",
    ),
    "ledger": Later(
        "kiosk.commands.records:ledger", "The signed chain of everything that happened here."
    ),
    "retention": Later(
        "kiosk.commands.records:retention",
        "The daily job: delete what is past its time, leaving evidence of each purge.",
    ),
    "records": Later(
        "kiosk.commands.own_records:records",
        "What counts of NUMBER's punches of a day, what was recorded, and what was asked about it.",
    ),
    "dispute": Later(
        "kiosk.commands.own_records:dispute",
        "What employees say is wrong, and punches that they declared.",
    ),
    "keys": Later("kiosk.commands.keys:keys", "This terminal's keys."),
    "templates": Later("kiosk.commands.templates:templates", "The face templates as a whole."),
    "models": Later(
        "kiosk.commands.models:models_group",
        "Model weights: which there are, and bringing them here.",
    ),
    "backup": Later(
        "kiosk.commands.backup:backup", "Encrypted copies of everything that makes this terminal."
    ),
    "evaluate": Later(
        "kiosk.commands.evaluate:evaluate_command",
        "Measure the recogniser on a folder a person, LFW's pairs.txt, or a CSV with a,b,same.",
    ),
    "tune": Later(
        "kiosk.commands.tune:tune_command",
        "Measure how the networks run fastest on this machine, and keep it for `kiosk run`.",
    ),
    "pad": Later("kiosk.commands.pad:pad", "Presentation attack detection."),
    "contract": Later(
        "kiosk.commands.contract:contract",
        "The MQTT contract: AsyncAPI, JSON Schema, test vectors.",
    ),
    "doctor": Later(
        "kiosk.commands.doctor:doctor_command",
        "Look at everything that the terminal needs, a line each, with what mends it.",
    ),
    "notice": Later(
        "kiosk.commands.notice:notice_command",
        "The privacy notice that people agree to before their face counts.",
    ),
    "subject": Later(
        "kiosk.commands.subject:subject",
        "What this terminal holds on a person: a copy of it, and its erasure (docs/privacy.md).",
    ),
    "join": Later(
        "kiosk.commands.join:join_command",
        "Set this machine up as a terminal of SITE_FILE's site, and ask headquarters to let it in.",
    ),
    "decommission": Later(
        "kiosk.commands.decommission:decommission_command",
        "Write the last record, deliver it, erase everything.",
    ),
}


@click.group(
    cls=LazyGroup, later=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="kiosk")
def cli() -> None:
    """The face time clock's terminal."""


guard(cli)


_CODES: tuple[tuple[type[Exception], int], ...] = (
    (SettingsError, 2),
    (InvalidValueError, 2),
    (SiteFileError, 2),
    (TokenError, 2),
    (JoinDocumentError, 8),
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
