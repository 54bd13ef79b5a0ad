"""Disputes and declared punches, and headquarters' decisions about them and other punches.

- A decision is a signed command to the terminal that has the record. It counts once the terminal
  has written it: the answer and the correction come back as records of its chain.
- Two people decide: who enters it and who approves it, and nobody about themselves.
- What a decision leaves open is taken from the dispute where that says it; otherwise it is refused
  here, before anything is signed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, select

from hq.commands import Queued, queue_command
from hq.database import Database
from hq.errors import DecisionError, UnknownRecordError, UnknownTerminalError
from hq.punches import local_text
from hq.reports import Line, line_of_person, lines_of_id, lines_of_kinds
from hq.tables import COMMANDS
from hq.terminals import find, lock
from store.orders import Action, check_approval, check_says_what
from store.records import Direction, utc_text
from sync.contract.topics import Address

QUESTIONS = ("dispute", "declared_punch")
_INCIDENTS = ("face_failed", "rejection", "declared_punch")
_ATTACK = "attack"  # of all rejections the one that a supervisor has to see


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decides, why, and what is to count; an aware `utc`."""

    by: str
    why: str
    approved_by: str | None = None
    utc: datetime | None = None
    direction: Direction | None = None


def question_lines(
    database: Database, kinds: Sequence[str], now: datetime, everything: bool
) -> list[Line]:
    """Disputes or declared punches, as they arrived; only open ones unless `everything`.

    `state` is "open", "approved" or "refused" by the terminal's own record; `command` is what
    became of the newest command that answers it: "sent", "expired", "done", "refused", or None.
    """
    with database.read() as connection:
        events = lines_of_kinds(connection, kinds)
        answers = lines_of_kinds(connection, ["answer"])
        sent = _sent_answers(connection, now)
        outcomes: dict[tuple[str, str, object], Any] = {}
        for answer in answers:
            body = answer["data"]["body"]
            key = (answer["site"], answer["terminal"], body.get("answers"))
            outcomes.setdefault(key, body.get("outcome"))
        lines = []
        for event in events:
            state = outcomes.get((event["site"], event["terminal"], event["id"]), "open")
            if everything or state == "open":
                command = sent.get(event["id"])
                lines.append(_question(connection, event, state, command))
    return lines


def incident_lines(database: Database) -> list[Line]:
    """What a supervisor looks into, as it arrived: failed faces, attacks, declared punches."""
    with database.read() as connection:
        events = lines_of_kinds(connection, _INCIDENTS)
    return [
        {**_place(event), "kind": event["kind"], **_words(event, "person", "attempts", "reason")}
        for event in events
        if event["kind"] != "rejection" or event["data"]["body"].get("reason") == _ATTACK
    ]


def answer(
    database: Database,
    key: Ed25519PrivateKey,
    record_id: str,
    outcome: Literal["approved", "refused"],
    decision: Decision,
    cancel: bool,
    now: datetime,
    expires: datetime,
) -> tuple[Address, Queued]:
    """Send the answer to a dispute or declared punch to its terminal.

    Raises UnknownRecordError, DecisionError, MalformedPayloadError, DatabaseError.
    """
    with database.read() as connection:
        asked = [one for one in lines_of_kinds(connection, QUESTIONS) if one["id"] == record_id]
        answers = lines_of_kinds(connection, ["answer"])
        sent = _sent_answers(connection, now).get(record_id)
    if not asked:
        raise UnknownRecordError(
            f"{record_id}: no such dispute or declared punch; `kiosk-hq disputes`, `declared`"
        )
    if any(one["data"]["body"].get("answers") == record_id for one in answers):
        raise DecisionError("it is answered already; `kiosk-hq correct` changes what counts")
    if sent in ("sent", "done"):
        raise DecisionError(
            "an answer is on its way; `kiosk-hq commands list` says what became of it"
        )
    body = asked[0]["data"]["body"]
    arguments = {
        "person": body.get("person"),
        "answers": record_id,
        "outcome": outcome,
        "by": decision.by,
        "approved_by": decision.approved_by,
        "why": decision.why,
    }
    if outcome == "approved":
        arguments |= _what_counts(asked[0]["kind"], body, decision, cancel)
        _check(str(body.get("person")), decision)
    elif cancel or decision.utc or decision.direction:
        raise DecisionError("a refusal corrects nothing")
    address = Address(asked[0]["site"], asked[0]["terminal"])
    return address, _queue(database, key, address, "answer", arguments, now, expires)


def correct(
    database: Database,
    key: Ed25519PrivateKey,
    person: str,
    action: Action,
    corrects: str | None,
    target: Address | None,
    decision: Decision,
    now: datetime,
    expires: datetime,
) -> tuple[Address, Queued]:
    """Send a correction of headquarters' own accord.

    The terminal is that of the record `corrects`; for what is added it is `target`. Raises
    UnknownRecordError, UnknownTerminalError, DecisionError, MalformedPayloadError, DatabaseError.
    """
    _check(person, decision)
    try:
        check_says_what(action, decision.utc, decision.direction)
    except ValueError as error:
        raise DecisionError(str(error)) from None
    if (corrects is None) != (action == "added") or (target is None) != (action != "added"):
        raise DecisionError("what is added needs its terminal, anything else the record's id")
    if corrects is not None:
        with database.read() as connection:
            found = [
                one
                for one in lines_of_id(connection, person, corrects)
                if one["kind"] in ("punch", "correction")
            ]
        if not found:
            raise UnknownRecordError(
                f"{corrects}: no such punch of this person; `kiosk-hq punches`"
            )
        target = Address(found[0]["site"], found[0]["terminal"])
    if target is None:
        raise DecisionError("what is added needs its terminal")
    arguments = {
        "person": person,
        "action": action,
        "corrects": corrects,
        "utc": _text(decision.utc),
        "direction": decision.direction,
        "by": decision.by,
        "approved_by": decision.approved_by,
        "why": decision.why,
    }
    return target, _queue(database, key, target, "correct", arguments, now, expires)


def _what_counts(kind: str, body: Line, decision: Decision, cancel: bool) -> dict[str, Any]:
    """The action, time and direction of an approval."""
    utc: datetime | str | None = decision.utc
    said = decision.utc or decision.direction
    action: Action = "added"
    if kind == "declared_punch":
        if cancel:
            raise DecisionError("a declared punch that is wrong is refused")
    elif cancel or (body.get("about") and not said and body.get("claim") == "not_me"):
        if said or not body.get("about"):
            raise DecisionError(
                "what is cancelled is a recorded punch, without --utc and --direction"
            )
        action = "cancelled"
    else:
        utc = utc or (None if decision.direction and body.get("about") else body.get("should_be"))
        action = "changed" if body.get("about") else "added"
        if utc is None and (action == "added" or decision.direction is None):
            raise DecisionError("say what counts: --utc, --direction or --cancel")
    text = _text(utc) if isinstance(utc, datetime) else utc
    return {"action": action, "utc": text, "direction": decision.direction}


def _check(person: str, decision: Decision) -> None:
    try:
        check_approval(person, decision.by, decision.approved_by)
    except ValueError as error:
        raise DecisionError(f"{error}; --approved-by") from None


def _queue(
    database: Database,
    key: Ed25519PrivateKey,
    address: Address,
    type: str,
    arguments: dict[str, Any],
    now: datetime,
    expires: datetime,
) -> Queued:
    with database.write() as connection:
        known = find(connection, {address}).get(address)
        if known is None:
            raise UnknownTerminalError(f"{address}: no such terminal; `kiosk-hq terminals list`")
        lock(connection, {known.id})
        return queue_command(connection, key, known, type, arguments, now, expires)


def _sent_answers(connection: Connection, now: datetime) -> dict[str, str]:
    """By the record that they answer, what became of the newest command."""
    query = select(COMMANDS).where(COMMANDS.c.type == "answer").order_by(COMMANDS.c.id)
    found = {}
    for row in connection.execute(query):
        arguments = json.loads(row.document)["body"]["arguments"]
        waiting = "sent" if row.expires_at > now else "expired"
        found[str(arguments["answers"])] = row.outcome or waiting
    return found


def _question(connection: Connection, event: Line, state: str, command: str | None) -> Line:
    line = {
        **_place(event),
        **_words(event, "person", "direction", "day", "claim", "should_be", "reason", "about"),
        "kind": event["kind"],
        "state": state,
        "command": command,
        "punch": None,
    }
    about = line.get("about")
    if about is not None:
        person = str(line["person"])
        punch = line_of_person(connection, event["site"], event["terminal"], person, str(about))
        line["punch"] = None if punch is None else {**_place(punch), **_words(punch, "direction")}
    return line


def _place(event: Line) -> Line:
    """Where and when, as its clock said."""
    time = event["data"]["time"]
    recorded = datetime.fromisoformat(time["utc"])
    return {
        "site": event["site"],
        "terminal": event["terminal"],
        "seq": event["seq"],
        "id": event["id"],
        "recorded": time["utc"],
        "local": local_text(recorded, time.get("zone")),
        "synchronised": time.get("synchronised"),
    }


def _words(event: Line, *names: str) -> Line:
    body = event["data"]["body"]
    return {name: body[name] for name in names if name in body}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else utc_text(instant)
