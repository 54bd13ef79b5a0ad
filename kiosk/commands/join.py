"""`kiosk join`: from a site file and a token to a terminal that headquarters knows."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from kiosk.commands.options import print_json, with_config, with_json
from kiosk.join_asking import ask_over_broker, forget_pair, require_pair
from kiosk.joining import (
    ANSWER,
    REQUEST,
    Place,
    configure,
    install,
    is_joined,
    request,
    waiting_request,
)
from kiosk.provisioned import provisioned_place
from store.errors import JoinDocumentError, SiteFileError
from store.files import disk_error, place
from store.joining import Token, read_token
from store.keys import load_public_key
from store.self_signed import fingerprint
from store.site_file import Site, open_site

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
_NEW_FOLDER = click.Path(path_type=Path, file_okay=False)
_HOME = Path("/var/lib/kiosk")


@click.command("join")
@click.argument("site_file", type=_FILE)
@click.option("--name", required=True, help="This terminal's name at its site, as gate-b.")
@click.option(
    "--token", help="The one-time token, - from stdin; asked for when it is needed and not given."
)
@click.option("--hq-key", type=_FILE, help="Headquarters' hq.pub: the file's key must be this one.")
@click.option("--fingerprint", "given", help="Or the key's fingerprint, as headquarters tells it.")
@click.option(
    "--request-to", "folder", type=_FOLDER, help="Folder for request and answer: a stick."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1),
    default=600.0,
    show_default=True,
    help="Seconds to wait for headquarters' answer over the broker.",
)
@click.option("--replace", is_flag=True, help="Put this configuration in another one's place.")
@click.option(
    "--provisioned",
    is_flag=True,
    help="Settings and keys are there, from provision.sh: take those and make none.",
)
@click.option("--data", type=_NEW_FOLDER, default=_HOME, show_default=True, help="For databases.")
@click.option(
    "--keys", type=_NEW_FOLDER, default=_HOME / "keys", show_default=True, help="For keys."
)
@with_config
@with_json
def join_command(
    site_file: Path,
    name: str,
    token: str | None,
    hq_key: Path | None,
    given: str | None,
    folder: Path | None,
    timeout_s: float,
    replace: bool,
    provisioned: bool,
    data: Path,
    keys: Path,
    config: Path,
    as_json: bool,
) -> None:
    """Set this machine up as a terminal of SITE_FILE's site, and ask headquarters to let it in.

    It asks over the broker, where the site file has a join certificate; else with a stick. The same
    command again goes on where it was.
    """
    if token == "-":  # noqa: S105 - not a token: where it comes from
        token = sys.stdin.readline().strip()
    site = trusted(site_file, hq_key, given)
    changed: tuple[Path, ...] = ()
    if provisioned:
        at = provisioned_place(site, name, config.absolute())
    else:
        at = Place(config.absolute(), data.absolute(), keys.absolute())
        changed = configure(site, name, at, replace=replace)
    state = _go_on(site, name, token, folder, at, timeout_s)
    if as_json:
        print_json(
            {
                "terminal": f"{site.site}/{name}",
                "state": state,
                "written": [str(path) for path in changed],
            }
        )
    elif state == "joined":
        click.echo(f"{site.site}/{name} has joined; start kiosk and kiosk-sync")
    else:
        click.echo(
            f"the request is in {folder}; `kiosk-hq join sign` answers it there, "
            "then give this command again"
        )


def _go_on(
    site: Site, name: str, token: str | None, folder: Path | None, at: Place, timeout_s: float
) -> str:
    if not is_joined(site, name, at):
        if folder is not None:
            return _by_stick(site, name, token, folder, at)
        require_pair(site)
        raw = _asked(site, name, token, at)
        install(ask_over_broker(site, raw, at, timeout_s), at, datetime.now(UTC))
    forget_pair(at)
    return "joined"


def _by_stick(site: Site, name: str, token: str | None, folder: Path, at: Place) -> str:
    stem = f"{site.site}.{name}"
    answer = folder / f"{stem}{ANSWER}"
    with disk_error(answer):
        if at.request.exists() and answer.exists():
            try:
                install(answer.read_bytes(), at, datetime.now(UTC))
                return "joined"
            except JoinDocumentError:
                if token is None:  # with one, an old answer on the stick hinders no new request
                    raise
        raw = _asked(site, name, token, at)
        place(folder / f"{stem}{REQUEST}", raw, 0o644)
    return "asked"


def _asked(site: Site, name: str, token: str | None, at: Place) -> bytes:
    """The request: the one that waits, unless there is none or another token is given."""
    raw = waiting_request(site, name, at) if token is None else None
    return raw or request(site, name, _typed(token), at, datetime.now(UTC))


def _typed(token: str | None) -> Token:
    return read_token(token or str(click.prompt("token", err=True, hide_input=True)))


def trusted(path: Path, hq_key: Path | None, given: str | None) -> Site:
    """The site file's content, once it is known whose it is; raises `SiteFileError`.

    Without headquarters' key or its fingerprint it asks.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise SiteFileError(f"{path}: {error.strerror}") from error
    site, key = open_site(raw, None if hq_key is None else load_public_key(hq_key))
    shown = fingerprint(key)
    if given is not None and "".join(given.split()).lower() != shown.replace(" ", ""):
        raise SiteFileError(f"the site file is signed by {shown}; nothing was done")
    if hq_key is None and given is None:
        click.echo(f"site {site.site}, signed by headquarters' key\n  {shown}", err=True)
        click.confirm("Is this what headquarters says?", abort=True, err=True)
    return site
