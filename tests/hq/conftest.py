"""Headquarters in a temporary folder, knowing gate A."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from morning.broker import Broker
from morning.pki import Authority
from morning.postgres import Postgres, find_postgres
from tests.hq.databases import Databases, PostgresDatabases, SqliteFiles
from tests.hq.made import Office, open_office
from tests.hq.plant import Plant
from tests.sync.conftest import authority, broker, left_as_found, server

__all__ = ["authority", "broker", "left_as_found", "server"]


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    if find_postgres() is None:
        pytest.skip("needs PostgreSQL (Debian: apt-get install postgresql)")
    with Postgres(durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the session; skips where it is not installed."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def idle_databases() -> list[str]:
    """Databases on the session's server that nobody uses."""
    return []


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL server for one test, which may kill it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_databases(postgres: Postgres, idle_databases: list[str]) -> Iterator[Databases]:
    """Databases on the session's server."""
    made = PostgresDatabases(postgres, idle_databases)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    """Every test that asks for it runs on both kinds."""
    made: Databases = SqliteFiles(tmp_path)
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        made = PostgresDatabases(server, request.getfixturevalue("idle_databases"))
    yield made
    made.close()


@pytest.fixture
def office(databases: Databases) -> Iterator[Office]:
    """A receiver on a database of either kind."""
    made = open_office(databases.ready())
    yield made
    made.database.close()


@pytest.fixture
def postgres_plant(
    tmp_path: Path, authority: Authority, broker: Broker, own_postgres: Postgres
) -> Iterator[Plant]:
    """The same with headquarters on a PostgreSQL server of its own (`own_postgres`)."""
    made = Plant(tmp_path, authority, broker, own_postgres.create_database())
    yield made
    made.close()


@pytest.fixture
def plant(tmp_path: Path, authority: Authority, broker: Broker) -> Iterator[Plant]:
    """A terminal and headquarters around a running mosquitto; no program runs yet."""
    made = Plant(tmp_path, authority, broker)
    yield made
    made.close()
