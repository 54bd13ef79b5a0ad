"""The commands of `kiosk-hq` about disputes, declared punches, corrections and incidents.

Argument parsing and output, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from hq.command_line import CONFIG, JSON, opened, reports_errors, show, span
from hq.decisions import Decision, answer, correct, incident_lines, question_lines
from hq.errors import DecisionError
from hq.keys import load_key
from hq.months import month_lines
from hq.reports import Line
from hq.settings import load
from store.records import Direction
from sync.contract.topics import Address

_ACTIONS = {"change": "changed", "add": "added", "cancel": "cancelled"}
_Command = TypeVar("_Command", bound=Callable[..., Any])
_EVERYTHING = click.option("--all", "everything", is_flag=True, help="Also what is answered.")


def _decides(command: _Command) -> _Command:
    """The options of who decides and what counts."""
    for option in reversed(
        (
            click.option("--by", required=True, metavar="NUMBER", help="Who enters it."),
            click.option(
                "--approved-by", metavar="NUMBER", help="Who approved it: another person."
            ),
            click.option("--why", required=True, help="The reason; the employee reads it."),
            click.option("--utc", help="When it really was, as 2026-11-24T08:00+01:00."),
            click.option("--direction", type=click.Choice(get_args(Direction))),
            click.option(
                "--expires", default="7d", show_default=True, help="The command's expiry."
            ),
        )
    ):
        command = option(command)
    return command


@click.command("disputes")
@_EVERYTHING
@JSON
@CONFIG
@reports_errors
def disputes(everything: bool, as_json: bool, config: Path) -> None:
    """Show the disputes that are open."""
    _questions("dispute", everything, as_json, config)


@click.command("declared")
@_EVERYTHING
@JSON
@CONFIG
@reports_errors
def declared(everything: bool, as_json: bool, config: Path) -> None:
    """Show the declared punches that are open: somebody had neither face, badge nor PIN."""
    _questions("declared_punch", everything, as_json, config)


@click.command("incidents")
@JSON
@CONFIG
@reports_errors
def incidents(as_json: bool, config: Path) -> None:
    """Show what a supervisor looks into: failed faces, attacks, declared punches."""
    show(incident_lines(opened(load(config), config)), as_json, _incident_text)


@click.command("month")
@click.argument("person")
@click.argument("month", metavar="YYYY-MM")
@JSON
@CONFIG
@reports_errors
def month_command(person: str, month: str, as_json: bool, config: Path) -> None:
    """Show what counts of PERSON's punches of a month, and whether they confirmed it."""
    lines = month_lines(opened(load(config), config), person, month)
    show(lines, as_json, _month_text)


@click.command("answer")
@click.argument("record_id")
@click.argument("outcome", type=click.Choice(["approve", "refuse"]))
@_decides
@click.option("--cancel", is_flag=True, help="The disputed punch does not count at all.")
@JSON
@CONFIG
@reports_errors
def answer_command(
    record_id: str, outcome: str, cancel: bool, as_json: bool, config: Path, **said: str | None
) -> None:
    """Answer the dispute or declared punch RECORD_ID; its terminal writes it down."""
    settings, now = load(config), datetime.now(UTC)
    key, database = load_key(settings.hq.signing_key), opened(settings, config)
    sent = answer(
        database,
        key,
        record_id,
        "approved" if outcome == "approve" else "refused",
        _decision(said),
        cancel,
        now,
        now + span(str(said["expires"])),
    )
    _sent(sent, "answer", as_json)


@click.command("correct")
@click.argument("person")
@click.argument("action", type=click.Choice(list(_ACTIONS)))
@click.option("--record", metavar="ID", help="The punch to change or cancel.")
@click.option("--terminal", metavar="SITE/TERMINAL", help="Where a punch is added.")
@_decides
@JSON
@CONFIG
@reports_errors
def correct_command(
    person: str,
    action: str,
    record: str | None,
    terminal: str | None,
    as_json: bool,
    config: Path,
    **said: str | None,
) -> None:
    """Correct a punch of PERSON without a dispute; nothing recorded is changed."""
    settings, now = load(config), datetime.now(UTC)
    key, database = load_key(settings.hq.signing_key), opened(settings, config)
    target = None
    if terminal is not None:
        site, _, name = terminal.partition("/")
        target = Address(site, name)
    sent = correct(
        database,
        key,
        person,
        _ACTIONS[action],  # type: ignore[arg-type]  # the values are the actions
        record,
        target,
        _decision(said),
        now,
        now + span(str(said["expires"])),
    )
    _sent(sent, "correct", as_json)


def _questions(kind: str, everything: bool, as_json: bool, config: Path) -> None:
    lines = question_lines(opened(load(config), config), [kind], datetime.now(UTC), everything)
    show(lines, as_json, _question_text)


def _decision(said: dict[str, str | None]) -> Decision:
    utc = None
    if said["utc"] is not None:
        try:
            utc = datetime.fromisoformat(said["utc"])
        except ValueError:
            raise DecisionError(
                f"--utc {said['utc']}: no time, as 2026-11-24T08:00+01:00"
            ) from None
        if utc.tzinfo is None:
            raise DecisionError("--utc needs its offset, as 2026-11-24T08:00+01:00")
    return Decision(
        by=str(said["by"]),
        why=str(said["why"]),
        approved_by=said["approved_by"],
        utc=utc,
        direction=said["direction"],  # type: ignore[arg-type]  # one of the choices
    )


def _sent(sent: tuple[Address, Any], type: str, as_json: bool) -> None:
    address, queued = sent
    line = {"terminal": str(address), "number": queued.number, "id": queued.id}
    show([line], as_json, lambda one: f"{one['terminal']}  {one['number']}  {type}")


def _question_text(line: Line) -> str:
    what = line.get("claim") or line.get("direction") or "no direction"
    day = f"of {line['day']}" if "day" in line else ""
    punch = line["punch"]
    about = f"punch {punch['local'] or punch['recorded']} {punch['direction']}" if punch else ""
    should_be = f"should be {line['should_be']}" if line.get("should_be") else ""
    command = f"answer {line['command']}" if line["command"] else ""
    parts = (
        line["local"] or line["recorded"],
        f"{line['site']}/{line['terminal']}",
        line["id"],
        line["person"],
        line["state"],
        what,
        day,
        about,
        should_be,
        line.get("reason", ""),
        command,
    )
    return _line(parts)


def _month_text(line: Line) -> str:
    confirmed = "not confirmed"
    if line["confirmed"] is not None:
        holds = "holds" if line["holds"] else "something else counts since"
        confirmed = f"confirmed {line['confirmed']}, {holds}"
    head = f"{line['site']}/{line['terminal']}  {len(line['punches'])} punches  {confirmed}"
    punches = (f"  {one['local']}  {one['direction'] or ''}".rstrip() for one in line["punches"])
    return "\n".join((head, *punches))


def _incident_text(line: Line) -> str:
    times = f"{line['attempts']} times" if "attempts" in line else ""
    parts = (
        line["local"] or line["recorded"],
        f"{line['site']}/{line['terminal']}",
        line["kind"],
        line.get("person", ""),
        times,
        line.get("reason", ""),
    )
    return _line(parts)


def _line(parts: Iterable[object]) -> str:
    """One line of what is said; what people typed cannot steer the terminal that shows it."""
    text = "  ".join(str(part) for part in parts if part)
    return "".join(c if c.isprintable() else "?" for c in text)
