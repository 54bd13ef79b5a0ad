"""A withdrawal that was not done is ordered until it is; one that was forgotten, again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from hq.commands import AGAIN_S, command_lines, send
from store.documents import seal_document
from store.records import (
    Body,
    Consent,
    Deletion,
    PersonEntry,
    PersonStatus,
    Record,
    Resumption,
    Withdrawal,
    utc_text,
)
from sync.contract.documents import open_command
from sync.contract.topics import Channel
from tests.hq.databases import Databases
from tests.hq.made import Office, open_office
from tests.sync.made import GATE_A, GATE_A_KEY, HQ_KEY, NOON, chain, head_of, next_record

HOUR_S = 3600


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    opened = open_office(databases.ready(), GATE_A)
    yield opened
    opened.database.close()


def order(office: Office, type: str, *, hold_s: int = HOUR_S, **arguments: str) -> int:
    expires = office.now + timedelta(seconds=hold_s)
    [(_, one)] = send(office.database, HQ_KEY, "plant-1", type, arguments, office.now, expires)
    return one.number


def reply(office: Office, number: int, outcome: str = "done", detail: str = "") -> None:
    [id] = [line["id"] for line in lines(office) if line["number"] == number]
    body = {"v": 1, "command": id, "site": GATE_A.site, "terminal": GATE_A.terminal}
    body |= {"outcome": outcome, "detail": detail, "time": utc_text(NOON)}
    office.hear(Channel.REPLY, seal_document(GATE_A_KEY, "reply", body))


def lines(office: Office) -> list[dict[str, object]]:
    return command_lines(office.database, office.now)


def states(office: Office) -> list[tuple[object, object]]:
    return [(line["type"], line["state"]) for line in lines(office)]


def ordered(office: Office) -> list[tuple[str, str]]:
    """The type and person of what a worker now publishes."""
    commands = [
        open_command(HQ_KEY.public_key(), GATE_A, answer.payload)
        for answer in office.receiver.due_commands(office.now)
    ]
    return [(command.type, command.arguments["number"]) for command in commands]


@pytest.mark.parametrize("type", ["withdraw", "erase", "block"])
def test_what_expired_unanswered_is_queued_anew_until_it_is_answered(
    office: Office, type: str
) -> None:
    number = order(office, type, number="7")
    for _ in range(3):
        assert ordered(office) == [(type, "7")]
        assert office.receiver.repeat_withdrawals(office.now) == 0  # it may still be done
        office.pass_s(14 * 24 * HOUR_S)
        assert office.receiver.repeat_withdrawals(office.now) == 1
        assert office.receiver.repeat_withdrawals(office.now) == 0
    assert ordered(office) == [(type, "7")]
    *before, last = lines(office)
    assert {line["state"] for line in before} == {"repeated"}
    assert before[0]["followed_by"] == before[1]["number"] != number
    reply(office, int(str(last["number"])))
    office.pass_s(30 * 24 * HOUR_S)
    assert office.receiver.repeat_withdrawals(office.now) == 0


def test_each_repetition_holds_longer_but_not_for_ever(office: Office) -> None:
    order(office, "withdraw", number="7")
    for _ in range(12):
        office.pass_s(14 * 24 * HOUR_S)
        office.receiver.repeat_withdrawals(office.now)
    with office.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT document FROM commands ORDER BY number").all()
    commands = [open_command(HQ_KEY.public_key(), GATE_A, row.document) for row in rows]
    held_h = [(c.expires.timestamp() * 1000 - c.number) / 3_600_000 for c in commands]
    assert [round(hours) for hours in held_h[:4]] == [1, 2, 4, 8]
    assert max(held_h) <= 7 * 24
    assert len(held_h) == 13


def test_what_was_overtaken_is_queued_anew_once_its_reply_is_not_on_the_way(
    office: Office,
) -> None:
    overtaken = order(office, "withdraw", number="7")
    reply(office, order(office, "ping"))
    assert office.receiver.repeat_withdrawals(office.now) == 0
    office.pass_s(AGAIN_S)
    assert office.receiver.repeat_withdrawals(office.now) == 1
    again = int(str(lines(office)[-1]["number"]))
    assert again > overtaken
    reply(office, again)
    assert states(office) == [("withdraw", "repeated"), ("ping", "done"), ("withdraw", "done")]
    office.pass_s(HOUR_S * 24)
    assert office.receiver.repeat_withdrawals(office.now) == 0


def test_a_terminal_whose_clock_is_ahead_is_asked_again_with_longer_pauses(office: Office) -> None:
    asked_s: list[int] = []
    waited_s = 0
    reply(office, order(office, "withdraw", number="7"), "refused", "expired")
    while len(asked_s) < 12:
        step_s = 30 if len(asked_s) < 5 else 1800
        office.pass_s(step_s)
        waited_s += step_s
        if office.receiver.repeat_withdrawals(office.now):
            asked_s.append(waited_s)
            waited_s = 0
            reply(office, int(str(lines(office)[-1]["number"])), "refused", "expired")
    assert asked_s[:4] == [30, 60, 120, 240]
    assert asked_s[-1] == 6 * HOUR_S


def test_other_refusals_are_answers_and_other_commands_expire(office: Office) -> None:
    reply(office, order(office, "block", number="7"), "refused", "nobody has this number here")
    order(office, "ping")
    order(office, "upsert_employee", number="7", name="N")
    office.pass_s(HOUR_S * 24)
    assert office.receiver.repeat_withdrawals(office.now) == 0
    assert [state for _, state in states(office)] == ["refused", "unanswered", "unanswered"]


def test_what_the_operator_sent_again_is_not_repeated_twice(office: Office) -> None:
    order(office, "withdraw", number="7")
    order(office, "erase", number="7")
    office.pass_s(HOUR_S)
    order(office, "erase", number="7")
    assert office.receiver.repeat_withdrawals(office.now) == 0
    assert [line["state"] for line in lines(office)] == ["repeated", "repeated", "queued"]


def test_a_block_gives_way_to_a_later_upsert_that_is_done(office: Office) -> None:
    order(office, "block", number="7")
    upsert = order(office, "upsert_employee", hold_s=2 * HOUR_S, number="7", name="N")
    office.pass_s(HOUR_S)
    assert office.receiver.repeat_withdrawals(office.now) == 0  # the upsert may still be done
    reply(office, upsert)
    assert office.receiver.repeat_withdrawals(office.now) == 0
    assert lines(office)[0]["followed_by"] == upsert


def test_a_block_outlives_a_later_upsert_that_expired(office: Office) -> None:
    order(office, "block", number="7")
    order(office, "upsert_employee", number="7", name="N")
    office.pass_s(HOUR_S)
    assert office.receiver.repeat_withdrawals(office.now) == 1


# -- what a terminal forgot ---------------------------------------------------------------------


def told(*bodies: Body) -> list[Record]:
    """Five punches, then records of these bodies."""
    records = chain(5)
    for body in bodies:
        records.append(next_record(head_of(records), body))
    return records


def resumption(records: list[Record], held: int, reason: str = "restored") -> Record:
    body = Resumption(
        after_seq=len(records),
        after_hash=records[-1].hash.hex(),
        held_seq=held,
        held_hash=records[held - 1].hash.hex() if held else "00" * 32,
        reason=reason,
    )
    return next_record(type(head_of(records))(records[-1].seq + 1000, records[-1].hash), body)


def left(person: str) -> PersonStatus:
    return PersonStatus(person=person, status="left")


def consent(person: str) -> Consent:
    return Consent(person=person, text_digest="0" * 64, text_version="1", how="signed")


def removal(person: str) -> Deletion:
    return Deletion(person=person, templates=1, reason="removed")


def test_what_was_said_after_the_backup_is_ordered_again(office: Office) -> None:
    records = told(
        Withdrawal(person="before"),
        Withdrawal(person="taken-back"),
        removal("gone"),
        PersonStatus(person="barred", status="blocked"),
        PersonStatus(person="let-in", status="blocked"),
        PersonStatus(person="let-in", status="active"),
        PersonStatus(person="left", status="blocked"),
        left("left"),
        Withdrawal(person="anew"),
        consent("anew"),
        Deletion(person="replaced", templates=2, reason="replaced"),
    )
    office.take(records)
    resumed = resumption(records, held=6)
    office.take([resumed])
    office.take([resumed])  # a delivery that comes twice orders nothing twice
    assert sorted(ordered(office)) == [
        ("block", "barred"),
        ("erase", "gone"),
        ("withdraw", "anew"),
        ("withdraw", "left"),
        ("withdraw", "taken-back"),
    ]


@pytest.mark.parametrize("reason", ["damaged", "missing"])
def test_where_only_the_ledger_was_lost_a_later_consent_counts(office: Office, reason: str) -> None:
    records = told(
        Withdrawal(person="1"),
        consent("1"),
        Withdrawal(person="2"),
        removal("3"),
        PersonEntry(person="3", change="added"),
        removal("4"),
    )
    office.take(records)
    office.take([resumption(records, held=0, reason=reason)])
    assert sorted(ordered(office)) == [("erase", "4"), ("withdraw", "2")]


def test_a_withdrawal_that_comes_after_the_resumption_is_ordered_again(office: Office) -> None:
    records = told(Withdrawal(person="1"))
    office.take(records[:5])
    office.take([resumption(records[:5], held=2)])
    assert ordered(office) == []
    office.take(records[5:])  # it was on the way all the time
    assert ordered(office) == [("withdraw", "1")]


def test_a_number_that_no_command_can_name_stops_nothing(office: Office) -> None:
    class Odd(Body):
        person: str

    Odd.kind = "withdrawal"
    records = told(Odd(person="  "), Withdrawal(person="1"))
    office.take(records)
    resumed = resumption(records, held=0)
    assert office.take([resumed]).head == head_of([resumed])
    assert ordered(office) == [("withdraw", "1")]
