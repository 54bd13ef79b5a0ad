"""Signals: what the terminal tells the person in front of it, and how that looks and sounds.

A signal says what happened, never a colour or a tone. `PATTERNS` is the one table from signals to
lamps and beeps; `kiosk.patterns` lets settings change it and holds the rules of what may be alike.
No pin is touched here.

The table's idea: answers show once, requests repeat until the next signal, lamp and beeps mostly in
the same figure of short and long. Green follows a record only. Good news sounds high, requests
sound in the middle, bad news low.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Lamp = Literal["green", "amber", "red"]


class Signal(Enum):
    """What the terminal tells the person in front of it."""

    IDLE = "idle"
    SEEN = "seen"
    TRY_AGAIN = "try again"
    TURN_LEFT = "turn your head left"
    TURN_RIGHT = "turn your head right"
    ASK_BADGE = "badge or PIN"
    CHOOSE = "choose in or out"
    CHOSEN = "chosen"
    NOTICE = "read and accept the notice"
    OPENED = "your records"
    ACCEPTED = "accepted"
    ALREADY = "already recorded"
    UNDONE = "taken back"
    WAITING = "headquarters must approve"
    REJECTED = "not recognised"
    WRONG = "wrong badge or PIN"
    FAULT = "out of order"
    BADGE_ONLY = "badge or PIN only"


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Pulses of `on_s` seconds each, `off_s` seconds apart.

    No pulses at all is steady until the next signal. After `again_s` seconds of pause the figure
    starts anew; 0 plays it once.
    """

    on_s: tuple[float, ...] = ()
    off_s: float = 0.24
    again_s: float = 0.0

    @property
    def length_s(self) -> float:
        """From the first pulse's start to the last one's end; 0 for steady."""
        return sum(self.on_s) + self.off_s * max(0, len(self.on_s) - 1)

    def steps(self) -> Iterator[tuple[bool, float | None]]:
        """On or off, and for how many seconds; None is until the next signal, and the last."""
        if not self.on_s:
            yield True, None
            return
        while True:
            for n, on_s in enumerate(self.on_s):
                if n > 0:
                    yield False, self.off_s
                yield True, on_s
            if self.again_s == 0:
                yield False, None
                return
            yield False, self.again_s

    def __str__(self) -> str:
        if not self.on_s:
            return "steady"
        return " ".join(f"{on_s:g}" for on_s in self.on_s) + (" s again" if self.again_s else " s")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One lamp's rhythm and the buzzer's, with its pitch in Hz; None is dark or silent."""

    lamp: Lamp | None = None
    light: Rhythm = Rhythm()
    beep: Rhythm | None = None
    pitch_hz: int = 1568

    def __str__(self) -> str:
        light = f"{self.lamp} {self.light}" if self.lamp else "dark"
        return light + (f", beep {self.beep}" if self.beep else "")


# Seconds. Below about 0.1 s a flash looks the dimmer the shorter it is (Bloch's law), so no lamp
# is shorter. Long is three times short, as in Morse code (ITU-R M.1677-1); the longest are well
# over twice long.
_TICK, _SHORT, _LONG, _FAULT, _DONE = 0.04, 0.1, 0.3, 0.8, 1.2
# With 0.24 s between them short flashes start 0.34 s apart: never more than three in one second
# (WCAG 2.2, 2.3.1).
_OFF, _AGAIN = 0.24, 0.8
_BEEP_OFF = 0.1
# Hz: C6, G6 and C7, 7 and 5 semitones apart. Hearing goes with age from the high end (ISO 7029),
# so no higher, and a small piezo is weak below 1 kHz.
_LOW, _MIDDLE, _HIGH = 1047, 1568, 2093


def _pattern(
    lamp: Lamp, light: tuple[float, ...], beeps: tuple[float, ...], pitch_hz: int, *, again: bool
) -> Pattern:
    beep = Rhythm(beeps, _BEEP_OFF) if beeps else None
    return Pattern(lamp, Rhythm(light, _OFF, _AGAIN if again else 0.0), beep, pitch_hz)


def _request(light: tuple[float, ...], beeps: tuple[float, ...]) -> Pattern:
    return _pattern("amber", light, beeps, _MIDDLE, again=True)


def _good(lamp: Lamp, light: tuple[float, ...], beeps: tuple[float, ...]) -> Pattern:
    return _pattern(lamp, light, beeps, _HIGH, again=False)


_1, _2 = _SHORT, _LONG
PATTERNS: Mapping[Signal, Pattern] = {
    Signal.IDLE: Pattern(),
    Signal.SEEN: Pattern("amber"),
    Signal.TRY_AGAIN: _request((_1, _1, _1, _1), ()),
    # One is left, two is right: told blind and deaf.
    Signal.TURN_LEFT: _request((_2,), (_2,)),
    Signal.TURN_RIGHT: _request((_2, _2), (_2, _2)),
    Signal.ASK_BADGE: _request((_1, _1, _1), (_1, _1, _1)),
    Signal.CHOOSE: _request((_2, _1, _1), (_2, _1, _1)),
    Signal.CHOSEN: _good("amber", (_1,), (_TICK,)),
    Signal.NOTICE: _request((_2, _1, _2), (_2, _1, _2)),
    Signal.OPENED: _good("amber", (_1, _1, _2), (_1, _1, _2)),
    Signal.ACCEPTED: _good("green", (_DONE,), (_1,)),
    Signal.ALREADY: _good("green", (_1, _1), (_1, _1)),
    Signal.UNDONE: _good("green", (_2, _1), (_2, _1)),
    Signal.WAITING: _good("amber", (_1, _2), (_1, _2)),
    Signal.REJECTED: _pattern("red", (_2, _2, _2), (_2, _2, _2), _LOW, again=False),
    Signal.WRONG: _pattern("red", (_1, _2, _2), (_1, _2, _2), _LOW, again=False),
    Signal.FAULT: _pattern("red", (_FAULT, _FAULT), (_FAULT, _FAULT), _LOW, again=True),
    # Idle without eyes: calm and silent, for as long as the camera is lost.
    Signal.BADGE_ONLY: Pattern("amber", Rhythm((_1, _2, _1), _OFF, 4.0)),
}
