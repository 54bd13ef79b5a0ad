"""A camera that the script of a morning moves: a named pipe of JPEG pictures.

`kiosk run` opens it as a video (`[camera] source = "video"`, pace "every-frame"). It never ends by
itself: an empty room, or whoever the script puts before it.

- The terminal takes pictures as fast as it works, at most `_MOST_FPS`: the pipe holds two or three,
  and the next is written when there is room. So `frames` counts what the terminal has seen, give or
  take those, and patience is measured in frames, whatever the machine's speed.
- The pipe stays open when the terminal is killed: the next start reads on.
- At OpenCV a stream of JPEG pictures has 25 pictures a second: that is the door's time.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import cv2

from morning.walkup import Image, empty_room

_MOST_FPS = 75  # three times the door's time; an idle door would take several hundred
_POLL_S = 0.2
_STILL = 15  # of the last frames go on for as long as somebody stands there


def jpegs(frames: Iterable[Image]) -> list[bytes]:
    """Each picture as a JPEG."""
    return [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]


class Lens:
    """The pipe at `path`, which must not exist; `start` it before the terminal, `close` it after.

    Closing is the end of the film: the terminal ends in order.
    """

    def __init__(self, path: Path) -> None:
        os.mkfifo(path, 0o600)
        self.path = path
        self.frames = 0
        self.hurried = False  # as fast as the pipe takes them, for a terminal that starts
        self._room = jpegs(empty_room(1.0, 1))
        self._reel: Sequence[bytes] = self._room
        self._at = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        # Read and write: it can be opened before there is a reader, and outlives each of them.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._pump, name="lens", daemon=True)

    @property
    def table(self) -> dict[str, str | int | float]:
        """The terminal's [camera] table."""
        return {"source": "video", "path": str(self.path), "pace": "every-frame"}

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def show(self, reel: Sequence[bytes]) -> None:
        """Somebody walks up, and stays until `leave`."""
        with self._lock:
            self._reel, self._at = reel, 0

    def leave(self) -> None:
        """The room is empty again."""
        self.show(self._room)

    def close(self) -> None:
        """The film ends; may be called twice."""
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._pipe)

    def _next(self) -> bytes:
        with self._lock:
            if self._at >= len(self._reel):
                self._at = max(0, len(self._reel) - _STILL)
            self._at += 1
            return self._reel[self._at - 1]

    def _pump(self) -> None:
        due = time.monotonic()
        while not self._closing.is_set():
            left = memoryview(self._next())
            while left and not self._closing.is_set():
                if select.select([], [self._pipe], [], _POLL_S)[1]:
                    with suppress(BlockingIOError):
                        left = left[os.write(self._pipe, left) :]
            self.frames += 1
            due = max(due + 1 / _MOST_FPS, time.monotonic() - 1 / _MOST_FPS)
            if not self.hurried:
                self._closing.wait(max(0.0, due - time.monotonic()))
