"""Buttons on GPIO pins: in, out, break, overtime, and undo.

A button joins its pin to ground and is pulled up inside. A press is one action, given on gpiozero's
thread; the kernel or the pin library passes over what bounces for `bounce_ms`.
"""

from __future__ import annotations

from collections.abc import Callable

from gpiozero import Button, Factory, GPIOZeroError

from kiosk.errors import ReaderError
from kiosk.panel import Chose, UndoAsked
from kiosk.settings import ButtonsSection


class Buttons:
    """The buttons of the settings; `press` gets each press.

    `factory` None takes gpiozero's own choice. Raises `ReaderError` where pins cannot be had.
    """

    def __init__(
        self,
        section: ButtonsSection,
        press: Callable[[Chose | UndoAsked], None],
        factory: Factory | None = None,
    ) -> None:
        actions: list[tuple[int, Chose | UndoAsked]] = [
            (pin, Chose(direction)) for direction, pin in section.directions.items()
        ]
        if section.undo is not None:
            actions.append((section.undo, UndoAsked()))
        bounce_s = section.bounce_ms / 1000 or None
        self._press = press
        self._buttons: list[Button] = []
        try:
            for pin, action in actions:
                button = Button(pin, pull_up=True, bounce_time=bounce_s, pin_factory=factory)
                self._buttons.append(button)
                button.when_pressed = self._pressing(action)
        except (GPIOZeroError, OSError, ImportError) as error:
            self.close()
            raise ReaderError(
                f"a button's pin cannot be had ({error}); check [buttons], the wiring and that the "
                "user is in group gpio"
            ) from error

    def close(self) -> None:
        """Give the pins back."""
        for button in self._buttons:
            button.close()

    def _pressing(self, action: Chose | UndoAsked) -> Callable[[], None]:
        return lambda: self._press(action)
