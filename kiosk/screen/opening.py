"""A screen where the settings ask for one; only then is the web server loaded at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kiosk.errors import ScreenError
from kiosk.screen.view import NoScreen, Screen
from kiosk.settings import Settings
from kiosk.stores import notices_of


@contextmanager
def screen_of(settings: Settings) -> Iterator[Screen]:
    """The terminal's screen, until the block ends; raises `ScreenError`."""
    if not settings.screen.enabled:
        yield NoScreen()
        return
    try:
        from kiosk.screen.server import loopback_socket, open_screen  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ScreenError(
            f"[screen] enabled = true needs {error.name}: pip install 'kiosk[screen]'"
        ) from error
    zone, notices = settings.terminal.zone, notices_of(settings)
    listening = loopback_socket(settings.screen.port)
    with open_screen(settings.screen, zone, notices, listening) as served:
        yield served.hub
