"""The database: the migrations make what the tables say, and a newer one is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from hq.commands import send
from hq.database import Database
from hq.errors import DatabaseTroubleError, DatabaseUrlError, NewerDatabaseError
from hq.tables import METADATA
from hq.terminals import add_terminal
from tests.hq.databases import Databases
from tests.sync.made import GATE_A, GATE_A_KEY, HQ_KEY, NOON


def test_the_migrations_make_what_the_tables_say(databases: Databases) -> None:
    database = Database(databases.new())
    database.upgrade()
    with database.read() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_what_is_committed_is_synced_and_readers_do_not_block(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'hq.db'}")
    with database.read() as connection:
        modes = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert modes == ["wal", 2, 1]
    database.close()


def test_upgrading_twice_and_at_once_is_once(databases: Databases) -> None:
    url = databases.new()

    def upgrade() -> None:
        database = Database(url)
        database.upgrade()
        database.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(upgrade) for _ in range(4)]:
            done.result()


def test_a_newer_database_is_left_untouched(databases: Databases) -> None:
    database = Database(databases.new())
    database.upgrade()
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerDatabaseError, match="9999"):
        database.upgrade()
    with database.read() as connection:
        assert (
            connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
        )
    database.close()


@pytest.mark.parametrize("url", ["nonsense", "oracle9://x/y", "mysql+nodriver://x/y"])
def test_a_url_that_cannot_be_used_says_so(url: str) -> None:
    with pytest.raises(DatabaseUrlError):
        Database(url)


def test_a_database_that_cannot_be_opened_is_trouble(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'missing' / 'hq.db'}")
    with pytest.raises(DatabaseTroubleError):
        database.upgrade()
    database.close()


def test_a_broken_transaction_leaves_nothing(databases: Databases) -> None:
    database = Database(databases.new())
    database.upgrade()
    insert = text(
        "INSERT INTO alarms VALUES (1, 's', 't', 'fork', 1, '', 1, '2026-01-01', '2026-01-01')"
    )

    def fail_half_way() -> None:
        with database.write() as connection:
            connection.execute(insert)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with database.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM alarms")).scalar() == 0
    database.close()


def test_commands_of_an_older_database_name_whom_they_are_about(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'hq.db'}")
    database.upgrade()
    add_terminal(database, GATE_A, GATE_A_KEY.public_key(), NOON)
    send(database, HQ_KEY, "plant-1", "withdraw", {"number": "7"}, NOON, NOON + timedelta(hours=1))
    send(database, HQ_KEY, "plant-1", "ping", {}, NOON, NOON + timedelta(hours=1))
    with database.write() as connection:
        connection.execute(text("DROP INDEX ix_events_kind_record_id"))
        connection.execute(text("DROP INDEX ix_commands_person"))
        for table in ("seals", "endings"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE terminals DROP COLUMN sealing_key"))
        for column in ("person", "repeated", "followed_by", "change"):
            connection.execute(text(f"ALTER TABLE commands DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    database.upgrade()
    with database.read() as connection:
        rows = connection.execute(text("SELECT person, repeated FROM commands ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [("7", 0), (None, 0)]
    database.close()
