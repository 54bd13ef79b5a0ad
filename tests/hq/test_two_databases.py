"""What differs between the databases is kept inside `hq`: races, zones, old schemas, restarts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import MetaData, text

import hq.migrations
from hq.alarms import Alarm, raise_alarms
from hq.database import Database
from hq.errors import DatabaseTroubleError, DuplicateTerminalError
from hq.keys import public_pem
from hq.receiver import Receiver
from hq.reports import Reader, alarm_lines, terminal_lines
from hq.tables import METADATA
from hq.terminals import add_terminal
from morning.postgres import Postgres
from store.records import Punch
from sync.contract.events import build_batch
from sync.contract.status import build_status
from sync.contract.topics import Address, Channel, topic
from tests.hq.databases import Databases
from tests.hq.made import POLICY, open_office
from tests.sync.made import (
    GATE_A,
    GATE_A_KEY,
    GATE_B,
    HQ_KEY,
    NOON,
    OTHER_KEY,
    chain,
    head_of,
    inbound,
    next_record,
)

_STEPS = ScriptDirectory(hq.migrations.__path__[0]).walk_revisions()
FIRST = chain(1)[0]
VERSIONS = [step.revision for step in _STEPS][::-1]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_database_of_every_version_comes_up_to_this_one_with_its_records(
    databases: Databases, version: str
) -> None:
    url = databases.new()
    database = Database(url)
    database.upgrade(version)
    _fill(database)
    database.upgrade()
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    assert [line["confirmed"] for line in terminal_lines(database)] == [1]
    [line] = Reader(database).read()
    assert line["hash"] == FIRST.hash.hex()
    database.close()
    office = open_office(url)
    assert office.take([next_record(head_of([FIRST]))]).seq == 2
    office.database.close()


def _fill(database: Database) -> None:
    """One terminal with one confirmed record, in whatever columns the tables have."""
    values: dict[str, dict[str, object]] = {
        "terminals": {
            "id": 1,
            "site": GATE_A.site,
            "terminal": GATE_A.terminal,
            "public_key": public_pem(GATE_A_KEY.public_key()),
            "added_at": NOON,
            "head_seq": 1,
            "head_hash": FIRST.hash,
            "receipt_time": NOON,
            "replays_asked": 0,
            "command_number": 0,
        },
        "events": {
            "terminal_id": 1,
            "seq": 1,
            "record_id": FIRST.id,
            "kind": FIRST.kind,
            "utc": NOON,
            "person": "E1",
            "payload": FIRST.payload.decode(),
            "previous": FIRST.previous,
            "hash": FIRST.hash,
            "signature": FIRST.signature,
            "received_at": NOON,
            "receipt_seq": 1,
        },
    }
    with database.write() as connection:
        present = MetaData()
        present.reflect(connection)
        for table, row in values.items():
            connection.execute(present.tables[table].insert().values(**row))


def test_an_instant_of_the_first_year_comes_back_whatever_zone_the_server_is_in(
    databases: Databases,
) -> None:
    url = databases.new()
    if url.startswith("postgresql"):
        database = Database(url)
        with database.write() as connection:
            name = url.partition("?")[0].rpartition("/")[2]
            zone = text(f"ALTER DATABASE {name} SET timezone TO 'America/New_York'")
            connection.execute(zone)
        database.close()
    office = open_office(url)
    record = next_record(head_of([]), utc=datetime(1, 1, 1, tzinfo=UTC))
    office.take([record])
    [line] = Reader(office.database).read()
    assert line["data"]["time"]["utc"] == "0001-01-01T00:00:00.000000Z"
    assert office.alarms() == []
    office.database.close()


def test_the_same_alarm_from_four_workers_at_once_is_one_that_counts_four(
    databases: Databases,
) -> None:
    office = open_office(databases.ready())
    start = Barrier(4, timeout=30)
    message = inbound(topic(GATE_B, Channel.EVENTS), build_batch(chain(1, address=GATE_B))[0])

    def hear() -> None:
        receiver = Receiver(office.database, HQ_KEY, POLICY)
        start.wait()
        assert receiver.take([message], NOON) == []

    for _ in range(5):
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(hear) for _ in range(4)]:
                done.result()
    assert office.alarms() == [("unknown", 0, 20)]
    office.database.close()


def test_alarms_in_any_order_from_two_workers_do_not_lock_each_other_out(
    databases: Databases,
) -> None:
    office = open_office(databases.ready())
    alarms = [Alarm("forged", "plant-1", "gate-a", seq) for seq in range(40)]
    start = Barrier(2, timeout=30)

    def shout(mine: list[Alarm]) -> None:
        start.wait()
        with office.database.write() as connection:
            raise_alarms(connection, mine, NOON)

    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(shout, alarms), pool.submit(shout, alarms[::-1])]:
                done.result()
    assert {line["count"] for line in alarm_lines(office.database)} == {6}
    office.database.close()


def test_two_workers_with_crossing_terminals_do_not_lock_each_other_out(
    databases: Databases,
) -> None:
    office = open_office(databases.ready(), GATE_A, GATE_B)
    chains = {address: chain(40, address=address) for address in (GATE_A, GATE_B)}
    status = build_status(state="online", now=NOON, head=0, confirmed=0, version="0.1.0")
    start = Barrier(2, timeout=30)

    def work(mine: Address, other: Address) -> None:
        receiver = Receiver(office.database, HQ_KEY, POLICY)
        for record in chains[mine]:
            start.wait()
            receiver.take(
                [
                    inbound(topic(mine, Channel.EVENTS), build_batch([record])[0]),
                    inbound(topic(other, Channel.STATUS), status),
                ],
                NOON,
            )

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work, GATE_A, GATE_B), pool.submit(work, GATE_B, GATE_A)]
        for done in both:
            done.result()
    assert office.seqs() == [*range(1, 41), *range(1, 41)]
    office.database.close()


def test_the_victim_of_a_deadlock_is_told_to_try_again(postgres_databases: Databases) -> None:
    office = open_office(postgres_databases.ready(), GATE_A, GATE_B)
    both_have_one = Barrier(2, timeout=30)
    touch = text("UPDATE terminals SET replays_asked = 0 WHERE terminal = :terminal")

    def lock_in_order(*names: str) -> bool:
        try:
            with office.database.write() as connection:
                connection.execute(touch, {"terminal": names[0]})
                both_have_one.wait()
                connection.execute(touch, {"terminal": names[1]})
        except DatabaseTroubleError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lock_in_order, "gate-a", "gate-b")
        second = pool.submit(lock_in_order, "gate-b", "gate-a")
        assert sorted([first.result(), second.result()]) == [False, True]
    office.database.close()


def test_a_terminal_registered_by_two_people_at_once_is_registered_once(
    databases: Databases,
) -> None:
    office = open_office(databases.ready())
    start = Barrier(3, timeout=30)

    def register(key: Ed25519PrivateKey) -> str:
        start.wait()
        try:
            added = add_terminal(office.database, GATE_B, key.public_key(), NOON)
        except DuplicateTerminalError:
            return "another key"
        return "added" if added else "was there"

    with ThreadPoolExecutor(3) as pool:
        keys = (GATE_A_KEY, GATE_A_KEY, OTHER_KEY)
        said = sorted(done.result() for done in [pool.submit(register, key) for key in keys])
    assert said in (["added", "another key", "was there"], ["added", "another key", "another key"])
    office.database.close()


def test_a_database_server_killed_and_restarted_is_trouble_and_then_none(
    own_postgres: Postgres,
) -> None:
    office = open_office(own_postgres.create_database())
    records = chain(4)
    office.take(records[:2])
    own_postgres.kill()
    with pytest.raises(DatabaseTroubleError):
        office.take(records[2:])
    own_postgres.start()
    assert office.take(records[2:]).head == head_of(records)
    assert office.hashes() == [record.hash.hex() for record in records]
    office.database.close()


def test_a_round_larger_than_a_batch_and_text_of_every_script_fit(databases: Databases) -> None:
    office = open_office(databases.ready())
    records = chain(1000)
    records.append(next_record(head_of(records), Punch(person="日本𝒳é", method="face")))
    messages = [
        inbound(topic(GATE_A, Channel.EVENTS), build_batch(records[at : at + 100])[0])
        for at in range(0, len(records), 100)
    ]
    office.answers = office.receiver.take(messages, NOON)
    assert office.receipt().head == head_of(records)
    *_, last = Reader(office.database).read()
    assert last["data"]["body"]["person"] == "日本𝒳é"
    office.database.close()
