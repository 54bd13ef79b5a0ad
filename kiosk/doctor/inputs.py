"""Badge reader, keypad, buttons and screen: is what the settings name there?"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from kiosk.doctor.finding import Finding, failure, not_checked, ok
from kiosk.errors import ReaderError
from kiosk.settings import BadgeSection, ButtonsSection, KeypadSection, ScreenSection

_ANSWER_S = 2.0  # the page is on loopback


def badge_reader(section: BadgeSection) -> Finding:
    """The device file of the badge reader."""
    if section.source == "none":
        return ok("badge reader", "none is configured")
    return _device("badge reader", section.device, section.source)


def keypad(section: KeypadSection) -> Finding:
    """The USB keypad's device file; the pins of a matrix are the line of the buttons."""
    if section.source == "none":
        return ok("keypad", "none is configured")
    if section.source == "matrix":
        pins = ", ".join(str(pin) for pin in (*section.rows, *section.columns))
        return not_checked("keypad", f"a matrix on pins {pins}", "type a number at the door")
    return _device("keypad", section.device, section.source)


def _device(name: str, device: Path | None, source: str) -> Finding:
    group = "dialout" if source == "serial" else "input"
    if device is None or not device.exists():
        return failure(name, f"{device} is not there", "plug it in; `ls /dev/input/by-id`")
    if not os.access(device, os.R_OK):
        return failure(name, f"{device} cannot be read", f"`usermod -aG {group} kiosk`")
    if source == "usb" and find_spec("evdev") is None:
        return failure(name, "evdev is not installed", "`apt-get install python3-evdev`")
    return ok(name, f"{device} is there and can be read")


def buttons(section: ButtonsSection, open_: Callable[[], object], *, in_use: bool) -> Finding:
    """The buttons' pins; `open_` takes them and gives them back."""
    if not section.pins:
        return ok("buttons", "none is configured")
    if in_use:
        return not_checked("buttons", "in use by the daemon", "press one at the door")
    try:
        open_()
    except ReaderError as error:
        return failure("buttons", " ".join(str(error).split()), "check [buttons] and group gpio")
    return ok("buttons", f"{len(section.pins)} pins can be had; press each at the door")


def screen(section: ScreenSection, *, in_use: bool) -> Finding:
    """The page on loopback, which the daemon serves."""
    name = "screen"
    if not section.enabled:
        return ok(name, "none is configured")
    lacking = [module for module in ("starlette", "uvicorn", "jinja2") if find_spec(module) is None]
    if lacking:
        return failure(name, f"not installed: {', '.join(lacking)}", "`pip install kiosk[screen]`")
    if not in_use:
        return not_checked(name, "the daemon, which serves it, does not run")
    try:
        with closing(socket.create_connection(("127.0.0.1", section.port), _ANSWER_S)):
            pass
    except OSError as error:
        return failure(
            name,
            f"port {section.port} does not answer: {error.strerror or error}",
            "`systemctl status kiosk-screen.socket kiosk-browser` (docs/screen.md)",
        )
    return ok(name, f"answers on 127.0.0.1:{section.port}")
