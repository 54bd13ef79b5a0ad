"""How long `show` takes until the lamp is lit, beside the 100 ms that "I see you" may take.

On gpiozero's mock pins, so without the kernel's part of a write to a pin; what is measured is our
own: choosing the pattern, ending the rhythms before, starting the new ones. The yardstick is one
write to the same kind of pin.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gpiozero import LED
from gpiozero.pins.mock import MockFactory

from benchmarks.timing import Report, compared, machine
from kiosk.indicators import GpioIndicator
from kiosk.settings import IndicatorsSection
from kiosk.signals import Signal
from store.records import Instant

_BUDGET_MS = 100.0
_MIDNIGHT = Instant(
    utc=datetime(2026, 3, 1, tzinfo=UTC),
    zone="Europe/Berlin",
    boot="b",
    monotonic_ns=1,
    synchronised=True,
    error_ms=None,
)


class _Clock:
    def now(self) -> Instant:
        return _MIDNIGHT


def measure(repetitions: int) -> Report:
    """`show` of each kind of signal after each kind."""
    report = Report("signals", {"budget ms": _BUDGET_MS, **machine()})
    factory = MockFactory()
    section = IndicatorsSection(quiet=("12:00-13:00",))
    indicator = GpioIndicator(section, _Clock(), factory)
    lamp = LED(4, pin_factory=factory)
    for before, signal in (
        (Signal.IDLE, Signal.SEEN),
        (Signal.ASK_BADGE, Signal.SEEN),  # ends two rhythms
        (Signal.SEEN, Signal.ACCEPTED),  # begins two
        (Signal.REJECTED, Signal.FAULT),  # both
    ):

        def show(before: Signal = before, signal: Signal = signal) -> None:
            indicator.show(before)
            indicator.show(signal)

        shown, written, ratio = compared(show, lamp.toggle, repetitions)
        name = f"show {before.name} and {signal.name}"
        report.timings[name] = shown
        report.timings["write to a pin"] = written
        report.numbers[f"{name}, over a write to a pin"] = ratio
        report.numbers[f"{name}, p99 over the budget"] = shown.p99_ms / _BUDGET_MS
    indicator.close()
    lamp.close()
    return report
