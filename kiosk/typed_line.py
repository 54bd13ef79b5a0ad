"""From the characters that a badge reader types to a code: a pure state machine without a clock.

- A code ends with Enter, a line end or the serial end of text (ETX); other control characters,
  such as the serial start of text (STX), are passed over. An empty code is none.
- Readers type within milliseconds: after `PAUSE_S` without a character the rest of an earlier code
  is dropped, so that what a pulled plug cut off is not put before the next badge.
- What is longer than any code is dropped whole.
"""

from __future__ import annotations

from store.people import MAX_CODE

# A low-speed USB device is asked every 10 ms at the soonest (USB 2.0 section 5.7.4) and needs two
# reports a key; 9600 baud are 960 characters a second. A second is far past either.
PAUSE_S = 1.0
_ENDS = "\n\r\x03"


class TypedLine:
    """One reader's line."""

    def __init__(self) -> None:
        self._text = ""
        self._last_s = float("-inf")

    def take(self, character: str, at_s: float) -> str | None:
        """The code that this character ends, else None; `at_s` are monotonic seconds."""
        if at_s - self._last_s > PAUSE_S:
            self._text = ""
        self._last_s = at_s
        if character in _ENDS:
            text, self._text = self._text.strip(), ""
            return text if 1 <= len(text) <= MAX_CODE else None
        if character.isprintable() and len(self._text) <= MAX_CODE:
            self._text += character
        return None
