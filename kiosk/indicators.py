"""Lamps and buzzer on GPIO pins: what a person sees and hears at the door.

- `show` replaces the signal before at once: the lamp's first state is on the pin when it returns,
  and the rest of the rhythm goes on in the background. It waits for no rhythm.
- The volume is chosen when a signal begins to sound; a quiet hour does not cut a beep.
- gpiozero is touched here only; off a Pi its mock pins run the same code and keep the history that
  tests read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from math import asin, pi
from threading import Event
from typing import Protocol

from gpiozero import LED, Buzzer, Factory, GPIOZeroError, PWMOutputDevice
from gpiozero.pins.mock import MockFactory, MockPin, MockPWMPin
from gpiozero.threads import GPIOThread

from kiosk.clock import Clock
from kiosk.errors import IndicatorError
from kiosk.patterns import changed
from kiosk.quiet import is_quiet, span
from kiosk.settings import IndicatorsSection
from kiosk.signals import PATTERNS, Pattern, Rhythm, Signal

__all__ = ["PATTERNS", "GpioIndicator", "Indicator", "Signal"]

Pause = Callable[[Event, float], bool]
"""Waits so many seconds, or until the event is set; then True."""


class Indicator(Protocol):
    """Something that shows signals."""

    def show(self, signal: Signal) -> None:
        """Replace whatever is shown by `signal`, without waiting for the rhythm to end."""

    def close(self) -> None:
        """Everything off; the pins are given back."""


class GpioIndicator:
    """Three lamps and a buzzer, active or a piezo on PWM, on GPIO pins.

    `clock` tells the quiet hours. `factory` None takes gpiozero's own choice (lgpio on a Pi).
    `pause` is how the rhythms wait. Raises `IndicatorError` where the pins cannot be had.
    """

    def __init__(
        self,
        section: IndicatorsSection,
        clock: Clock,
        factory: Factory | None = None,
        pause: Pause = Event.wait,
    ) -> None:
        self.patterns: Mapping[Signal, Pattern] = changed(section.patterns)
        self._section, self._clock = section, clock
        self._quiet = tuple(span(text) for text in section.quiet)
        if factory is None and section.pins == "mock":
            factory = MockFactory(pin_class=MockPWMPin if section.sound == "passive" else MockPin)
        try:
            self._lamps = {
                name: LED(getattr(section, name), pin_factory=factory)
                for name in ("green", "amber", "red")
            }
            make = _Piezo if section.sound == "passive" else _ActiveBuzzer
            self._buzzer: _Piezo | _ActiveBuzzer = make(section.buzzer, factory)
        except (GPIOZeroError, OSError, ImportError) as error:
            raise IndicatorError(
                f"lamps and buzzer cannot be had ({error}); check the wiring and that the user is "
                'in group gpio, or write [indicators] pins = "mock" on a machine without pins'
            ) from error
        self._light, self._sound = _Player(pause), _Player(pause)

    def show(self, signal: Signal) -> None:
        """Start the signal's pattern, the lamp first; the rhythm runs on by itself."""
        pattern = self.patterns[signal]
        self._darken()
        if pattern.lamp is not None:
            self._light.play(pattern.light, partial(_switch, self._lamps[pattern.lamp]))
        self._silence()
        volume = self._volume() if pattern.beep is not None else 0
        if pattern.beep is not None and volume > 0:
            self._sound.play(pattern.beep, partial(self._buzzer.sound, pattern.pitch_hz, volume))

    def close(self) -> None:
        """All off, pins given back."""
        self._darken()
        self._silence()
        for lamp in self._lamps.values():
            lamp.close()
        self._buzzer.device.close()

    def _darken(self) -> None:
        self._light.stop()
        for lamp in self._lamps.values():
            lamp.off()

    def _silence(self) -> None:
        self._sound.stop()
        self._buzzer.device.off()

    def _volume(self) -> int:
        quiet = bool(self._quiet) and is_quiet(self._quiet, self._clock.now())
        return self._section.quiet_volume if quiet else self._section.volume


def _switch(lamp: LED, on: bool) -> None:
    lamp.value = on


class _ActiveBuzzer:
    """Sounds by itself when it has current: no pitch, no volume."""

    def __init__(self, pin: int, factory: Factory | None) -> None:
        self.device = Buzzer(pin, pin_factory=factory)

    def sound(self, _pitch_hz: int, _volume: int, on: bool) -> None:
        self.device.value = on


class _Piezo:
    """A passive buzzer, driven by a square wave."""

    def __init__(self, pin: int, factory: Factory | None) -> None:
        self.device = PWMOutputDevice(pin, pin_factory=factory)

    def sound(self, pitch_hz: int, volume: int, on: bool) -> None:
        if on:
            self.device.frequency = pitch_hz
        self.device.value = duty(volume) if on else 0


def duty(volume: int) -> float:
    """The duty cycle, 0 to 0.5, that gives `volume` percent of the loudest amplitude.

    The fundamental of a pulse wave of duty d has the amplitude sin(pi d) of a square wave's.
    """
    return asin(volume / 100) / pi


class _Player:
    """Plays one rhythm at a time; a thread exists only while something blinks."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self._thread: GPIOThread | None = None

    def play(self, rhythm: Rhythm, switch: Callable[[bool], None]) -> None:
        """The first state now, the others in the background."""
        steps = rhythm.steps()
        on, hold_s = next(steps)
        switch(on)
        if hold_s is not None:
            self._thread = _Rest(hold_s, steps, switch, self._pause)
            self._thread.start()

    def stop(self) -> None:
        """No more changes after this returns."""
        if self._thread is not None:
            self._thread.stop()
            self._thread = None


class _Rest(GPIOThread):  # type: ignore[misc]  # gpiozero has no types
    """What follows a rhythm's first state; ends with the rhythm, at `stop`, or with gpiozero."""

    def __init__(
        self,
        hold_s: float,
        steps: Iterator[tuple[bool, float | None]],
        switch: Callable[[bool], None],
        pause: Pause,
    ) -> None:
        super().__init__(self._play)
        self._hold_s: float | None = hold_s
        self._steps, self._switch, self._pause = steps, switch, pause

    def _play(self) -> None:
        while self._hold_s is not None and not self._pause(self.stopping, self._hold_s):
            on, self._hold_s = next(self._steps)
            self._switch(on)
