"""Headquarters lets a terminal go with its last record, or gives it up at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from sqlalchemy import select

from hq.commands import command_lines, send
from hq.decommissioning import decommission
from hq.errors import CertificateError, DuplicateTerminalError, UnknownTerminalError
from hq.issued import revocation_list
from hq.reports import alarm_lines, terminal_lines
from hq.tables import COMMANDS
from hq.terminals import add_terminal
from morning.pki import Authority
from store.records import Body, Decommission, Punch, Record
from tests.hq.databases import Databases
from tests.hq.made import Office, open_office
from tests.sync.made import GATE_A, GATE_A_KEY, GATE_B, HQ_KEY, head_of, next_record

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
LAST = Decommission(why="ordered", people=3, templates=9)


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    opened = open_office(databases.ready(), GATE_A, GATE_B)
    opened.now = NOW
    yield opened
    opened.database.close()


def chain(*bodies: Body) -> list[Record]:
    records: list[Record] = []
    for body in bodies:
        records.append(next_record(head_of(records), body))
    return records


def let_go(office: Office, *, lost: bool = False, certificates: tuple[str, ...] = ()) -> int:
    expires = NOW + DAY
    return decommission(
        office.database, HQ_KEY, GATE_A, NOW, expires, lost=lost, certificates=certificates
    )


def left(office: Office) -> tuple[object, object]:
    line = terminal_lines(office.database)[0]
    return line["left"], line["confirmed"]


def alarms(office: Office) -> list[tuple[str, int]]:
    return [(line["what"], line["seq"]) for line in alarm_lines(office.database)]


PUNCH = Punch(person="1001", method="face")


def test_a_terminal_goes_with_its_last_record_and_nothing_behind_it_is_taken(
    office: Office,
) -> None:
    records = chain(PUNCH, PUNCH, LAST, PUNCH)
    let_go(office)
    office.take(records[:2])
    assert left(office) == ("leaving", 2)
    assert office.take(records[2:3])
    assert left(office) == ("erased", 3)
    assert office.take(records[2:])  # it is still answered: it waits for this receipt
    assert (left(office), alarms(office)) == (("erased", 3), [("left", 4)])


def test_a_last_record_that_comes_before_a_gap_is_closed_counts_once_it_is(
    office: Office,
) -> None:
    records = chain(PUNCH, PUNCH, LAST)
    office.take(records[2:])
    assert left(office) == (None, 0)
    office.take(records[:2])
    assert left(office) == ("erased", 3)  # a technician let it go: no order was needed


def test_of_a_lost_terminal_nothing_is_believed_and_nothing_answered(office: Office) -> None:
    records = chain(PUNCH, PUNCH)
    office.take(records[:1])
    let_go(office, lost=True)
    with pytest.raises(ValueError, match="got 0"):  # of the answers one is to be a receipt
        office.take(records)
    assert office.answers == []
    assert (left(office), alarms(office)) == (("lost", 1), [("left", 0)])
    [order] = command_lines(office.database, NOW)
    assert order["type"] == "erase_terminal"
    with office.database.read() as connection:
        document = connection.execute(select(COMMANDS.c.document)).scalar_one()
    assert json.loads(document)["body"]["arguments"] == {"at_once": True}


def test_who_left_is_ordered_nothing_more(office: Office) -> None:
    withdrawal = {"number": "7"}
    send(office.database, HQ_KEY, str(GATE_A), "withdraw", withdrawal, NOW, NOW + DAY)
    let_go(office, lost=True)
    sent = send(office.database, HQ_KEY, "plant-1", "ping", {}, NOW, NOW + DAY)
    assert [address for address, _ in sent] == [GATE_B]
    with pytest.raises(UnknownTerminalError):
        send(office.database, HQ_KEY, str(GATE_A), "ping", {}, NOW, NOW + DAY)
    assert office.receiver.repeat_withdrawals(NOW + 90 * DAY) == 0


def test_a_name_of_one_that_left_is_never_given_again(office: Office) -> None:
    let_go(office, lost=True)
    with pytest.raises(DuplicateTerminalError, match="new name"):
        add_terminal(office.database, GATE_A, GATE_A_KEY.public_key(), NOW)


def test_its_certificates_are_on_the_list_until_they_end(
    office: Office, authority: Authority
) -> None:
    pem = authority.client(str(GATE_A), NOW).certificate.read_text()
    assert let_go(office, certificates=(pem,)) == 0
    assert serials(office, authority, NOW) == []
    office.take(chain(LAST))
    [serial] = serials(office, authority, NOW)
    assert serial == x509.load_pem_x509_certificate(pem.encode()).serial_number
    assert serials(office, authority, NOW + 40 * DAY) == []


def serials(office: Office, authority: Authority, now: datetime) -> list[int]:
    key = authority.directory / "ca.key"
    pem, count = revocation_list(office.database, authority.ca, key, DAY, now)
    crl = x509.load_pem_x509_crl(pem)
    issuer = x509.load_pem_x509_certificate(authority.ca.read_bytes())
    assert crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
    found = [one.serial_number for one in crl]
    assert len(found) == count
    return found


def test_what_is_unknown_or_anothers_changes_nothing(office: Office, authority: Authority) -> None:
    others = authority.client(str(GATE_B), NOW).certificate.read_text()
    for wrong in ("x", others):
        with pytest.raises(CertificateError):
            let_go(office, certificates=(wrong,))
    assert left(office) == (None, 0)
    other = GATE_A.__class__("plant-9", "gate-x")
    with pytest.raises(UnknownTerminalError):
        decommission(office.database, HQ_KEY, other, NOW, NOW + DAY, lost=False)
