"""The store's fixture: a folder with both databases open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.made import Shop, open_shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """Both databases of a new terminal."""
    made = open_shop(tmp_path)
    yield made
    made.close()
