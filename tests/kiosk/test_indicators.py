"""Lamps and buzzer on gpiozero's mock pins, which keep what happened on them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import pi, sin
from threading import Event

import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin

from kiosk.errors import IndicatorError
from kiosk.indicators import GpioIndicator, duty
from kiosk.patterns import PatternSection
from kiosk.settings import IndicatorsSection
from kiosk.signals import PATTERNS, Signal
from store.records import Instant

PINS = IndicatorsSection()
ANSWERS = [signal for signal, pattern in PATTERNS.items() if pattern.light.again_s == 0]


class Wall:
    """A clock that stands still."""

    def __init__(self, utc: datetime = datetime(2026, 3, 2, 11, tzinfo=UTC)) -> None:
        self.utc = utc

    def now(self) -> Instant:
        return Instant(
            utc=self.utc,
            zone="Europe/Berlin",
            boot="b",
            monotonic_ns=1,
            synchronised=True,
            error_ms=None,
        )


class Pauses:
    """Waits for nothing, and keeps what was waited for; ends a rhythm after `most` pauses."""

    def __init__(self, most: int = 1000) -> None:
        self.waited: list[float] = []
        self._most = most

    def __call__(self, _stopping: Event, seconds: float) -> bool:
        self.waited.append(seconds)
        return len(self.waited) >= self._most


def hold(stopping: Event, _seconds: float) -> bool:
    """The first state stays until the next signal."""
    return stopping.wait()


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory(pin_class=MockPWMPin)
    yield factory
    factory.close()


def section(**changes: object) -> IndicatorsSection:
    return IndicatorsSection.model_validate(changes)


def lit(factory: MockFactory) -> set[str]:
    names = ("green", "amber", "red")
    return {name for name in names if factory.pin(getattr(PINS, name)).state}


def values(factory: MockFactory, pin: int) -> list[float]:
    """What was on the pin since its history was cleared."""
    return [state.state for state in factory.pin(pin).states][1:]


def sounded(
    factory: MockFactory, signal: Signal, settings: IndicatorsSection, clock: Wall
) -> list[float]:
    """What was on the buzzer's pin until the rhythm ended."""
    indicator = GpioIndicator(settings, clock, factory, Pauses(50))
    factory.pin(settings.buzzer).clear_states()
    indicator.show(signal)
    indicator.close()
    return values(factory, settings.buzzer)


def test_seen_lights_amber_alone_and_idle_is_dark(factory: MockFactory) -> None:
    indicator = GpioIndicator(PINS, Wall(), factory, hold)
    indicator.show(Signal.SEEN)
    assert lit(factory) == {"amber"}
    indicator.show(Signal.IDLE)
    assert lit(factory) == set()
    indicator.close()


@pytest.mark.parametrize("signal", [signal for signal in Signal if signal is not Signal.IDLE])
def test_the_lamp_is_on_before_show_returns_and_nothing_was_waited_for(
    factory: MockFactory, signal: Signal
) -> None:
    """So "I see you" takes as long as writing a pin, also while another rhythm runs."""
    indicator = GpioIndicator(PINS, Wall(), factory, hold)
    indicator.show(Signal.FAULT)
    indicator.show(signal)
    assert lit(factory) == {PATTERNS[signal].lamp}
    indicator.close()


def test_a_new_signal_replaces_the_one_before(factory: MockFactory) -> None:
    indicator = GpioIndicator(PINS, Wall(), factory, hold)
    indicator.show(Signal.SEEN)
    indicator.show(Signal.FAULT)
    assert lit(factory) == {"red"}
    indicator.close()
    assert lit(factory) == set()


@pytest.mark.parametrize("signal", ANSWERS)
def test_an_answer_plays_its_rhythm_once_and_ends_dark(
    factory: MockFactory, signal: Signal
) -> None:
    pattern = PATTERNS[signal]
    pauses = Pauses()
    silent = section(volume=0)
    indicator = GpioIndicator(silent, Wall(), factory, pauses)
    pin = getattr(PINS, pattern.lamp or "red")
    factory.pin(pin).clear_states()
    indicator.show(signal)
    indicator.close()
    assert values(factory, pin) == [1.0, 0.0] * max(len(pattern.light.on_s), bool(pattern.lamp))
    expected = [s for on_s in pattern.light.on_s for s in (on_s, pattern.light.off_s)]
    assert pauses.waited == expected[:-1]


def test_a_request_repeats_after_a_pause(factory: MockFactory) -> None:
    pauses = Pauses(most=8)
    indicator = GpioIndicator(section(volume=0), Wall(), factory, pauses)
    indicator.show(Signal.TURN_RIGHT)
    indicator.close()
    light = PATTERNS[Signal.TURN_RIGHT].light
    one = [light.on_s[0], light.off_s, light.on_s[1], light.again_s]
    assert pauses.waited == one * 2


def test_an_active_buzzer_beeps_the_rhythm(factory: MockFactory) -> None:
    assert sounded(factory, Signal.ALREADY, PINS, Wall()) == [1.0, 0.0, 1.0, 0.0]
    assert sounded(factory, Signal.SEEN, PINS, Wall()) == []


def test_a_piezo_has_pitch_and_volume(factory: MockFactory) -> None:
    settings = section(sound="passive", volume=50)
    indicator = GpioIndicator(settings, Wall(), factory, Pauses())
    pin = factory.pin(settings.buzzer)
    for signal, beeps in ((Signal.ACCEPTED, 1), (Signal.REJECTED, 3)):
        pin.clear_states()
        indicator.show(signal)
        indicator.show(Signal.IDLE)
        assert pin.frequency == PATTERNS[signal].pitch_hz
        assert values(factory, settings.buzzer) == [pytest.approx(1 / 6), 0.0] * beeps
    indicator.close()


@pytest.mark.parametrize("volume", range(0, 101, 10))
def test_the_duty_cycle_gives_the_amplitude(volume: int) -> None:
    assert 0 <= duty(volume) <= 0.5
    assert sin(pi * duty(volume)) == pytest.approx(volume / 100)


def test_a_piezo_that_is_to_be_silent_is_silent(factory: MockFactory) -> None:
    assert sounded(factory, Signal.FAULT, section(sound="passive", volume=0), Wall()) == []


def test_in_quiet_hours_the_buzzer_is_silent_and_the_lamp_goes_on(factory: MockFactory) -> None:
    night = section(quiet=["22:00-06:00"])
    late = Wall(datetime(2026, 3, 2, 22, 30, tzinfo=UTC))  # 23:30 in Berlin
    indicator = GpioIndicator(night, late, factory, hold)
    factory.pin(night.buzzer).clear_states()
    indicator.show(Signal.ACCEPTED)
    assert lit(factory) == {"green"}
    late.utc = datetime(2026, 3, 3, 5, 0, tzinfo=UTC)  # 06:00 in Berlin: the span's end is outside
    assert values(factory, night.buzzer) == []
    indicator.show(Signal.FAULT)
    assert values(factory, night.buzzer)[:1] == [1.0]
    indicator.close()


def test_quiet_hours_may_have_a_volume_of_their_own(factory: MockFactory) -> None:
    night = section(sound="passive", quiet=["22:00-06:00"], quiet_volume=10)
    late = Wall(datetime(2026, 3, 2, 22, 30, tzinfo=UTC))
    assert max(sounded(factory, Signal.ACCEPTED, night, late)) == pytest.approx(duty(10))
    assert max(sounded(factory, Signal.ACCEPTED, night, Wall())) == pytest.approx(0.5)


def test_a_pattern_of_the_settings_is_what_is_played(factory: MockFactory) -> None:
    change = PatternSection(lamp="amber", on_s=(0.4, 0.4, 0.4, 0.4), off_s=0.1, beep_s=())
    settings = section(patterns={"rejected": change})
    pauses = Pauses()
    indicator = GpioIndicator(settings, Wall(), factory, pauses)
    factory.pin(settings.amber).clear_states()
    factory.pin(settings.buzzer).clear_states()
    indicator.show(Signal.REJECTED)
    indicator.close()
    assert values(factory, settings.amber) == [1.0, 0.0] * 4
    assert pauses.waited == [0.4, 0.1] * 3 + [0.4]
    assert values(factory, settings.buzzer) == []


def test_mock_pins_of_the_settings_have_pwm_for_a_piezo() -> None:
    indicator = GpioIndicator(section(pins="mock", sound="passive"), Wall())
    indicator.show(Signal.ACCEPTED)
    indicator.close()


def test_a_pin_that_is_taken_is_a_clear_error(factory: MockFactory) -> None:
    first = GpioIndicator(PINS, Wall(), factory)
    with pytest.raises(IndicatorError, match="check the wiring"):
        GpioIndicator(PINS, Wall(), factory)
    first.close()


def test_a_piezo_on_pins_without_pwm_is_a_clear_error() -> None:
    with pytest.raises(IndicatorError, match="cannot be had"):
        GpioIndicator(section(sound="passive"), Wall(), MockFactory())
