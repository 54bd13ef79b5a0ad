"""A camera that may be lost while the terminal goes on with badge and PIN.

- Where the camera cannot be opened or is lost, time goes on in ticks, and it is tried again every
  `_AGAIN_S`. `lost` is told each time it begins and ends, so that there is one fault for it.
- Only for live cameras, whose time is the monotonic clock, as that of the ticks is.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from kiosk.cameras import Camera, Frame
from kiosk.errors import CameraError

_AGAIN_S = 10.0  # a USB camera that was plugged in again has a device node within seconds
_TICK_S = 1 / 15  # as frames come: a button is answered within a tenth of a second


@dataclass(frozen=True, slots=True)
class Tick:
    """No picture, only time: seconds of the monotonic clock."""

    at_s: float


class PatientCamera:
    """`open_` opens the camera; `lost(error)` hears of a loss, `lost(None)` of its end."""

    def __init__(
        self, open_: Callable[[], Camera], lost: Callable[[CameraError | None], None]
    ) -> None:
        self._open, self._lost = open_, lost
        self._closed = threading.Event()
        self._camera: Camera | None = None

    def frames(self) -> Iterator[Frame | Tick]:
        """Frames while there are some, ticks while there are none; ends with `close`."""
        while not self._closed.is_set():
            try:
                self._camera = self._open()
                for n, frame in enumerate(self._camera.frames()):
                    if n == 0:
                        self._lost(None)
                    yield frame
                if not self._closed.is_set():
                    return  # the source has an end
            except CameraError as error:
                self._lost(error)
            self._give_back()
            yield from self._ticks()

    def close(self) -> None:
        """Give the camera back; `frames` ends. May be called from a signal handler."""
        self._closed.set()
        self._give_back()

    def _give_back(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            with suppress(CameraError):  # it is lost already
                camera.close()

    def _ticks(self) -> Iterator[Tick]:
        until_s = time.monotonic() + _AGAIN_S
        while time.monotonic() < until_s and not self._closed.wait(_TICK_S):
            yield Tick(time.monotonic())
