"""All readers, keypads and buttons that the settings name, as one panel.

- Threads put actions in one queue; `actions` empties it and never waits.
- A reader that is unplugged is in `lost` until it is back (the watchman's `badge_reader_lost`);
  the others go on.
- A press whose place in the queue is past `MOST` is dropped: nobody serves a hundred at once, and
  a key that hangs must not fill the memory.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress

from gpiozero import Factory
from gpiozero.pins.mock import MockFactory

from kiosk.buttons import Buttons
from kiosk.keypad import Keypad
from kiosk.matrix import Matrix
from kiosk.panel import Action, Badged
from kiosk.reading import RETRY_S, Reading, Wire
from kiosk.serial_reader import open_serial
from kiosk.settings import BadgeSection, KeypadSection, Settings
from kiosk.typed_line import TypedLine
from kiosk.usb_reader import open_usb, require_evdev

MOST = 100
Now = Callable[[], float]


class Readers:
    """The panel that `open_panel` makes."""

    def __init__(self) -> None:
        self._queue: queue.Queue[Action] = queue.Queue(MOST)
        self._readings: list[Reading] = []
        self._closing = ExitStack()

    @property
    def identifies(self) -> bool:
        """Whether a badge reader or a keypad is configured, lost or not."""
        return bool(self._readings)

    @property
    def lost(self) -> tuple[str, ...]:
        """Which of "badge" and "keypad" cannot be read now."""
        return tuple(reading.name for reading in self._readings if reading.lost)

    def actions(self) -> Sequence[Action]:
        """What was done since the last call, oldest first; returns at once."""
        done: list[Action] = []
        with suppress(queue.Empty):
            while True:
                done.append(self._queue.get_nowait())
        return done

    def give(self, action: Action) -> None:
        """Take an action, from any thread."""
        with suppress(queue.Full):
            self._queue.put_nowait(action)

    def add(self, reading: Reading) -> None:
        """Have a reader that gives actions here; it is closed with the panel."""
        self._readings.append(reading)
        self._closing.callback(reading.close)

    def add_buttons(self, buttons: Buttons) -> None:
        """Have buttons that give actions here; they are closed with the panel."""
        self._closing.callback(buttons.close)

    def close(self) -> None:
        """End all threads and give everything back."""
        self._closing.close()


def open_panel(
    settings: Settings, now_s: Now = time.monotonic, retry_s: float = RETRY_S
) -> Readers:
    """Begin to read what the settings name.

    A reader that is not there yet is lost, and no error. Raises `ReaderError` for buttons whose
    pins cannot be had, and for a USB reader without evdev.
    """
    mock = settings.indicators.pins == "mock"
    factory = MockFactory() if mock else None
    panel = Readers()
    try:
        panel.add_buttons(Buttons(settings.buttons, panel.give, factory))
        if settings.badge.source != "none":
            take = badge_taker(panel.give, now_s)
            panel.add(Reading("badge", badge_wire(settings.badge), take, retry_s))
        if settings.keypad.source != "none":
            wire = keypad_wire(settings.keypad, factory)
            take = keypad_taker(settings.keypad.idle_s, panel.give, now_s)
            panel.add(Reading("keypad", wire, take, retry_s))
    except BaseException:
        panel.close()
        raise
    return panel


def badge_wire(section: BadgeSection) -> Callable[[], Wire]:
    """How the settings' badge reader is opened; raises `ReaderError` without evdev."""
    device, baud = section.device, section.baud
    if device is None:
        raise ValueError("a badge reader has a device")
    if section.source == "serial":
        return lambda: open_serial(device, baud)
    require_evdev()
    return lambda: open_usb(device)


def keypad_wire(section: KeypadSection, factory: Factory | None) -> Callable[[], Wire]:
    """How the settings' keypad is opened; raises `ReaderError` without evdev."""
    if section.source == "matrix":
        return lambda: Matrix(section.rows, section.columns, section.keys, factory)
    device = section.device
    if device is None:
        raise ValueError("a USB keypad has a device")
    require_evdev()
    return lambda: open_usb(device)


def badge_taker(give: Callable[[Badged], None], now_s: Now) -> Callable[[str], None]:
    """Characters in, badges out."""
    line = TypedLine()

    def take(character: str) -> None:
        code = line.take(character, now_s())
        if code is not None:
            give(Badged(code))

    return take


def keypad_taker(
    idle_s: float, give: Callable[[Action], None], now_s: Now
) -> Callable[[str], None]:
    """Keys in, numbers and PINs out."""
    keypad = Keypad(idle_s)

    def take(key: str) -> None:
        action = keypad.press(key, now_s())
        if action is not None:
            give(action)

    return take
