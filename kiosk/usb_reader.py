"""USB readers and keypads that type like a keyboard, had for ourselves alone through evdev.

- The device is grabbed: what it types reaches no console and no other program.
- Keys are taken as they go down; held keys do not repeat. The layout is the US one, which readers
  type unless they are told otherwise; letters are upper case whatever Shift says.
- evdev is imported here only, and only when a device is opened: it has no arm64 wheel.
"""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from kiosk.errors import ReaderError

# Codes of linux/input-event-codes.h, which never change.
_EV_KEY, _DOWN, _UP = 1, 1, 0
_SHIFTS = frozenset({42, 54})
_ROWS = ((2, "1234567890-="), (16, "QWERTYUIOP"), (30, "ASDFGHJKL;'"), (44, "ZXCVBNM,./"))
_PAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
KEYS: Mapping[int, str] = {
    **{first + n: key for first, row in _ROWS for n, key in enumerate(row)},
    **_PAD,
    **{55: "*", 74: "-", 78: "+", 83: ".", 98: "/", 57: " "},
    **dict.fromkeys((28, 96, 15), "\n"),  # Enter, the keypad's, and Tab
    **dict.fromkeys((14, 111, 1), "*"),  # Backspace, Delete, Escape: a keypad's "clear"
}
SHIFTED: Mapping[int, str] = {4: "#", 9: "*", 12: "_", 13: "+", 39: ":", 53: "?"}


class Device(Protocol):
    """What is used of `evdev.InputDevice`."""

    fd: int

    def grab(self) -> None:
        """Have it alone; raises OSError when somebody else has."""

    def read(self) -> Iterator[Any]:
        """The events that wait (`type`, `code`, `value`); raises OSError when it is gone."""

    def close(self) -> None:
        """Give it back."""


def require_evdev() -> None:
    """Raise `ReaderError` where evdev is not installed."""
    try:
        import evdev  # noqa: F401, PLC0415 (rules of this module)
    except ImportError:
        raise ReaderError(
            "evdev is not installed, which USB readers need; `apt install python3-evdev` and an "
            "environment with --system-site-packages, or `pip install kiosk[pi]`"
        ) from None


def open_usb(path: Path) -> UsbWire:
    """Open and grab a device (`/dev/input/by-id/…-event-kbd`); raises OSError, `ReaderError`."""
    require_evdev()
    from evdev import InputDevice  # noqa: PLC0415 (rules of this module)

    return UsbWire(InputDevice(path))


class UsbWire:
    """An opened device; see the module's rules."""

    def __init__(self, device: Device) -> None:
        self._device = device
        try:
            device.grab()
        except OSError:
            device.close()
            raise
        self._woken, self._wake = os.pipe()
        self._shifts: set[int] = set()

    def characters(self) -> Iterator[str]:
        """Each key's character as it goes down, until `cancel`; raises OSError when it is gone."""
        while True:
            ready, _, _ = select.select([self._device.fd, self._woken], [], [])
            if self._woken in ready:
                return
            for event in self._device.read():
                if event.type == _EV_KEY and (character := self._key(event.code, event.value)):
                    yield character

    def cancel(self) -> None:
        """Let `characters` end, from any thread."""
        os.write(self._wake, b"\0")

    def close(self) -> None:
        """Give the device back."""
        self._device.close()
        os.close(self._woken)
        os.close(self._wake)

    def _key(self, code: int, value: int) -> str | None:
        if code in _SHIFTS:
            (self._shifts.discard if value == _UP else self._shifts.add)(code)
            return None
        if value != _DOWN:
            return None
        return SHIFTED.get(code, KEYS.get(code)) if self._shifts else KEYS.get(code)
