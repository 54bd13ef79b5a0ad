"""Commands of headquarters: numbered, published in order, again on a return, answered once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hq.cli import main
from hq.commands import AGAIN_S, Outgoing, command_lines, queue_command, send
from hq.errors import UnknownTerminalError
from hq.terminals import find
from store.documents import seal_document
from store.records import utc_text
from sync.contract.documents import Command, open_command
from sync.contract.errors import MalformedPayloadError
from sync.contract.status import build_status
from sync.contract.topics import Address, Channel, topic
from tests.hq.databases import Databases
from tests.hq.made import Office, headquarters, open_office
from tests.sync.made import GATE_A, GATE_A_KEY, GATE_B, HQ_KEY, NOON

HOUR = timedelta(hours=1)


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    opened = open_office(databases.ready(), GATE_A, GATE_B)
    yield opened
    opened.database.close()


def queued(office: Office, type: str = "ping", target: str = "plant-1/gate-a", **more: Any) -> int:
    """The number of a new command."""
    expires = office.now + HOUR
    [(_, one)] = send(office.database, HQ_KEY, target, type, more, office.now, expires)
    return one.number


def opened(answers: list[Outgoing], address: Address = GATE_A) -> list[Command]:
    name = topic(address, Channel.COMMAND)
    key = HQ_KEY.public_key()
    return [open_command(key, address, a.payload) for a in answers if a.topic == name]


def due(office: Office) -> list[int]:
    return [command.number for command in opened(office.receiver.due_commands(office.now))]


def online(office: Office) -> list[int]:
    """The terminal says that it is there; the numbers that are published to it then."""
    status = build_status(state="online", now=NOON, head=0, confirmed=0, version="0.1.0")
    return [command.number for command in opened(office.hear(Channel.STATUS, status))]


def reply(office: Office, number: int, outcome: str, detail: str = "") -> None:
    lines = command_lines(office.database, office.now)
    [command_id] = [line["id"] for line in lines if line["number"] == number]
    body = {
        "v": 1,
        "command": command_id,
        "site": GATE_A.site,
        "terminal": GATE_A.terminal,
        "outcome": outcome,
        "detail": detail,
        "time": utc_text(NOON),
    }
    office.hear(Channel.REPLY, seal_document(GATE_A_KEY, "reply", body))


def states(office: Office) -> list[str]:
    return [line["state"] for line in command_lines(office.database, office.now)]


def test_commands_are_signed_numbered_and_published_once_in_order(office: Office) -> None:
    numbers = [queued(office, "block", number="7"), queued(office), queued(office, "purge")]
    assert numbers == sorted(set(numbers))
    assert states(office) == ["queued"] * 3
    commands = opened(office.receiver.due_commands(office.now))
    assert [(c.number, c.type) for c in commands] == [
        (numbers[0], "block"),
        (numbers[1], "ping"),
        (numbers[2], "purge"),
    ]
    assert (commands[0].arguments, commands[0].expires) == ({"number": "7"}, NOON + HOUR)
    assert due(office) == []
    assert states(office) == ["sent"] * 3


def test_what_is_not_answered_is_published_again_when_the_terminal_returns(office: Office) -> None:
    first, second = queued(office), queued(office)
    assert due(office) == [first, second]
    assert online(office) == []  # on its way
    reply(office, first, "done")
    office.pass_s(AGAIN_S)
    assert online(office) == [second]
    assert online(office) == []
    office.pass_s(3600)
    assert online(office) == []
    assert states(office) == ["done", "unanswered"]


def test_a_new_command_brings_a_lost_one_before_it(office: Office) -> None:
    lost = queued(office)
    due(office)
    office.pass_s(AGAIN_S)
    fresh = queued(office)
    assert due(office) == [lost, fresh]


def test_a_command_that_a_higher_one_overtook_is_shown_as_such(office: Office) -> None:
    queued(office)
    reply(office, queued(office), "done")
    assert states(office) == ["overtaken", "done"]


def test_the_first_reply_counts(office: Office) -> None:
    number = queued(office)
    reply(office, number, "done", "2 templates deleted")
    reply(office, number, "refused", "expired")
    [line] = command_lines(office.database, office.now)
    assert (line["state"], line["detail"]) == ("done", "2 templates deleted")


def test_a_site_gets_one_command_each_or_none(office: Office) -> None:
    send(office.database, HQ_KEY, "plant-1", "ping", {}, NOON, NOON + HOUR)
    answers = office.receiver.due_commands(office.now)
    assert [len(opened(answers, address)) for address in (GATE_A, GATE_B)] == [1, 1]
    for target in ("plant-2", "plant-1/gate-x", "plant", ""):
        with pytest.raises(UnknownTerminalError):
            send(office.database, HQ_KEY, target, "ping", {}, NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("type", "arguments"),
    [
        ("dance", {}),
        ("ping", {"loud": True}),
        ("block", {}),
        ("block", {"number": ""}),
        ("replay", {"from_seq": 0}),
        ("configure", {"settings": "x" * 16_385}),
        ("upsert_employee", {"number": "1", "name": "N", "status": "king"}),
        ("upsert_employee", {"number": "1", "name": "N", "keep_until": "tomorrow"}),
    ],
)
def test_what_the_contract_does_not_have_is_never_signed(
    office: Office, type: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(MalformedPayloadError):
        send(office.database, HQ_KEY, "plant-1", type, arguments, NOON, NOON + HOUR)
    assert states(office) == []


def test_numbers_grow_also_when_the_clock_goes_back(office: Office) -> None:
    with office.database.write() as connection:
        terminal = find(connection, {GATE_A})[GATE_A]

        def one(now: datetime) -> int:
            return queue_command(connection, HQ_KEY, terminal, "ping", {}, now, NOON + HOUR).number

        numbers = [one(NOON), one(NOON - timedelta(days=400)), one(NOON)]
    assert numbers == [int(NOON.timestamp() * 1000) + step for step in range(3)]


def call(*words: str | Path) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


@pytest.mark.usefixtures("left_as_found")
def test_the_command_line_sends_and_lists(tmp_path: Path) -> None:
    config = headquarters(tmp_path)
    (tmp_path / "one.json").write_text('{"number": "7"}')
    sending = ("commands", "send", "plant-1/gate-a")
    words = ("--arguments", f"@{tmp_path / 'one.json'}", "--config", config)
    done = call(*sending, "withdraw", "--expires", "7d", *words)
    assert done.exit_code == 0, done.output
    [line] = json.loads(call("commands", "list", "--json", "--config", config).stdout)
    assert (line["type"], line["state"], line["terminal"]) == ("withdraw", "queued", "gate-a")
    made, expires = (datetime.fromisoformat(line[key]) for key in ("made", "expires"))
    assert expires - made == timedelta(days=7)
    assert "withdraw  queued" in call("commands", "list", "--config", config).stdout
    for wrong in (
        ("dance",),
        ("block", "--arguments", "{}"),
        ("block", "--arguments", "[]"),
        ("block", "--arguments", "@/nowhere"),
        ("ping", "--expires", "soon"),
    ):
        assert call(*sending, *wrong, "--config", config).exit_code == 2, wrong
