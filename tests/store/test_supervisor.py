"""What systemd hears of a process, on the socket that it would hand over."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.supervisor import Supervisor


class Manager:
    """systemd's end of the socket, and a clock."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self.now_s = 0.0
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.socket.setblocking(False)

    def heard(self) -> list[str]:
        """What came since the last call."""
        lines = []
        while True:
            try:
                lines.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return lines


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(tmp_path / "notify")
    yield manager
    manager.socket.close()


def test_ready_and_stopping_are_said(manager: Manager) -> None:
    supervisor = Supervisor.of({"NOTIFY_SOCKET": manager.address})
    supervisor.ready()
    supervisor.stopping()
    assert manager.heard() == ["READY=1", "STOPPING=1"]


def test_progress_is_said_four_times_in_the_watchdogs_time_and_never_without_a_step(
    manager: Manager,
) -> None:
    supervisor = Supervisor(manager.address, 8.0, lambda: manager.now_s)
    for manager.now_s in range(8):
        supervisor.progress()
    assert manager.heard() == ["WATCHDOG=1"] * 4
    manager.now_s = 100
    assert manager.heard() == []
    supervisor.progress()
    assert manager.heard() == ["WATCHDOG=1"]


def test_without_a_watchdog_progress_is_not_said(manager: Manager) -> None:
    Supervisor.of({"NOTIFY_SOCKET": manager.address}).progress()
    for_another = {"WATCHDOG_USEC": "8000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    Supervisor.of({"NOTIFY_SOCKET": manager.address, **for_another}).progress()
    assert manager.heard() == []


def test_a_child_does_not_inherit_the_watchdog(manager: Manager) -> None:
    environment = {
        "NOTIFY_SOCKET": manager.address,
        "WATCHDOG_USEC": "8000000",
        "WATCHDOG_PID": str(os.getpid()),
        "LANG": "C",
    }
    Supervisor.of(environment).progress()
    assert manager.heard() == ["WATCHDOG=1"]
    assert environment == {"LANG": "C"}


def test_an_abstract_socket_is_reached() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0kiosk-test-{os.getpid()}")
        Supervisor(f"@kiosk-test-{os.getpid()}").ready()
        assert listening.recv(100) == b"READY=1"


def test_outside_systemd_nothing_is_sent() -> None:
    supervisor = Supervisor.of({})
    supervisor.ready()
    supervisor.progress()
    supervisor.stopping()


def test_a_manager_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Supervisor(str(tmp_path / "gone")).ready()
