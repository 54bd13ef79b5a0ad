"""Between two threads: the door shows and takes, the server watches and brings.

One view and one frame are kept, the newest. A frame is encoded only when a page asks for one, on
the server's thread, so that an idle screen costs the door nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from kiosk.panel import Action
from kiosk.screen.desk import Desk
from kiosk.screen.preview import Snapshot
from kiosk.screen.requests import Counter
from kiosk.screen.view import View
from recognizer.faces import Face, Image

_MOST_ACTIONS = 32  # more than anybody taps between two frames


class Hub:
    """The screen as the door sees it (`kiosk.screen.view.Screen`), and what the server reads."""

    def __init__(self, desk: Desk | None = None) -> None:
        self.desk = desk or Desk()
        self._lock = threading.Lock()
        self._view, self._views = View(), 0
        self._snapshot: Snapshot | None = None
        self._actions: list[Action] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed: set[asyncio.Event] = set()

    @property
    def identifies(self) -> bool:
        """Always: number and PIN can be typed."""
        return True

    @property
    def lost(self) -> tuple[str, ...]:
        """None: a page that is gone comes back by itself."""
        return ()

    def show(self, view: View) -> None:
        """Replace what is shown; the same view again is no news."""
        with self._lock:
            if view == self._view:
                return
            self._view, self._views = view, self._views + 1
            if self._loop is not None:  # under the lock: it cannot be closed in between
                self._loop.call_soon_threadsafe(self._announce)

    def frame(self, image: Image, faces: Sequence[Face]) -> None:
        """Keep the newest picture; it is read later and must not be changed."""
        with self._lock:
            serial = 1 if self._snapshot is None else self._snapshot.serial + 1
            self._snapshot = Snapshot(serial, image, tuple(face.box for face in faces))

    def actions(self) -> Sequence[Action]:
        """What people did on the page since the last call, oldest first."""
        with self._lock:
            taken, self._actions = self._actions, []
        return taken

    def serve(self, counter: Counter) -> None:
        """Have `counter` answer what the page asked."""
        self.desk.serve(counter)

    def do(self, action: Action) -> bool:
        """Somebody did this on the page; False when the door takes no more at the moment."""
        with self._lock:
            if len(self._actions) >= _MOST_ACTIONS:
                return False
            self._actions.append(action)
        return True

    def latest(self) -> tuple[int, View]:
        """The view that is shown, and the number of views until now."""
        with self._lock:
            return self._views, self._view

    def snapshot(self) -> Snapshot | None:
        """The newest frame, if there was one."""
        with self._lock:
            return self._snapshot

    def attach(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """The server's loop, which is told of new views; None when it ends."""
        with self._lock:
            self._loop = loop

    def end(self) -> None:
        """Wake everybody who waits for a view: the server ends. Called on its loop."""
        self._announce()

    async def newer_than(self, views: int, most_s: float) -> tuple[int, View]:
        """The view, as soon as it is not the one of that number, or after `most_s` seconds."""
        event = asyncio.Event()
        self._changed.add(event)
        try:
            if self.latest()[0] == views:
                await asyncio.wait_for(event.wait(), most_s)
        except TimeoutError:
            pass
        finally:
            self._changed.discard(event)
        return self.latest()

    def _announce(self) -> None:
        for event in self._changed:
            event.set()
