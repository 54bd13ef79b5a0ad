"""Headquarters numbers shares and withdrawals, passes seals on, and keeps none of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from hq.cli import main
from hq.commands import command_lines, send
from hq.errors import KeyFileError, NotSharedError, UnknownTerminalError
from hq.keys import create_keys, read_sealing_key
from hq.sharing import share
from hq.tables import COMMANDS, SEALS
from hq.terminals import add_terminal
from store.documents import seal_document
from store.keys import create_keys as create_terminal_keys
from store.records import (
    Body,
    Deletion,
    SiteConsentWithdrawal,
    TemplatesGiven,
    Withdrawal,
    utc_text,
)
from sync.contract.documents import Command, open_command
from sync.contract.topics import Address, Channel
from sync.contract.verify import START, Head
from tests.hq.databases import Databases, SqliteFiles
from tests.hq.made import Office, open_office
from tests.sync.made import GATE_A, GATE_A_KEY, GATE_B, HQ_KEY, NOON, next_record

GATE_C = Address("plant-1", "gate-c")
GATES = (GATE_A, GATE_B, GATE_C)
ELSEWHERE = Address("plant-2", "gate-a")
KEYS = {gate: X25519PrivateKey.generate().public_key() for gate in GATES}
ONE = "4711"
DAY = timedelta(days=1)
SEALED = "c2VhbGVk" * 20


class Site(Office):
    """Three terminals of one key, and one of another site."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.database, office.receiver)
        self.heads: dict[Address, Head] = dict.fromkeys(GATES, START)
        self.sent: dict[Address, list[Command]] = {gate: [] for gate in (*GATES, ELSEWHERE)}
        for gate, key in KEYS.items():
            assert not add_terminal(self.database, gate, GATE_A_KEY.public_key(), NOON, key)

    def share(self, source: Address = GATE_A, *to: str) -> int:
        return share(
            self.database, HQ_KEY, str(source), ONE, to, self.now, self.now + 7 * DAY
        ).change

    def work(self) -> None:
        """What a worker does once a second; what was published is in `sent`."""
        self.receiver.repeat_withdrawals(self.now)
        while self.receiver.share(self.now):
            pass
        for answer in self.receiver.due_commands(self.now):
            address = Address(*answer.topic.split("/")[2:4])
            command = open_command(HQ_KEY.public_key(), address, answer.payload)
            if command.id not in {known.id for known in self.sent[address]}:
                self.sent[address].append(command)

    def told(self, gate: Address, *bodies: Body) -> None:
        """The terminal's next records come."""
        records = []
        for body in bodies:
            records.append(next_record(self.heads[gate], body, gate))
            self.heads[gate] = Head(records[-1].seq, records[-1].hash)
        self.take(records, gate)

    def answered(self, command: Command, outcome: str = "done", **more: Any) -> None:
        body = {"v": 1, "command": command.id, "site": command.site, "terminal": command.terminal}
        body |= {"outcome": outcome, "detail": "", "time": utc_text(NOON), **more}
        address = Address(command.site, command.terminal)
        self.hear(Channel.REPLY, seal_document(GATE_A_KEY, "reply", body), address)

    def orders(self, gate: Address) -> list[tuple[str, str]]:
        return [(c.type, c.arguments["number"]) for c in self.sent[gate]]

    def count(self, table: Any) -> int:
        with self.database.read() as connection:
            return len(connection.execute(table.select()).all())


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    office = open_office(SqliteFiles(tmp_path).new(), *GATES, ELSEWHERE)
    yield Site(office)
    office.database.close()


@pytest.fixture
def either(databases: Databases) -> Iterator[Site]:
    """The same on both kinds of database."""
    office = open_office(databases.new(), *GATES, ELSEWHERE)
    yield Site(office)
    office.database.close()


def given(change: int) -> TemplatesGiven:
    return TemplatesGiven(
        person=ONE, templates=1, model="ab" * 32, receiver="gate-b", change=change
    )


def test_a_share_is_one_order_for_each_receiver_under_one_number_above_all_of_the_site(
    either: Site,
) -> None:
    site = either
    send(site.database, HQ_KEY, "plant-1/gate-c", "ping", {}, NOON + 9 * DAY, NOON + 10 * DAY)
    change = site.share()
    site.work()
    orders = site.sent[GATE_A]
    assert [c.type for c in orders] == ["share", "share"]
    assert {c.arguments["receiver"] for c in orders} == {"gate-b", "gate-c"}
    assert {c.arguments["change"] for c in orders} == {change}
    numbers = {c.number for gate in GATES for c in site.sent[gate] if c.type == "ping"}
    assert max(numbers) < change < min(c.number for c in orders)
    [(_, later)] = send(site.database, HQ_KEY, str(GATE_B), "ping", {}, NOON, NOON + DAY)
    assert later.number > change
    assert site.share(GATE_A, "gate-c") > later.number


def test_a_seal_goes_on_to_its_receiver_and_is_gone_when_that_has_answered(
    either: Site,
) -> None:
    site = either
    change = site.share(GATE_A, "gate-b")
    site.work()
    [order] = site.sent[GATE_A]
    site.answered(order, sealed=SEALED)
    assert site.count(SEALS) == 1
    site.work()
    assert site.count(SEALS) == 0
    [template] = site.sent[GATE_B]
    assert template.type == "template"
    assert template.arguments == {
        "number": ONE,
        "sender": "gate-a",
        "change": change,
        "heard": 0,
        "sealed": SEALED,
    }
    site.answered(template)
    with site.database.read() as connection:
        documents = connection.execute(COMMANDS.select()).all()
    assert not any(SEALED.encode() in row.document for row in documents)
    assert site.sent[GATE_C] == site.sent[ELSEWHERE] == []


def test_a_seal_for_what_was_refused_or_is_no_seal_goes_nowhere(site: Site) -> None:
    site.share(GATE_A)
    site.work()
    first, second = site.sent[GATE_A]
    site.answered(first, "refused", sealed=SEALED)
    site.answered(second, sealed="no base64")
    site.work()
    assert site.sent[GATE_B] == site.sent[GATE_C] == []
    assert site.count(SEALS) == 0


def test_what_headquarters_had_heard_of_the_receiver_goes_with_the_share(site: Site) -> None:
    site.told(GATE_B, given(1), given(2))
    site.share(GATE_A, "gate-b")
    site.told(GATE_B, given(3))
    site.work()
    site.answered(site.sent[GATE_A][0], sealed=SEALED)
    site.work()
    assert site.sent[GATE_B][0].arguments["heard"] == 2


def test_a_withdrawal_at_one_terminal_is_ordered_at_all_others_of_its_site(
    either: Site,
) -> None:
    site = either
    change = site.share(GATE_A, "gate-b")
    site.work()
    site.told(GATE_B, Withdrawal(person=ONE), Deletion(person=ONE, templates=1, reason="withdrawn"))
    site.work()
    assert site.orders(GATE_C) == [("withdraw", ONE)]
    assert site.orders(GATE_A) == [("share", ONE), ("withdraw", ONE)]
    assert site.orders(GATE_B) == site.orders(ELSEWHERE) == []
    assert all(site.sent[gate][-1].number > change for gate in (GATE_A, GATE_C))


@pytest.mark.parametrize(
    ("body", "type"),
    [
        (Deletion(person=ONE, templates=0, reason="removed"), "withdraw"),
        (Deletion(person=ONE, templates=2, reason="left"), "withdraw"),
        (Deletion(person=ONE, templates=2, reason="retention"), "withdraw"),
        (SiteConsentWithdrawal(person=ONE), "unshare"),
    ],
)
def test_so_is_every_other_end_of_a_consent(site: Site, body: Body, type: str) -> None:
    site.told(GATE_A, given(1), body)  # headquarters may have lost the commands, not the records
    site.work()
    assert site.orders(GATE_B) == site.orders(GATE_C) == [(type, ONE)]


@pytest.mark.parametrize(
    "body",
    [
        Withdrawal(person=ONE, order=5),
        Deletion(person=ONE, templates=1, reason="removed", order=5),
        SiteConsentWithdrawal(person=ONE, order=5),
        Deletion(person=ONE, templates=1, reason="replaced"),
        Deletion(person=ONE, templates=0, reason="retention"),
        Withdrawal(person="never shared"),
    ],
)
def test_an_echo_of_an_order_or_what_does_not_concern_sharing_is_not_passed_on(
    site: Site, body: Body
) -> None:
    site.told(GATE_A, given(1), body)
    site.work()
    assert site.orders(GATE_B) == site.orders(GATE_C) == []


@pytest.mark.parametrize("type", ["withdraw", "erase"])
def test_an_order_to_one_terminal_ends_the_consent_at_all(site: Site, type: str) -> None:
    site.told(GATE_A, given(1))
    send(site.database, HQ_KEY, str(GATE_B), type, {"number": ONE}, NOON, NOON + DAY)
    site.work()
    assert site.orders(GATE_B) == [(type, ONE)]
    assert site.orders(GATE_A) == site.orders(GATE_C) == [("withdraw", ONE)]


def test_nothing_is_shared_while_its_source_may_have_missed_a_withdrawal(site: Site) -> None:
    site.told(GATE_B, given(1), Withdrawal(person=ONE))
    with pytest.raises(NotSharedError, match="share after that"):
        site.share()
    site.work()
    site.pass_s(14 * DAY.total_seconds())
    site.work()
    with pytest.raises(NotSharedError, match="share after that"):
        site.share()
    site.answered(site.sent[GATE_A][-1])
    site.share()


def test_a_seal_whose_person_withdrew_meanwhile_does_not_go_on(site: Site) -> None:
    site.share(GATE_A, "gate-b")
    site.work()
    site.told(GATE_C, Withdrawal(person=ONE))
    site.work()
    site.answered(site.sent[GATE_A][0], sealed=SEALED)
    site.work()
    assert site.orders(GATE_B) == [("withdraw", ONE)]


def test_a_lost_withdrawal_comes_again_at_its_old_place_and_a_lost_template_too(
    either: Site,
) -> None:
    site = either
    site.told(GATE_A, given(1), Withdrawal(person=ONE))
    site.work()
    [withdrawal] = site.sent[GATE_B]
    change = site.share(GATE_A, "gate-b")
    site.work()
    site.answered(site.sent[GATE_A][-1], sealed=SEALED)
    site.work()
    assert site.orders(GATE_B) == [("withdraw", ONE), ("template", ONE)]
    site.pass_s(14 * DAY.total_seconds())
    site.work()
    assert site.orders(GATE_B) == [("withdraw", ONE), ("template", ONE)] * 2
    again, template = site.sent[GATE_B][2:]
    assert again.number > change > again.arguments["change"] == withdrawal.number
    assert template.arguments["change"] == change
    site.answered(template)
    with site.database.read() as connection:
        rows = connection.execute(COMMANDS.select()).all()
    assert not any(SEALED.encode() in row.document for row in rows)


def test_a_lost_template_is_not_repeated_after_a_withdrawal(site: Site) -> None:
    site.share(GATE_A, "gate-b")
    site.work()
    site.answered(site.sent[GATE_A][0], sealed=SEALED)
    site.work()
    site.told(GATE_C, Withdrawal(person=ONE))
    site.work()
    site.answered(site.sent[GATE_B][-1])
    site.pass_s(14 * DAY.total_seconds())
    site.work()
    assert site.orders(GATE_B) == [("template", ONE), ("withdraw", ONE)]


def test_who_cannot_share_is_told_why(site: Site) -> None:
    with pytest.raises(UnknownTerminalError, match="plant-1/gate-z"):
        site.share(Address("plant-1", "gate-z"))
    with pytest.raises(NotSharedError, match="--sealing"):
        share(site.database, HQ_KEY, str(ELSEWHERE), ONE, (), NOON, NOON + DAY)
    with pytest.raises(NotSharedError):
        site.share(GATE_A, "gate-a")


def test_the_command_line_registers_the_key_and_orders_the_share(tmp_path: Path) -> None:
    create_keys(tmp_path / "hq-keys")
    config = tmp_path / "hq.toml"
    config.write_text(
        '[mqtt]\nhost = "h"\nca = "c"\ncertificate = "c"\nkey = "k"\n'
        '[hq]\nsigning_key = "hq-keys/hq.key"\n'
    )

    def run(*words: str) -> str:
        done = CliRunner().invoke(main, [*words, "--config", str(config)])
        assert done.exit_code == 0, done.output
        return done.output

    for name in ("gate-a", "gate-b"):
        keys = tmp_path / name
        create_terminal_keys(keys)
        run("terminals", "add", "plant-1", name, str(keys / "signing.pub"))
    run(
        *("terminals", "add", "plant-1", "gate-b", str(tmp_path / "gate-b" / "signing.pub")),
        *("--sealing", str(tmp_path / "gate-b" / "sealing.pub")),
    )
    assert run("templates", "share", "plant-1/gate-a", ONE).startswith("gate-b  ")
    assert "share  queued" in run("commands", "list")
    with pytest.raises(KeyFileError, match="X25519"):
        read_sealing_key(tmp_path / "gate-b" / "signing.pub")


def test_lists_of_commands_show_no_seal(site: Site) -> None:
    site.share(GATE_A, "gate-b")
    site.work()
    site.answered(site.sent[GATE_A][0], sealed=SEALED)
    site.work()
    assert SEALED not in str(command_lines(site.database, NOON))
