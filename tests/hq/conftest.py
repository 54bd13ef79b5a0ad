"""Headquarters in a temporary folder, knowing gate A."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hq.made import Office, open_office
from tests.sync.conftest import authority, broker, server

__all__ = ["authority", "broker", "server"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """A receiver on an embedded database."""
    made = open_office(tmp_path)
    yield made
    made.database.close()
