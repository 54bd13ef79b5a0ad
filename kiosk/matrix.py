"""A keypad of bare switches in rows and columns on GPIO pins.

- Columns and resting rows are inputs pulled up; one row at a time is driven low, and a column that
  follows it shows a pressed key. Two keys of a column thus never join two driven pins.
- A key counts when two looks in a row find it down, and again only after two without it.
- With three or more keys down a matrix without diodes shows keys that are not pressed: then none
  counts.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from gpiozero import Device, Factory, GPIOZeroError

from kiosk.errors import ReaderError

# Of 18 kinds of switch all but one bounced for at most 6.2 ms (Ganssle, "A Guide to Debouncing").
SCAN_S = 0.02
_MOST_DOWN = 2


class Debounce:
    """Which keys were pressed, from looks at which are down."""

    def __init__(self) -> None:
        self._before: frozenset[str] = frozenset()
        self._down: frozenset[str] = frozenset()

    def look(self, down: frozenset[str]) -> list[str]:
        """The keys that count as pressed with this look, sorted."""
        if len(down) > _MOST_DOWN:
            return []
        steady = (down & self._before) | (self._down & (down | self._before))
        pressed = sorted(steady - self._down)
        self._before, self._down = down, steady
        return pressed


class Matrix:
    """The pins: `keys` has a row's keys each, left to right. `factory` None: gpiozero's own choice.

    Raises `ReaderError` where the pins cannot be had.
    """

    def __init__(
        self,
        rows: Sequence[int],
        columns: Sequence[int],
        keys: Sequence[str],
        factory: Factory | None = None,
    ) -> None:
        self._keys = keys
        self._closing = threading.Event()
        self._debounce = Debounce()
        try:
            made = factory or _gpiozeros_own()
            self._rows = [made.pin(number) for number in rows]
            self._columns = [made.pin(number) for number in columns]
            for pin in (*self._rows, *self._columns):
                pin.input_with_pull("up")
        except (GPIOZeroError, OSError, ImportError) as error:
            raise ReaderError(
                f"the keypad's pins cannot be had ({error}); check [keypad] rows and columns and "
                "that the user is in group gpio"
            ) from error

    def down(self) -> frozenset[str]:
        """The keys that are down now."""
        found = set()
        for row, keys in zip(self._rows, self._keys, strict=True):
            row.output_with_state(0)
            found |= {key for pin, key in zip(self._columns, keys, strict=True) if pin.state == 0}
            row.input_with_pull("up")
        return frozenset(found)

    def characters(self) -> Iterator[str]:
        """Each key as it is pressed, until `cancel`; raises OSError when a pin fails."""
        while not self._closing.wait(SCAN_S):
            try:
                down = self.down()
            except GPIOZeroError as error:
                raise ReaderError(f"the keypad's pins failed ({error})") from error
            yield from self._debounce.look(down)

    def cancel(self) -> None:
        """Let `characters` end, from any thread."""
        self._closing.set()

    def close(self) -> None:
        """Give the pins back."""
        for pin in (*self._rows, *self._columns):
            pin.close()


def _gpiozeros_own() -> Factory:
    """The factory that lamps and buttons without one of their own use."""
    Device.ensure_pin_factory()
    return Device.pin_factory
