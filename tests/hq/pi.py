"""The clocks of a Pi without a clock chip, which the test winds; the truth is known to it alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.records import Instant


class PiClock:
    """It begins in 1970 at each power-up, and ticks truly from then on."""

    def __init__(self, truth: datetime, zone: str = "Europe/Berlin") -> None:
        self.truth = truth
        self.zone = zone
        self._boots = 0
        self.power_up()

    def power_up(self, off: timedelta = timedelta()) -> None:
        """After power was gone for so long."""
        self.truth += off
        self._began = self.truth
        self._boots += 1
        self.set_to(datetime(1970, 1, 1, tzinfo=UTC))

    def set_to(self, shown: datetime) -> None:
        """By hand: the kernel calls it unsynchronised after that."""
        self._offset = shown - self.truth
        self._synchronised = False

    def synchronise(self) -> None:
        """By NTP."""
        self._offset = timedelta()
        self._synchronised = True

    def pass_s(self, seconds: float) -> None:
        self.truth += timedelta(seconds=seconds)

    def now(self) -> Instant:
        return Instant(
            utc=self.truth + self._offset,
            zone=self.zone,
            boot=f"boot-{self._boots}",
            monotonic_ns=(self.truth - self._began) // timedelta(microseconds=1) * 1000,
            synchronised=self._synchronised,
            error_ms=1 if self._synchronised else None,
        )
