"""Headquarters in a temporary folder, knowing gate A."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from morning.broker import Broker
from morning.pki import Authority
from tests.hq.made import Office, open_office
from tests.hq.plant import Plant
from tests.sync.conftest import authority, broker, left_as_found, server

__all__ = ["authority", "broker", "left_as_found", "server"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A receiver on an embedded database."""
    made = open_office(tmp_path)
    yield made
    made.database.close()


@pytest.fixture
def plant(tmp_path: Path, authority: Authority, broker: Broker) -> Iterator[Plant]:
    """A terminal and headquarters around a running mosquitto; no program runs yet."""
    made = Plant(tmp_path, authority, broker)
    yield made
    made.close()
