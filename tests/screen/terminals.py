"""A screen that is served on a free loopback port, and a thread in the place of the door's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from kiosk.notices import Notices
from kiosk.screen.hub import Hub
from kiosk.screen.server import loopback_socket, open_screen
from kiosk.screen.standin import StandInCounter
from kiosk.settings import ScreenSection
from kiosk.words import Language
from tests.screen.scenes import counter

NOTICES = Notices("Plant 1", "personnel@plant-1.example", punches_days=730)
IDLE_S = 600  # no page of a slow test goes back to rest by itself
_FRAME_S = 0.005  # the stand-in door's frames


@dataclass(frozen=True, slots=True)
class Terminal:
    """A hub with its page's address, who answers its requests, and how it ends early."""

    hub: Hub
    address: str
    counter: StandInCounter
    end: Callable[[], None]


@contextmanager
def terminal(
    spoken: Mapping[str, Language] | None = None, listening: socket.socket | None = None
) -> Iterator[Terminal]:
    """A served screen, and a thread in the place of the door's."""
    door, over, section = counter(), threading.Event(), ScreenSection(enabled=True, idle_s=IDLE_S)
    listening = listening or loopback_socket(0, {})
    with ExitStack() as stack:
        served = stack.enter_context(
            open_screen(section, "Europe/Berlin", NOTICES, listening, spoken)
        )

        def answer() -> None:
            while not over.wait(_FRAME_S):
                served.hub.serve(door)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield Terminal(served.hub, served.address, door, stack.close)
        finally:
            over.set()
            thread.join()
