"""Patterns as settings change them, and the rules that keep signals apart.

Nobody must need colour or hearing to tell two signals apart, so in every table of patterns:
- every signal's lamp rhythm differs from every other one's, whatever the lamps' colours; "dark" and
  "steady" are rhythms;
- the sounds of any two signals that sound differ, in rhythm, or on a buzzer with pitch in pitch;
- two rhythms differ when they have different numbers of pulses, or a pulse differs in length by
  `LEAST_RATIO` or more. Pauses and repetition do not count;
- two pitches differ from `LEAST_SEMITONES` on;
- a figure has at most `MOST_PULSES` pulses and is at most `LONGEST_S` long; a lamp flashes at most
  three times in any second; the pause before a repetition is at least twice the one between pulses;
- green is for what has a record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations
from math import log2
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from kiosk.signals import PATTERNS, Pattern, Rhythm, Signal

# Somebody who sees one rhythm alone has nothing to compare it with. People notice a change in
# length from some 10-20 % on when both are side by side; twice as long leaves room for haste, and
# Morse code (ITU-R M.1677-1), which is read without a comparison, has three times.
LEAST_RATIO = 2.0
# People without an ear for music miss changes of a semitone and more (Foxton et al. 2004).
LEAST_SEMITONES = 3.0
MOST_PULSES = 4  # as many as are counted at a glance (subitising: Kaufman et al. 1949)
LONGEST_S = 2.0  # of one figure: an answer is over before the next person is served
LEAST_APART_S = 1 / 3  # from flash to flash: WCAG 2.2, 2.3.1, three flashes in any second
_EPSILON = 1e-9  # sums of decimal fractions

GREEN = frozenset({Signal.ACCEPTED, Signal.ALREADY, Signal.UNDONE})

Beep = Annotated[float, Field(ge=0.02, le=LONGEST_S)]
Flash = Annotated[float, Field(ge=0.1, le=LONGEST_S)]  # shorter ones look dimmer (Bloch's law)


class PatternSection(BaseModel):
    """What the settings change of one signal's pattern; a key that is left out stays as it is.

    `on_s` are the lamp's pulses in seconds ([] is steady), `off_s` the pause between them,
    `again_s` the pause before they start anew (0: once). `beep_s` and `beep_off_s` are the
    buzzer's ([] is silent), `pitch_hz` counts on a passive buzzer only.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    lamp: Literal["green", "amber", "red", "dark"] | None = None
    on_s: tuple[Flash, ...] | None = None
    off_s: float | None = Field(None, ge=0.05, le=1)
    again_s: float | None = Field(None, ge=0, le=5)
    beep_s: tuple[Beep, ...] | None = None
    beep_off_s: float | None = Field(None, ge=0.05, le=1)
    # lgpio's PWM goes to 10 kHz; small piezos and old ears do not.
    pitch_hz: int | None = Field(None, ge=200, le=5000)

    def over(self, pattern: Pattern) -> Pattern:
        """`pattern` with what is set here."""
        if self.lamp == "dark":
            pattern = replace(pattern, lamp=None)
        elif self.lamp is not None:
            pattern = replace(pattern, lamp=self.lamp)
        if self.pitch_hz is not None:
            pattern = replace(pattern, pitch_hz=self.pitch_hz)
        light = _over(pattern.light, self.on_s, self.off_s, self.again_s)
        beep = _over(pattern.beep or Rhythm(off_s=0.1), self.beep_s, self.beep_off_s, None)
        return replace(pattern, light=light, beep=beep if beep.on_s else None)


def _over(
    rhythm: Rhythm, on_s: tuple[float, ...] | None, off_s: float | None, again_s: float | None
) -> Rhythm:
    return Rhythm(
        rhythm.on_s if on_s is None else on_s,
        rhythm.off_s if off_s is None else off_s,
        rhythm.again_s if again_s is None else again_s,
    )


NAMES: Mapping[str, Signal] = {signal.name.lower(): signal for signal in Signal}


def changed(sections: Mapping[str, PatternSection]) -> Mapping[Signal, Pattern]:
    """`PATTERNS` with the settings over them; raises `KeyError` for a name not in `NAMES`."""
    patterns = dict(PATTERNS)
    for name, section in sections.items():
        patterns[NAMES[name]] = section.over(patterns[NAMES[name]])
    return patterns


def objections(patterns: Mapping[Signal, Pattern], *, pitched: bool) -> Iterator[str]:
    """What breaks the rules above, one line each; `pitched`: the buzzer has pitch."""
    for signal, pattern in patterns.items():
        name = signal.name.lower()
        if pattern.lamp == "green" and signal not in GREEN:
            yield f"{name}: green is for what has a record"
        for what, rhythm in (("on_s", pattern.light), ("beep_s", pattern.beep)):
            if rhythm is not None:
                yield from (f"{name}.{what}: {why}" for why in _unfit(rhythm))
        if _flickers(pattern.light):
            yield f"{name}.on_s: more than three flashes in a second"
    for (one, a), (other, b) in combinations(patterns.items(), 2):
        both = f"{one.name.lower()} and {other.name.lower()}"
        if _alike(a.light if a.lamp else None, b.light if b.lamp else None):
            yield f"{both} look alike without colour; change a number or length of on_s"
        if a.beep and b.beep and _alike(a.beep, b.beep) and not (pitched and _apart(a, b)):
            more = " or pitch_hz" if pitched else ""
            yield f"{both} sound alike; change a number or length of beep_s{more}"


def _unfit(rhythm: Rhythm) -> Iterator[str]:
    if len(rhythm.on_s) > MOST_PULSES:
        yield f"more than {MOST_PULSES} pulses"
    if rhythm.length_s > LONGEST_S + _EPSILON:
        yield f"{rhythm.length_s:g} s long with its pauses, more than {LONGEST_S:g} s"
    if 0 < rhythm.again_s < 2 * rhythm.off_s:
        yield f"again_s must be 0 or at least twice off_s ({rhythm.off_s:g} s)"


def _flickers(light: Rhythm) -> bool:
    pauses = [light.off_s] * (len(light.on_s) - 1) + [light.again_s or LEAST_APART_S]
    apart = (on_s + off_s for on_s, off_s in zip(light.on_s, pauses, strict=False))
    return any(s < LEAST_APART_S - _EPSILON for s in apart)


def _alike(a: Rhythm | None, b: Rhythm | None) -> bool:
    """Whether two rhythms can be taken for each other; None is dark."""
    if a is None or b is None:
        return a is b
    if len(a.on_s) != len(b.on_s):
        return False
    pairs = zip(a.on_s, b.on_s, strict=True)
    return all(max(x, y) / min(x, y) < LEAST_RATIO - _EPSILON for x, y in pairs)


def _apart(a: Pattern, b: Pattern) -> bool:
    return abs(12 * log2(a.pitch_hz / b.pitch_hz)) >= LEAST_SEMITONES - _EPSILON
