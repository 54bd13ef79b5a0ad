"""What the commands of `kiosk-hq` share: options, errors and exit codes, durations, output.

Exit codes: 0 done, 2 wrong use or settings, 3 a key or certificate cannot be used, 4 the database
cannot be used, 1 anything else. Errors are one line on stderr with the mend.
"""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import ParamSpec, TypeVar

import click

from hq.database import Database
from hq.errors import CertificateError, DatabaseError, DecisionError, HqError, KeyFileError
from hq.reports import Line
from hq.settings import Settings, database_url
from store.errors import SettingsError, SiteFileError, StoreError
from sync.contract.errors import ContractError
from sync.errors import CredentialError, SyncError

DEFAULT_CONFIG = Path("/etc/kiosk/hq.toml")
_Params = ParamSpec("_Params")
_Result = TypeVar("_Result")

CONFIG = click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Headquarters' TOML file.",
)
JSON = click.option("--json", "as_json", is_flag=True, help="JSON instead of text.")


def reports_errors(command: Callable[_Params, _Result]) -> Callable[_Params, _Result]:
    """Turn our errors into one line on stderr and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: _Params.args, **kwargs: _Params.kwargs) -> _Result:
        try:
            return command(*args, **kwargs)
        except (HqError, StoreError, SyncError, ContractError) as error:
            click.echo(f"kiosk-hq: {error}", err=True)
            sys.exit(exit_code(error))

    return wrapped


def exit_code(error: Exception) -> int:
    """What a command ends with for an error."""
    if isinstance(error, (SettingsError, SiteFileError, ContractError, DecisionError)):
        return 2
    if isinstance(error, (KeyFileError, CertificateError, CredentialError)):
        return 3
    return 4 if isinstance(error, DatabaseError) else 1


def span(text: str) -> timedelta:
    """A duration as 30m, 1h, 7d."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    match = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if match is None:
        raise click.BadParameter("a number and s, m, h or d, as 1h", param_hint="expires")
    return timedelta(**{units[match[2]]: int(match[1])})


def opened(settings: Settings, config: Path) -> Database:
    """The database of the settings, brought up to date."""
    database = Database(database_url(settings, config))
    database.upgrade()
    return database


def show(lines: Iterable[Line], as_json: bool, text: Callable[[Line], str]) -> None:
    """Print lines as one JSON array, or each as a text."""
    if as_json:
        click.echo(json.dumps(list(lines), indent=1))
        return
    for line in lines:
        click.echo(text(line))


def read_pem(path: Path) -> str:
    """A PEM file's text; raises `CertificateError`."""
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise CertificateError(f"{path}: {error.strerror}") from error
    except ValueError:
        raise CertificateError(f"{path}: not a PEM certificate") from None
