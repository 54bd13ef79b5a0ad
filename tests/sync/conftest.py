"""A throw-away PKI for the session and a fresh mosquitto for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from morning.broker import Broker, find_mosquitto
from morning.pki import Authority, Credentials


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificate authority that the tests' broker and clients trust."""
    return Authority(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


@pytest.fixture(scope="session")
def server(authority: Authority) -> Credentials:
    """The broker's certificate."""
    return authority.server(datetime.now(UTC))


@pytest.fixture
def broker(tmp_path: Path, server: Credentials) -> Iterator[Broker]:
    """A running mosquitto with TLS, client certificates and the access list."""
    if find_mosquitto() is None:
        pytest.skip("needs mosquitto (Debian: apt-get install mosquitto)")
    folder = tmp_path / "broker"
    folder.mkdir()
    with Broker(folder, server) as running:
        yield running
