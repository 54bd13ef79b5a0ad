"""Lamps and buzzer on gpiozero's mock pins, which keep what happened on them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from gpiozero.pins.mock import MockFactory

from kiosk.errors import IndicatorError
from kiosk.indicators import PATTERNS, GpioIndicator, Signal
from kiosk.settings import IndicatorsSection

PINS = IndicatorsSection()


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    yield factory
    factory.close()


def lit(factory: MockFactory) -> set[str]:
    names = ("green", "amber", "red")
    return {name for name in names if factory.pin(getattr(PINS, name)).state}


def test_seen_lights_amber_alone_and_idle_is_dark(factory: MockFactory) -> None:
    indicator = GpioIndicator(PINS, factory)
    indicator.show(Signal.SEEN)
    assert lit(factory) == {"amber"}
    indicator.show(Signal.IDLE)
    assert lit(factory) == set()
    indicator.close()


def test_a_new_signal_replaces_the_one_before(factory: MockFactory) -> None:
    indicator = GpioIndicator(PINS, factory)
    indicator.show(Signal.SEEN)
    indicator.show(Signal.FAULT)
    assert lit(factory) == {"red"}
    indicator.close()
    assert lit(factory) == set()


def test_accepted_blinks_green_and_beeps(factory: MockFactory) -> None:
    green, buzzer = factory.pin(PINS.green), factory.pin(PINS.buzzer)
    indicator = GpioIndicator(PINS, factory)
    green.clear_states()
    buzzer.clear_states()
    indicator.show(Signal.ACCEPTED)
    indicator.close()
    assert True in [s.state for s in green.states]
    assert True in [s.state for s in buzzer.states]


def test_a_pin_that_is_taken_is_a_clear_error(factory: MockFactory) -> None:
    first = GpioIndicator(PINS, factory)
    with pytest.raises(IndicatorError, match="check the wiring"):
        GpioIndicator(PINS, factory)
    first.close()


def test_every_signal_has_a_pattern_and_no_two_look_alike() -> None:
    assert set(PATTERNS) == set(Signal)
    assert len({str(pattern) for pattern in PATTERNS.values()}) == len(PATTERNS)
    rhythms = {(str(p.light), str(p.beep)) for s, p in PATTERNS.items() if p.lamp}
    assert len(rhythms) == len(PATTERNS) - 1, "colour alone must not tell two signals apart"
