"""USB readers through evdev: a stand-in with the rules of `InputDevice`, and uinput where it is."""

from __future__ import annotations

import errno
import os
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.errors import ReaderError
from kiosk.readers import badge_wire
from kiosk.reading import Reading, Wire
from kiosk.settings import BadgeSection
from kiosk.usb_reader import KEYS, SHIFTED, UsbWire, open_usb

evdev = pytest.importorskip("evdev", reason="evdev is not installed (x86-64: evdev-binary)")
CODES = {character: code for code, character in reversed(list(KEYS.items()))}
SHIFT = 42
LONG_S = 20  # far past anything that is waited for here


class StandIn:
    """A keyboard without hardware, to be opened with `OpenedStandIn`."""

    def __init__(self) -> None:
        self.wire, self._feed = os.pipe()
        os.set_blocking(self.wire, False)
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.grabbed_by: object = None

    def events(self) -> Iterator[Any]:
        """The events that wait."""
        while not self._events.empty():
            yield self._events.get()

    def key(self, code: int, value: int) -> None:
        """An event and its end, as the kernel gives them."""
        self._events.put(evdev.InputEvent(0, 0, evdev.ecodes.EV_KEY, code, value))
        self._events.put(evdev.InputEvent(0, 0, evdev.ecodes.EV_SYN, evdev.ecodes.SYN_REPORT, 0))
        os.write(self._feed, b"\0")

    def unplug(self) -> None:
        """From now on the device is gone."""
        os.close(self._feed)


class OpenedStandIn:
    """What is used of `evdev.InputDevice`, by its rules: one grab, ENODEV once it is gone."""

    def __init__(self, keyboard: StandIn) -> None:
        self._keyboard = keyboard
        self.fd = os.dup(keyboard.wire)

    def grab(self) -> None:
        """Raises as the kernel does for a second one."""
        if self._keyboard.grabbed_by is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._keyboard.grabbed_by = self

    def read(self) -> Iterator[Any]:
        """The events that wait."""
        if not os.read(self.fd, 4096):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return self._keyboard.events()

    def close(self) -> None:
        """Gives up the grab as well."""
        if self._keyboard.grabbed_by is self:
            self._keyboard.grabbed_by = None
        os.close(self.fd)


class Real:
    """A keyboard of the kernel's own (`/dev/uinput`)."""

    def __init__(self) -> None:
        keys = [*KEYS, *SHIFTED, SHIFT]
        self._made = evdev.UInput({evdev.ecodes.EV_KEY: sorted(set(keys))}, name="kiosk test")
        self.path = Path(self._made.device.path)

    def key(self, code: int, value: int) -> None:
        """An event and its end."""
        self._made.write(evdev.ecodes.EV_KEY, code, value)
        self._made.syn()

    def unplug(self) -> None:
        """From now on the device is gone."""
        self._made.close()


class Plug:
    """A reader that is plugged in, and opened as often as somebody opens it."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.opened = threading.Semaphore(0)
        self.tried = threading.Semaphore(0)
        self.device: StandIn | Real | None = None
        self.plug_in()

    def plug_in(self) -> None:
        """Put it in (again)."""
        self.device = StandIn() if self._kind == "stand-in" else Real()

    def open(self) -> Wire:
        """As `open_usb` would."""
        self.tried.release()
        if self.device is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        device = self.device
        if isinstance(device, StandIn):
            wire = UsbWire(OpenedStandIn(device))
        else:
            wire = open_usb(device.path)
        self.opened.release()
        return wire

    def type(self, text: str) -> None:
        """Press and release each key."""
        assert self.device is not None
        for character in text:
            self.press(CODES[character])

    def press(self, *codes: int, held: int = 0) -> None:
        """Press these, the first longest; `held` repeats of the last."""
        assert self.device is not None
        for code in codes:
            self.device.key(code, 1)
        for _ in range(held):
            self.device.key(codes[-1], 2)
        for code in reversed(codes):
            self.device.key(code, 0)

    def unplug(self) -> None:
        """Pull it out."""
        assert self.device is not None
        device, self.device = self.device, None
        device.unplug()


@pytest.fixture(params=["stand-in", "uinput"])
def plug(request: pytest.FixtureRequest) -> Plug:
    if request.param == "uinput" and not os.access("/dev/uinput", os.W_OK):
        pytest.skip("/dev/uinput cannot be had on this machine")
    return Plug(request.param)


@pytest.fixture
def typed() -> queue.Queue[str]:
    return queue.Queue()


@pytest.fixture
def reading(plug: Plug, typed: queue.Queue[str]) -> Iterator[Reading]:
    reading = Reading("badge", plug.open, typed.put, retry_s=0.001)
    assert plug.opened.acquire(timeout=LONG_S)
    yield reading
    reading.close()


def take(typed: queue.Queue[str], count: int) -> str:
    return "".join(typed.get(timeout=LONG_S) for _ in range(count))


@pytest.mark.usefixtures("reading")
def test_what_is_typed_comes_key_by_key(plug: Plug, typed: queue.Queue[str]) -> None:
    plug.type("0009127734\n")
    assert take(typed, 11) == "0009127734\n"
    plug.press(30)  # without Shift, and with it
    plug.press(SHIFT, 30)
    plug.press(SHIFT, 39)
    plug.press(39)
    assert take(typed, 4) == "AA:;"


@pytest.mark.usefixtures("reading")
def test_a_held_key_is_one_key(plug: Plug, typed: queue.Queue[str]) -> None:
    plug.press(CODES["7"], held=5)
    plug.type("\n")
    assert take(typed, 2) == "7\n"


@pytest.mark.usefixtures("reading")
def test_nobody_else_gets_what_is_typed(plug: Plug, typed: queue.Queue[str]) -> None:
    with pytest.raises(OSError, match="busy"):
        plug.open()
    plug.type("7")
    assert take(typed, 1) == "7"


def test_an_unplugged_reader_is_lost_until_it_is_plugged_in_again(
    plug: Plug, typed: queue.Queue[str], reading: Reading, capfd: pytest.CaptureFixture[str]
) -> None:
    plug.type("00")
    assert take(typed, 2) == "00"
    assert not reading.lost
    plug.unplug()
    for _ in range(3):  # the first try was the one at the start
        assert plug.tried.acquire(timeout=LONG_S)
    assert reading.lost
    plug.plug_in()
    assert plug.opened.acquire(timeout=LONG_S)
    plug.type("9\n")
    assert take(typed, 2) == "9\n"
    assert not reading.lost
    said = capfd.readouterr().err
    assert "00" not in said


def test_closing_ends_a_reader_that_waits_for_a_key_or_for_its_plug(plug: Plug) -> None:
    waiting = Reading("badge", plug.open, print, retry_s=LONG_S)
    assert plug.opened.acquire(timeout=LONG_S)
    waiting.close()
    plug.unplug()
    lost = Reading("badge", plug.open, print, retry_s=10 * LONG_S)
    assert plug.tried.acquire(timeout=LONG_S)
    assert plug.tried.acquire(timeout=LONG_S)
    lost.close()
    assert lost.lost


def test_the_codes_are_linux_s() -> None:
    names = evdev.ecodes.KEY
    for code, character in KEYS.items():
        name = names[code]
        named = name if isinstance(name, str) else name[0]
        if character.isalnum():
            assert named in (f"KEY_{character}", f"KEY_KP{character}")
    for code, name in ((28, "ENTER"), (96, "KPENTER"), (15, "TAB"), (14, "BACKSPACE"), (1, "ESC")):
        assert names[code] == f"KEY_{name}"
    for code, name in ((55, "KPASTERISK"), (39, "SEMICOLON"), (12, "MINUS"), (53, "SLASH")):
        assert names[code] == f"KEY_{name}"
    assert {names[42], names[54]} == {"KEY_LEFTSHIFT", "KEY_RIGHTSHIFT"}


def test_without_evdev_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "evdev", None)
    section = BadgeSection(source="usb", device=Path("/dev/input/event0"))
    with pytest.raises(ReaderError, match="apt install python3-evdev"):
        badge_wire(section)
