"""The wish to end, from a signal handler to the loops of a daemon; sync and hq share it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(slots=True)
class Stop:
    """Set by a signal handler, looked at by every loop."""

    requested: bool = False
    on_request: Callable[[], None] | None = None

    def request(self, *_: object) -> None:
        """End soon; fits `signal.signal`."""
        self.requested = True
        if self.on_request is not None:
            self.on_request()
