"""No two signals look alike without colour or sound alike, whatever the settings say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kiosk.patterns import (
    GREEN,
    LEAST_RATIO,
    LONGEST_S,
    NAMES,
    PatternSection,
    changed,
    objections,
)
from kiosk.settings import IndicatorsSection, load
from kiosk.signals import PATTERNS, Pattern, Rhythm, Signal
from store.errors import SettingsError
from tests.kiosk.test_settings import GOOD

Figure = tuple[float, ...]


def differ(one: Figure, other: Figure) -> bool:
    """The rule once more, without the code's own: a pulse more, or one twice as long."""
    if len(one) != len(other):
        return True
    return any(a >= 2 * b or b >= 2 * a for a, b in zip(one, other, strict=True))


def test_every_signal_has_a_pattern() -> None:
    assert set(PATTERNS) == set(Signal)
    assert [signal for signal, pattern in PATTERNS.items() if pattern.lamp is None] == [Signal.IDLE]


def test_any_two_signals_differ_in_the_lamps_rhythm_whatever_the_colour() -> None:
    for one, other in combinations(Signal, 2):
        a, b = PATTERNS[one], PATTERNS[other]
        if a.lamp and b.lamp:
            assert differ(a.light.on_s, b.light.on_s), (one, other)
        else:
            assert a.lamp or b.lamp, "one at the most is dark"


def test_any_two_signals_that_sound_differ_in_rhythm_on_a_buzzer_without_pitch() -> None:
    for one, other in combinations(Signal, 2):
        a, b = PATTERNS[one].beep, PATTERNS[other].beep
        assert a is None or b is None or differ(a.on_s, b.on_s), (one, other)


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=[signal.name for signal in PATTERNS])
def test_a_figure_is_short_and_does_not_flicker(pattern: Pattern) -> None:
    for rhythm in (pattern.light, pattern.beep):
        assert rhythm is None or (rhythm.length_s <= LONGEST_S and len(rhythm.on_s) <= 4)
    light = pattern.light
    starts, at_s = list[float](), 0.0
    for (on, hold_s), _ in zip(light.steps(), range(24), strict=False):
        starts += [at_s] if on else []
        at_s += hold_s or 0
    for start in starts:
        assert len([s for s in starts if start <= s < start + 1]) <= 3


def test_only_what_has_a_record_is_green() -> None:
    assert {signal for signal, pattern in PATTERNS.items() if pattern.lamp == "green"} == GREEN


def test_the_given_patterns_break_no_rule() -> None:
    for pitched in (False, True):
        assert list(objections(PATTERNS, pitched=pitched)) == []


def with_light(signal: Signal, figure: Figure) -> Mapping[Signal, Pattern]:
    pattern = PATTERNS[signal]
    return {**PATTERNS, signal: replace(pattern, light=replace(pattern.light, on_s=figure))}


@given(
    st.sampled_from([signal for signal in Signal if signal is not Signal.IDLE]),
    st.lists(st.floats(0.1, 0.42), max_size=4).map(tuple),
)
def test_a_lamp_is_refused_just_when_it_could_be_taken_for_another(
    signal: Signal, figure: Figure
) -> None:
    others = [PATTERNS[other].light.on_s for other in Signal if other not in (signal, Signal.IDLE)]
    ratios = [
        max(max(a, b) / min(a, b) for a, b in zip(figure, other, strict=True))
        for other in others
        if len(other) == len(figure) and figure
    ]
    assume(all(abs(ratio - LEAST_RATIO) > 1e-6 for ratio in ratios))
    told = any("look alike" in why for why in objections(with_light(signal, figure), pitched=True))
    assert told != all(differ(figure, other) for other in others)


def test_pitch_tells_the_same_rhythm_apart_from_three_semitones_on_and_on_a_piezo_only() -> None:
    accepted = replace(PATTERNS[Signal.ACCEPTED], pitch_hz=1000)
    near, far = 1180, 1190  # a minor third above 1000 Hz is 1189.2 Hz
    for pitch_hz, pitched, told in ((near, True, True), (far, True, False), (far, False, True)):
        tick = replace(PATTERNS[Signal.CHOSEN], beep=accepted.beep, pitch_hz=pitch_hz)
        patterns = {**PATTERNS, Signal.ACCEPTED: accepted, Signal.CHOSEN: tick}
        whys = list(objections(patterns, pitched=pitched))
        assert any("sound alike" in why for why in whys) == told, (pitch_hz, pitched)


def test_what_a_section_leaves_out_stays() -> None:
    was = PATTERNS[Signal.ASK_BADGE]
    now = changed({"ask_badge": PatternSection(off_s=0.3)})[Signal.ASK_BADGE]
    assert now == replace(was, light=replace(was.light, off_s=0.3))
    assert changed({"ask_badge": PatternSection()}) == PATTERNS
    assert changed({}) == PATTERNS


def test_a_section_can_make_a_signal_steady_dark_silent_and_louder() -> None:
    text = {"lamp": "dark", "on_s": [], "beep_s": [], "pitch_hz": 800}
    now = changed({"fault": PatternSection.model_validate(text)})[Signal.FAULT]
    assert (now.lamp, now.light.on_s, now.beep, now.pitch_hz) == (None, (), None, 800)
    now = changed({"try_again": PatternSection(beep_s=(0.05,) * 4)})[Signal.TRY_AGAIN]
    assert now.beep == Rhythm((0.05,) * 4, 0.1)


def test_every_signal_has_a_name_in_the_settings() -> None:
    assert set(NAMES.values()) == set(Signal)
    assert all(name == name.lower() and " " not in name for name in NAMES)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[indicators.patterns.rejected]\non_s = [1.2]", "rejected look alike without colour"),
        ("[indicators.patterns.seen]\nlamp = 'dark'", "idle and seen look alike"),
        ("[indicators.patterns.fault]\non_s = []", "seen and fault look alike"),
        ("[indicators.patterns.wrong]\nbeep_s = [0.3, 0.3, 0.3]", "sound alike; .* of beep_s"),
        ("[indicators.patterns.seen]\nlamp = 'green'", "seen: green is for what has a record"),
        ("[indicators.patterns.fault]\non_s = [0.9, 0.9]\noff_s = 0.3", "fault.on_s: 2.1 s long"),
        ("[indicators.patterns.fault]\nbeep_s = [0.1, 0.1, 0.1, 0.1, 0.1]", "more than 4 pulses"),
        ("[indicators.patterns.try_again]\noff_s = 0.2", "more than three flashes in a second"),
        ("[indicators.patterns.try_again]\nagain_s = 0.3", "again_s must be 0 or at least twice"),
        ("[indicators.patterns.acepted]\non_s = [1.0]", "acepted is no signal; known are idle"),
        ("[indicators.patterns.accepted]\non_s = [0.05]", "on_s"),
        ("[indicators.patterns.accepted]\npitch_hz = 20000", "pitch_hz"),
        ("[indicators.patterns.accepted]\ncolour = 'red'", "colour"),
        ("[indicators]\nvolume = 50", "an active buzzer is on .100. or off .0., not 50"),
        ("[indicators]\nquiet_volume = 50", "quiet_volume: an active buzzer"),
        ("[indicators]\nvolume = 101", "volume"),
        ("[indicators]\nquiet = ['22-6']", "is no span such as"),
    ],
)
def test_settings_that_break_a_rule_are_refused_with_the_reason(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(f"{GOOD}{text}\n")
    with pytest.raises(SettingsError, match=message) as refused:
        load(path)
    assert "indicators" in str(refused.value)


def test_settings_that_keep_the_rules_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "kiosk.toml"
    path.write_text(f"""{GOOD}
[indicators]
sound = "passive"
volume = 40
quiet = ["22:00-06:00", "12:00-12:30"]
quiet_volume = 5
[indicators.patterns.accepted]
on_s = [1.0]
beep_s = [0.04]
pitch_hz = 2500
""")
    read = load(path).indicators
    assert (read.volume, read.quiet_volume, len(read.quiet)) == (40, 5, 2)
    assert changed(read.patterns)[Signal.ACCEPTED].light.on_s == (1.0,)
    assert IndicatorsSection.model_validate(read.model_dump()) == read, "as overrides read it again"
