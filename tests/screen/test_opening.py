"""With a screen, and without one."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.errors import ScreenError
from kiosk.screen.hub import Hub
from kiosk.screen.opening import screen_of
from kiosk.screen.view import NoScreen
from kiosk.settings import Settings
from store.settings import HqSection, StoreSection, Terminal


def settings(tmp_path: Path, **screen: object) -> Settings:
    return Settings.model_validate(
        {
            "terminal": Terminal(site="plant-1", name="gate-a", zone="UTC"),
            "store": StoreSection(directory=tmp_path, keys=tmp_path),
            "hq": HqSection(public_key=tmp_path / "hq.pub"),
            "screen": screen,
        }
    )


def test_a_terminal_has_no_screen_unless_it_is_asked_for(tmp_path: Path) -> None:
    with screen_of(settings(tmp_path)) as screen:
        assert isinstance(screen, NoScreen)
        assert not screen.identifies


def test_a_screen_serves_on_its_port_until_it_is_closed(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with screen_of(settings(tmp_path, enabled=True, port=port)) as screen:
        assert isinstance(screen, Hub)
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=10)


_WITHOUT = """
import sys
import kiosk.commands.run, kiosk.screen.opening
loaded = {"starlette", "uvicorn", "jinja2"} & set(sys.modules)
assert not loaded, loaded
"""


def test_without_a_screen_no_web_server_is_loaded() -> None:
    subprocess.run([sys.executable, "-c", _WITHOUT], check=True)


def test_a_web_server_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for loaded in [name for name in sys.modules if name.startswith("kiosk.screen.server")]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with (
        pytest.raises(ScreenError, match=r"needs uvicorn: pip install 'kiosk\[screen\]'"),
        screen_of(settings(tmp_path, enabled=True)),
    ):
        pass
