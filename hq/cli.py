"""The command `kiosk-hq`: argument parsing, output, logging, signals, exit codes. Nothing else.

Exit codes: 0 done, 2 wrong use or settings, 3 a key or certificate cannot be used, 4 the database
cannot be used, 1 anything else. Errors are one line on stderr with the mend.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import click

from hq.certificate_cli import certificates_group
from hq.command_line import CONFIG, JSON, opened, reports_errors, show, span
from hq.commands import command_lines, send
from hq.daemon import run
from hq.decision_cli import (
    answer_command,
    correct_command,
    declared,
    disputes,
    incidents,
    month_command,
)
from hq.keys import create_keys, load_key, read_public_key, read_sealing_key
from hq.punches import Punches
from hq.reports import Line, Reader, alarm_lines, terminal_lines
from hq.settings import database_url, load
from hq.template_cli import templates_group
from hq.terminals import add_terminal
from store.errors import UnsuitablePinError
from store.pins import PinHasher, check_pin
from sync.contract.commands import COMMANDS
from sync.contract.topics import Address
from sync.contract.wire import load_json
from sync.journal import log_to
from sync.stopping import Stop

_FOLLOW_EVERY_S = 0.2


@click.group()
def main() -> None:
    """Receive the records of every terminal, verify them and answer with receipts."""


for _command in (
    certificates_group,
    templates_group,
    disputes,
    declared,
    incidents,
    month_command,
    answer_command,
    correct_command,
):
    main.add_command(_command)


@main.command("run")
@CONFIG
@reports_errors
def run_command(config: Path) -> None:
    """Run one worker until SIGTERM; the log is JSON lines on stderr."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    signal.signal(signal.SIGINT, stop.request)
    log_to(None, "hq", "sync")
    settings = load(config)
    run(settings, database_url(settings, config), stop, Random())


@main.group("keys")
def keys_group() -> None:
    """The key that signs receipts and commands."""


@keys_group.command("create")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@reports_errors
def keys_create(directory: Path) -> None:
    """Make hq.key (secret) and hq.pub (for every terminal's [hq] public_key) in DIRECTORY."""
    private, public = create_keys(directory)
    click.echo(f"{private}\n{public}")


@main.group("terminals")
def terminals_group() -> None:
    """The terminals whose records are believed."""


@terminals_group.command("add")
@click.argument("site")
@click.argument("terminal")
@click.argument("public_key", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--sealing",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Its sealing.pub, so that templates can be shared to it; also later.",
)
@CONFIG
@reports_errors
def terminals_add(
    site: str, terminal: str, public_key: Path, sealing: Path | None, config: Path
) -> None:
    """Register TERMINAL of SITE with its PUBLIC_KEY (the terminal's signing.pub)."""
    database = opened(load(config), config)
    address, key = Address(site, terminal), read_public_key(public_key)
    to = None if sealing is None else read_sealing_key(sealing)
    added = add_terminal(database, address, key, datetime.now(UTC), to)
    click.echo(f"{address} {'added' if added else 'was registered already'}")


@terminals_group.command("list")
@JSON
@CONFIG
@reports_errors
def terminals_list(as_json: bool, config: Path) -> None:
    """Show every registered terminal and how far its records go."""
    lines = terminal_lines(opened(load(config), config))
    show(lines, as_json, _terminal_text)


@main.command("punches")
@JSON
@click.option("--follow", is_flag=True, help="Go on as punches arrive, until Ctrl-C.")
@click.option("--all", "everything", is_flag=True, help="Also what is cancelled, and what was.")
@CONFIG
@reports_errors
def punches(as_json: bool, follow: bool, everything: bool, config: Path) -> None:
    """Show the confirmed punches that count; with --follow --json one object a line.

    A time that becomes surer, and a punch that is corrected, while following is told again: the
    same id, and `corrects`.
    """

    def text(line: Line) -> str:
        return _punch_text(line) + (_decision_text(line) if everything else "")

    def shown(line: Line) -> bool:
        return bool(everything or line["counts"] or line["corrects"] is not None)

    _records(Punches(opened(load(config), config)), as_json, follow, text, shown)


@main.command("events")
@JSON
@click.option("--follow", is_flag=True, help="Go on as records arrive, until Ctrl-C.")
@CONFIG
@reports_errors
def events(as_json: bool, follow: bool, config: Path) -> None:
    """Show every confirmed record of every kind."""
    _records(Reader(opened(load(config), config)), as_json, follow, _event_text)


@main.command("alarms")
@JSON
@CONFIG
@reports_errors
def alarms(as_json: bool, config: Path) -> None:
    """Show what should never have arrived."""
    show(alarm_lines(opened(load(config), config)), as_json, _alarm_text)


@main.group("commands")
def commands_group() -> None:
    """What terminals are ordered to do, and what came of it."""


@commands_group.command("send")
@click.argument("target", metavar="SITE[/TERMINAL]")
@click.argument("type", type=click.Choice(list(COMMANDS)))
@click.option("--arguments", default="{}", help="A JSON object, or @FILE with one.")
@click.option("--expires", default="1h", show_default=True, help="After 30m, 1h, 7d.")
@JSON
@CONFIG
@reports_errors
def commands_send(
    target: str, type: str, arguments: str, expires: str, as_json: bool, config: Path
) -> None:
    """Order one TERMINAL, or each one of SITE; a running worker delivers it."""
    settings = load(config)
    now = datetime.now(UTC)
    key, database = load_key(settings.hq.signing_key), opened(settings, config)
    sent = send(database, key, target, type, _arguments(arguments), now, now + span(expires))
    lines = [{"terminal": str(to), "number": one.number, "id": one.id} for to, one in sent]
    show(lines, as_json, lambda line: f"{line['terminal']}  {line['number']}  {type}")


@commands_group.command("pin-hash")
@click.argument("number")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the PIN from stdin, once.")
@reports_errors
def commands_pin_hash(number: str, from_stdin: bool) -> None:
    """Print the `pin_hash` of a PIN for NUMBER, typed twice and unseen."""
    if from_stdin:
        pin = sys.stdin.readline(1024).strip()
    else:
        pin = str(click.prompt("PIN", hide_input=True, confirmation_prompt=True, err=True))
    try:
        check_pin(pin, number)
    except UnsuitablePinError as error:
        raise click.BadParameter(str(error), param_hint="the PIN") from None
    click.echo(PinHasher().hash(pin))


@commands_group.command("list")
@JSON
@CONFIG
@reports_errors
def commands_list(as_json: bool, config: Path) -> None:
    """Show every command with its outcome, or that there is none: unanswered, overtaken."""
    lines = command_lines(opened(load(config), config), datetime.now(UTC))
    show(lines, as_json, _command_text)


def _arguments(text: str) -> dict[str, Any]:
    try:
        raw = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode("utf-8")
    except OSError as error:
        raise click.BadParameter(f"{text[1:]}: {error.strerror}", param_hint="arguments") from None
    value = load_json(raw)
    if not isinstance(value, dict):
        raise click.BadParameter("not a JSON object", param_hint="arguments")
    return value


def _command_text(line: dict[str, Any]) -> str:
    return (
        f"{line['made']}  {line['site']}/{line['terminal']}  #{line['number']}  {line['type']}"
        f"  {line['state']}  {line['detail'] or ''}"
    ).rstrip()


def _records(
    reader: Reader | Punches,
    as_json: bool,
    follow: bool,
    text: Callable[[Line], str],
    shown: Callable[[Line], bool] = lambda _: True,
) -> None:
    if not follow:
        show(filter(shown, reader.read()), as_json, text)
        return
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.request)
    signal.signal(signal.SIGINT, stop.request)
    while not stop.requested:
        for line in filter(shown, reader.read()):
            click.echo(json.dumps(line) if as_json else text(line))
        time.sleep(_FOLLOW_EVERY_S)


def _terminal_text(line: dict[str, Any]) -> str:
    text, status = f"{line['site']}/{line['terminal']}  {line['confirmed']}", line["status"]
    if status is None:
        return text
    faults = ", ".join(status.get("faults", ()))
    return f"{text}  {status['state']}  backlog {status['backlog']}  {faults}".rstrip()


def _punch_text(line: dict[str, Any]) -> str:
    when = line["local"] or line["time"]
    if when is None:
        when = f"between {line['earliest']} and {line['latest']}"
    error = "" if line["error_ms"] is None else f" ±{line['error_ms']} ms"
    way = f"  {line['direction']}" if line["direction"] else ""
    again = "" if line["corrects"] is None else "  corrected"
    again += "" if line["counts"] else "  does not count"
    return (
        f"{when}  {line['sure']}{error}  {line['site']}/{line['terminal']}  #{line['seq']}"
        f"  {line['person']}  {line['method'] or 'added'}{way}  recorded {line['recorded']}"
        f"  received {line['received']}  receipt {line['receipt']}{again}"
    )


def _decision_text(line: dict[str, Any]) -> str:
    was = line["was"]
    text = f"  was {was['local'] or was['time']} {was['direction']}" if was else ""
    for one in line["decisions"]:
        text += f"  {one['action']} by {one['by']}, approved by {one['approved_by']}: {one['why']}"
    return "".join(c if c.isprintable() else "?" for c in text)


def _event_text(line: dict[str, Any]) -> str:
    return (
        f"{line['data']['time']['utc']}  {line['site']}/{line['terminal']}  #{line['seq']}"
        f"  {line['kind']}  received {line['received']}  receipt {line['receipt']}"
    )


def _alarm_text(line: dict[str, Any]) -> str:
    return (
        f"{line['last']}  {line['what']}  {line['site']}/{line['terminal']}  #{line['seq']}"
        f"  {line['count']} times  {line['evidence']}"
    )
