"""A throw-away PKI for the session and a fresh mosquitto for each test that asks for one."""

from __future__ import annotations

import logging
import signal
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


@pytest.fixture
def left_as_found() -> Iterator[None]:
    """The command takes signals and loggers for itself, so a test gives them back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    loggers = [logging.getLogger(name) for name in ("hq", "sync")]
    before = [(logger, logger.handlers, logger.propagate, logger.level) for logger in loggers]
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)
    for logger, kept, propagate, level in before:
        logger.handlers = kept
        logger.propagate = propagate
        logger.setLevel(level)
