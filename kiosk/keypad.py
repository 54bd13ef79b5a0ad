"""From a keypad's keys to a number and a PIN: a pure state machine without a clock.

- Number, ENTER, PIN, ENTER. `*` clears all of it.
- A 0 in place of the PIN says "I forgot badge and PIN": the number is then only declared, and
  headquarters must approve. No PIN is that short.
- ENTER on nothing does nothing. What was begun and left for `idle_s` is cleared by the next key, so
  that nobody types into somebody else's entry.
"""

from __future__ import annotations

from kiosk.panel import Declared, Typed
from store.records import MAX_NUMBER

ENTER, CLEAR = "#", "*"
FORGOTTEN = "0"
_ENTERS = frozenset({ENTER, "\n", "\r"})


class Keypad:
    """One keypad's entry; `idle_s` seconds."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._last_s = float("-inf")
        self._number: str | None = None
        self._typed = ""

    def press(self, key: str, at_s: float) -> Typed | Declared | None:
        """What this key completes, else None.

        `key` is one character, ENTER or CLEAR; `at_s` are monotonic seconds.
        """
        if at_s - self._last_s > self._idle_s:
            self._clear()
        self._last_s = at_s
        if key == CLEAR:
            self._clear()
        elif key in _ENTERS:
            return self._enter()
        elif key.isprintable() and len(self._typed) <= MAX_NUMBER:
            self._typed += key
        return None

    def _enter(self) -> Typed | Declared | None:
        if not self._typed:
            return None
        if self._number is None:
            self._number, self._typed = self._typed, ""
            return None
        number, pin = self._number, self._typed
        self._clear()
        return Declared(number) if pin == FORGOTTEN else Typed(number, pin)

    def _clear(self) -> None:
        self._number, self._typed = None, ""
