"""A camera and a machine on a virtual clock: what a live camera hands to a consumer of any speed.

Frame i is there from the instant i / fps on. A consumer gets the newest frame that it has not had,
and waits for the next where there is none; what it missed is dropped: `kiosk.cameras.NewestFrame`
without the thread. The clock goes on by what the consumer's work took, and by waiting; drawing a
frame takes no time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from kiosk.cameras import Frame
from morning.walkup import Image

_ROUNDING_S = 1e-9


class Work:
    """Seconds of work so far, on a machine `slower` times as slow as this one.

    "cpu": processor time of all threads of this process, which other load does not lengthen; what
    `writing` waited for the disk is added as it is. "wall": as long as it took.
    """

    def __init__(self, clock: Literal["cpu", "wall"], slower: float = 1.0) -> None:
        self._clock = time.process_time if clock == "cpu" else time.perf_counter
        self._adds = clock == "cpu"
        self._slower, self._waited_s = slower, 0.0
        self.writing_s = 0.0

    def spent(self) -> float:
        """So far; only differences mean something."""
        return self._clock() * self._slower + self._waited_s

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A commit: its time is counted in `writing_s` too, and its wait for the disk is work."""
        begun, wall, cpu = self.spent(), time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            if self._adds:
                waited = time.perf_counter() - wall - (time.process_time() - cpu)
                self._waited_s += max(0.0, waited)
            self.writing_s += self.spent() - begun


class ModelledCamera:
    """A camera of `fps` frames a second; `spent` is the consumer's work so far, in seconds."""

    def __init__(self, fps: float, spent: Callable[[], float]) -> None:
        self.fps, self._spent = fps, spent
        self._now_s = 0.0
        self._since: float | None = None
        self._last = -1

    def now(self) -> float:
        """The virtual instant, in the middle of the consumer's work too."""
        return self._now_s + (0.0 if self._since is None else self._spent() - self._since)

    def rest(self, seconds: float) -> None:
        """Time passes, and nobody looks: what the camera took meanwhile is gone."""
        self._now_s += seconds
        self._last = self._newest()

    def instants(self, begin_s: float, end_s: float) -> Iterator[float]:
        """When it takes its frames between the two, whoever gets them."""
        i = int(begin_s * self.fps)
        while i / self.fps < end_s:
            if i / self.fps >= begin_s:
                yield i / self.fps
            i += 1

    def frames(self, picture: Callable[[float], Image], end_s: float) -> Iterator[Frame]:
        """The newest frame each time until `end_s`; `picture` draws what it is at an instant."""
        while True:
            index = max(self._newest(), self._last + 1)
            at_s = index / self.fps
            if at_s >= end_s:
                return
            self._last, self._now_s = index, max(self._now_s, at_s)
            frame = Frame(picture(at_s), at_s)
            self._since = self._spent()
            try:
                yield frame
            finally:
                self._now_s, self._since = self.now(), None

    def _newest(self) -> int:
        return int((self._now_s + _ROUNDING_S) * self.fps)
