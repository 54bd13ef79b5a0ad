"""Tells systemd how this process is: ready, going on, ending (sd_notify(3), `Type=notify`).

- `progress` is called where a step of the work is done, never by a timer: a process that hangs
  stops calling it, and `WatchdogSec=` starts it again. Most calls send nothing: one message in a
  quarter of the watchdog's time is enough.
- Without `NOTIFY_SOCKET` (not under systemd) nothing is sent.
- The protocol is one datagram; the packages for it either pass over every error (sdnotify, its
  last release of 2017) or have to be compiled against libsystemd (cysystemd, systemd-python).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from typing import Self

_SHARE = 4  # sd_watchdog_enabled(3) advises half; a quarter leaves room for one slow step


class Supervisor:
    """What has started this process; a datagram that it does not take raises OSError."""

    def __init__(
        self,
        address: str | None = None,
        watchdog_s: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._address = f"\0{address[1:]}" if address and address[0] == "@" else address
        self._every_s = None if watchdog_s is None else watchdog_s / _SHARE
        self._now = now
        self._due_s = float("-inf")

    @classmethod
    def of(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """As the environment says; its variables are taken out of it, no child is meant by them."""
        address = environment.pop("NOTIFY_SOCKET", None)
        timeout_us = environment.pop("WATCHDOG_USEC", None)
        meant = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        watched = timeout_us is not None and timeout_us.isdecimal() and meant
        return cls(address, int(timeout_us or 0) / 1e6 if watched else None)

    def ready(self) -> None:
        """The start is over: units that come after this one may start."""
        self._send("READY=1")

    def progress(self) -> None:
        """A step of the work is done."""
        if self._address is None or self._every_s is None or self._now() < self._due_s:
            return
        self._due_s = self._now() + self._every_s
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The end has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.connect(self._address)
            sending.sendall(message.encode())
