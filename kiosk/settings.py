"""The terminal's part of the one TOML file; `store.settings` reads it and owns the shared sections.

Unknown keys, values out of range and missing files are errors that name the key, the value and
what is allowed, all at once. `[mqtt]` belongs to the sync process, which checks it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from store.retention import RetentionSection
from store.settings import HqSection, StoreSection, Terminal, load_settings

Pin = Annotated[int, Field(ge=2, le=27, description="BCM number of a GPIO on the 40-pin header")]


class Section(BaseModel):
    """A table of the settings file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CameraSection(Section):
    """Where frames come from."""

    source: Literal["picamera2", "v4l2", "video", "pictures"] = "picamera2"
    device: int | str = 0
    path: Path | None = None
    width: int = Field(640, ge=160, le=4096)
    height: int = Field(480, ge=120, le=4096)
    fps: float = Field(15, ge=1, le=60)
    pace: Literal["realtime", "every-frame"] = "realtime"
    at_end: Literal["stop", "repeat"] = "stop"

    @model_validator(mode="after")
    def _path_is_there(self) -> CameraSection:
        if self.source in ("video", "pictures"):
            if self.path is None:
                raise ValueError(f'path: source = "{self.source}" needs the path of one')
            if not self.path.exists():
                raise ValueError(f"path: {self.path} does not exist")
        return self


class RecognitionSection(Section):
    """Which models run and how sure they must be."""

    pack: str = "open"
    weights: Path = Path("/var/lib/kiosk/models")
    detector: Literal["auto", "yunet", "mtcnn"] = "auto"
    min_face_px: int = Field(80, ge=40, le=400)
    fpir: float = Field(0.003, gt=0, le=0.1)
    # 1:1 with the person whom a badge names: nobody is searched for, the FMR is the risk itself.
    # Ten times finer than Frontex' best practice for automated border gates (FAR 1e-3, 2015).
    verification_fmr: float = Field(1e-4, gt=0, le=0.01)
    accept_licence: str | None = None


class PadSection(Section):
    """Presentation attack detection; switching it off is the operator's written decision."""

    mode: Literal["on", "off"] = "on"


class DecisionSection(Section):
    """How the frames of one presentation become one decision, and how long it may take."""

    margin: float = Field(0.05, ge=0, le=1)
    min_frames: int = Field(3, ge=1, le=30)
    max_frames: int = Field(8, ge=1, le=60)
    patience_s: float = Field(6, ge=1, le=60)
    gone_s: float = Field(0.8, ge=0.1, le=10)
    show_s: float = Field(1.2, ge=0.2, le=10)
    retry_s: float = Field(3, ge=0.5, le=60)
    repeat_s: float = Field(60, ge=0, le=3600)

    @model_validator(mode="after")
    def _ordered(self) -> DecisionSection:
        if self.max_frames < self.min_frames:
            raise ValueError(f"max_frames: must be at least min_frames ({self.min_frames})")
        return self


class IndicatorsSection(Section):
    """Lamps and buzzer by BCM pin number; `mock` drives gpiozero's stand-in pins off a Pi."""

    pins: Literal["auto", "mock"] = "auto"
    green: Pin = 17
    amber: Pin = 27
    red: Pin = 22
    buzzer: Pin = 18

    @model_validator(mode="after")
    def _distinct(self) -> IndicatorsSection:
        used = [self.green, self.amber, self.red, self.buzzer]
        if len(set(used)) != len(used):
            raise ValueError(f"green, amber, red, buzzer: {used} uses a pin twice")
        return self


class Settings(Section):
    """Everything that `kiosk` reads of the file."""

    terminal: Terminal
    store: StoreSection
    hq: HqSection
    camera: CameraSection = CameraSection()
    recognition: RecognitionSection = RecognitionSection()
    pad: PadSection = PadSection()
    decision: DecisionSection = DecisionSection()
    indicators: IndicatorsSection = IndicatorsSection()
    retention: RetentionSection = RetentionSection()
    mqtt: dict[str, Any] = Field(default_factory=dict, description="the sync process's own")


def load(path: Path) -> Settings:
    """Read and check the file; raises `store.errors.SettingsError` with every mistake in it."""
    return load_settings(path, Settings)
