"""Lamps and buzzer: what a person sees and hears at the door.

A signal says what happened, never a colour; `PATTERNS` is the one table from signals to lamps and
beeps. A new signal replaces the one before at once. gpiozero is touched here only; off a Pi its
mock pins run the same code and keep the history that tests read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from gpiozero import LED, Buzzer, Factory, GPIOZeroError
from gpiozero.pins.mock import MockFactory

from kiosk.errors import IndicatorError
from kiosk.settings import IndicatorsSection


class Signal(Enum):
    """What the terminal tells the person in front of it."""

    IDLE = "idle"
    SEEN = "seen"
    TRY_AGAIN = "try again"
    TURN_LEFT = "turn your head left"
    TURN_RIGHT = "turn your head right"
    ASK_BADGE = "badge or PIN"
    ACCEPTED = "accepted"
    ALREADY = "already recorded"
    REJECTED = "not recognised"
    FAULT = "out of order"
    CHOOSE = "choose in or out"
    CHOSEN = "chosen"
    UNDONE = "taken back"
    WAITING = "headquarters must approve"
    NOTICE = "read and accept the notice"
    OPENED = "your records"
    WRONG = "wrong badge or PIN"
    BADGE_ONLY = "badge or PIN only"


@dataclass(frozen=True, slots=True)
class Blink:
    """A rhythm: seconds on, seconds off, and how often; `times` 0 is on until the next signal."""

    on_s: float = 0.0
    off_s: float = 0.0
    times: int = 0

    def __str__(self) -> str:
        if self.times == 0:
            return "on"
        return f"{self.times}x{self.on_s:g}s"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One lamp's rhythm and the buzzer's; None is off. Rhythms differ, not only colours."""

    lamp: str | None = None
    light: Blink = Blink()
    beep: Blink | None = None

    def __str__(self) -> str:
        light = f"{self.lamp} {self.light}" if self.lamp else "dark"
        return light + (f", beep {self.beep}" if self.beep else "")


PATTERNS: Mapping[Signal, Pattern] = {
    Signal.IDLE: Pattern(),
    Signal.SEEN: Pattern("amber"),
    Signal.TRY_AGAIN: Pattern("amber", Blink(0.25, 0.25, 4)),
    # One beep and slow blinking is left, two beeps and fast blinking is right: told blind and deaf.
    Signal.TURN_LEFT: Pattern("amber", Blink(0.8, 0.4, 5), Blink(0.3, 0.2, 1)),
    Signal.TURN_RIGHT: Pattern("amber", Blink(0.1, 0.1, 30), Blink(0.3, 0.2, 2)),
    Signal.ASK_BADGE: Pattern("amber", Blink(0.1, 0.4, 12), Blink(0.06, 0.2, 3)),
    Signal.ACCEPTED: Pattern("green", Blink(1.2, 0.1, 1), Blink(0.12, 0.05, 1)),
    Signal.ALREADY: Pattern("green", Blink(0.3, 0.2, 2), Blink(0.06, 0.06, 2)),
    Signal.REJECTED: Pattern("red", Blink(0.2, 0.2, 3), Blink(0.25, 0.15, 3)),
    Signal.FAULT: Pattern("red", Blink(), Blink(0.8, 0.4, 2)),
    # Green follows a record only: what is merely chosen, opened or waited for is amber.
    Signal.CHOOSE: Pattern("amber", Blink(0.5, 0.5, 6), Blink(0.15, 0.2, 4)),
    Signal.CHOSEN: Pattern("amber", Blink(0.15, 0.2, 1), Blink(0.05, 0.2, 1)),
    Signal.UNDONE: Pattern("green", Blink(0.4, 0.2, 3), Blink(0.4, 0.2, 2)),
    Signal.WAITING: Pattern("amber", Blink(0.9, 0.2, 2), Blink(0.4, 0.2, 1)),
    Signal.NOTICE: Pattern("amber", Blink(0.9, 0.9, 3), Blink(0.4, 0.2, 3)),
    Signal.OPENED: Pattern("amber", Blink(0.4, 0.2, 2), Blink(0.15, 0.2, 2)),
    Signal.WRONG: Pattern("red", Blink(0.4, 0.2, 4), Blink(0.4, 0.2, 4)),
    Signal.BADGE_ONLY: Pattern("amber", Blink(1.5, 1.5, 0)),
}


class Indicator(Protocol):
    """Something that shows signals."""

    def show(self, signal: Signal) -> None:
        """Replace whatever is shown by `signal`, without waiting for the rhythm to end."""

    def close(self) -> None:
        """Everything off; the pins are given back."""


class GpioIndicator:
    """Three lamps and an active buzzer on GPIO pins.

    `factory` None takes gpiozero's own choice (lgpio on a Pi). Raises `IndicatorError` where the
    pins cannot be had.
    """

    def __init__(self, section: IndicatorsSection, factory: Factory | None = None) -> None:
        if factory is None and section.pins == "mock":
            factory = MockFactory()
        try:
            self._lamps = {
                name: LED(getattr(section, name), pin_factory=factory)
                for name in ("green", "amber", "red")
            }
            self._buzzer = Buzzer(section.buzzer, pin_factory=factory)
        except (GPIOZeroError, OSError, ImportError) as error:
            raise IndicatorError(
                f"lamps and buzzer cannot be had ({error}); check the wiring and that the user is "
                'in group gpio, or write [indicators] pins = "mock" on a machine without pins'
            ) from error

    def show(self, signal: Signal) -> None:
        """Start the signal's pattern from `PATTERNS`; the rhythm runs on by itself."""
        pattern = PATTERNS[signal]
        for name, lamp in self._lamps.items():
            if name == pattern.lamp:
                _play(lamp, pattern.light)
            else:
                lamp.off()
        if pattern.beep is None:
            self._buzzer.off()
        else:
            _play(self._buzzer, pattern.beep)

    def close(self) -> None:
        """All off, pins given back."""
        for device in (*self._lamps.values(), self._buzzer):
            device.off()
            device.close()


def _play(device: LED | Buzzer, blink: Blink) -> None:
    if blink.times == 0:
        device.on()
    else:
        device.blink(on_time=blink.on_s, off_time=blink.off_s, n=blink.times, background=True)
