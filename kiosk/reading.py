"""A reader's thread: opens it, hands each character on, and opens it again after it was lost.

- The thread only hands characters on; nobody waits for it, and it touches no database.
- A reader that cannot be opened or stops is `lost` until it can be had again; it is tried every
  `retry_s`. That is no error: people have their faces and the other ways meanwhile.
- `close` ends the thread at once, also while it waits for a character.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from kiosk.log import complain, say

RETRY_S = 1.0


class Wire(Protocol):
    """An opened reader."""

    def characters(self) -> Iterator[str]:
        """Each character as it comes, until `cancel`; raises OSError when the reader is gone."""

    def cancel(self) -> None:
        """Let `characters` end, from any thread."""

    def close(self) -> None:
        """Give the reader back."""


class Reading:
    """One reader by its name in logs and faults; `take` gets each character on this thread.

    `open_wire` raises OSError while the reader cannot be had.
    """

    def __init__(
        self,
        name: str,
        open_wire: Callable[[], Wire],
        take: Callable[[str], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self.name = name
        self._open_wire, self._take, self._retry_s = open_wire, take, retry_s
        self._lost = False
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._thread = threading.Thread(target=self._run, name=f"{name}-reader", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> bool:
        """Whether it cannot be read now."""
        return self._lost

    def close(self) -> None:
        """End the thread and give the reader back."""
        self._closing.set()
        with self._lock:
            if self._wire is not None:
                self._wire.cancel()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._closing.is_set():
                try:
                    self._read()
                except OSError as error:
                    if not self._lost:
                        why = error.strerror or type(error).__name__
                        complain("reader_lost", reader=self.name, why=why)
                    self._lost = True
                    self._closing.wait(self._retry_s)
        finally:
            self._lost = True  # also by an error of ours, which Python shows with its traceback

    def _read(self) -> None:
        wire = self._open_wire()
        try:
            with self._lock:
                self._wire = wire
                if self._closing.is_set():
                    return
            self._lost = False
            say("reader_ready", reader=self.name)
            for character in wire.characters():
                self._take(character)
        finally:
            with self._lock:
                self._wire = None
            wire.close()
