"""`[update]`, and what kiosk-update reads of the settings file.

It reads no other section: the file may already have keys that only the new program knows.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from kiosk.quiet import is_quiet, span
from store.records import Instant
from store.settings import Terminal, load_settings


class UpdateSection(BaseModel):
    """`[update]`: where releases are, whose are believed, and when one may be switched to.

    `hours` are spans of the wall clock at the door, "01:00-04:00", which may cross midnight;
    outside of them are working hours. `ready_s`: how long the new daemon may take until it serves;
    `watch_minutes`: how long it has to stay healthy then.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    root: Path = Path("/opt/kiosk")
    public_key: Path = Path("/etc/kiosk/release.pub")
    pulse: Path = Path("/run/kiosk/pulse.json")
    hours: tuple[str, ...] = ("01:00-04:00",)
    ready_s: float = Field(120, ge=1, le=1800)
    watch_minutes: float = Field(10, ge=0, le=720)

    @field_validator("hours")
    @classmethod
    def _spans(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        for text in hours:
            span(text)
        return hours

    def allows(self, now: Instant) -> bool:
        """Whether a switch may begin; never while the clock is not known to be right."""
        return now.synchronised and is_quiet([span(text) for text in self.hours], now)


class UpdateSettings(BaseModel):
    """The file as kiosk-update sees it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    terminal: Terminal
    update: UpdateSection = UpdateSection()


def load(path: Path) -> UpdateSettings:
    """Read the file; raises `store.errors.SettingsError`."""
    return load_settings(path, UpdateSettings)
