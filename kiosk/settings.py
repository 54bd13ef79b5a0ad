"""The terminal's part of the one TOML file; `store.settings` reads it and owns the shared sections.

Unknown keys, values out of range and missing files are errors that name the key, the value and
what is allowed, all at once. `[mqtt]` belongs to the sync process, which checks it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from recognizer.quality import QualitySettings
from store.backup import BackupSection
from store.retention import RetentionSection
from store.settings import HqSection, StatusSection, StoreSection, Terminal, load_settings

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
            try:
                there = self.path.exists()
            except OSError as error:  # a name that no file system takes
                raise ValueError(f"path: it cannot be looked at: {error.strerror}") from None
            if not there:
                raise ValueError(f"path: {self.path} does not exist")
        return self


class RecognitionSection(Section):
    """Which models run and how sure they must be."""

    pack: str = "open"
    weights: Path = Path("/var/lib/kiosk/models")
    detector: Literal["auto", "yunet", "mtcnn", "scrfd"] = "auto"
    min_face_px: int = Field(80, ge=40, le=400)
    fpir: float = Field(0.003, gt=0, le=0.1)
    # 1:1 with the person whom a badge names: nobody is searched for, the FMR is the risk itself.
    # Ten times finer than Frontex' best practice for automated border gates (FAR 1e-3, 2015).
    verification_fmr: float = Field(1e-4, gt=0, le=0.01)
    accept_licence: str | None = None
    calibration: Path | None = Field(None, description="what `kiosk models calibrate` wrote")


_GOOD = QualitySettings()  # the defaults, with their sources, are the recogniser's


class QualitySection(Section):
    """From where on a face is good enough; `min_face_px` stands in [recognition].

    `recognizer.quality.QualitySettings` says what each one means.
    """

    min_eyes_px: float = Field(_GOOD.min_eyes_px, ge=10, le=200)
    max_clipped: float = Field(_GOOD.max_clipped, ge=0.01, le=0.5)
    max_yaw: float = Field(_GOOD.max_yaw, ge=10, le=80)
    max_pitch: float = Field(_GOOD.max_pitch, ge=10, le=80)
    max_roll: float = Field(_GOOD.max_roll, ge=5, le=80)
    min_sharpness: float = Field(_GOOD.min_sharpness, ge=0.01, le=1)
    min_highlight: float = Field(_GOOD.min_highlight, ge=1, le=200)
    max_shadow: float = Field(_GOOD.max_shadow, ge=50, le=254)
    min_contrast: float = Field(_GOOD.min_contrast, ge=1, le=100)
    min_brow_light: float = Field(_GOOD.min_brow_light, ge=0.01, le=1)
    min_eyes_light: float = Field(_GOOD.min_eyes_light, ge=0.01, le=1)
    min_mouth_detail: float = Field(_GOOD.min_mouth_detail, ge=0.01, le=1)


class PadSection(Section):
    """Presentation attack detection; switching it off is the operator's written decision.

    `motion` and the bounds of "low_scores" are measured in docs/recognition.md.
    """

    mode: Literal["on", "off"] = "on"
    motion: Literal["off", "advise"] = "off"
    challenge: Literal["never", "always", "low_scores"] = "never"
    challenge_low_live: float = Field(0.8, ge=0, le=1)
    challenge_low_score: float = Field(0.6, ge=-1, le=1)
    challenge_s: float = Field(6, ge=2, le=30)

    @model_validator(mode="after")
    def _nothing_asked_of_what_is_off(self) -> PadSection:
        if self.mode == "off" and self.motion == "advise":
            raise ValueError('motion: "advise" needs mode = "on"')
        return self


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


class TemplatesSection(Section):
    """Whether templates may be taken up from presentations (`kiosk people unadapt` undoes it).

    `share`: given to and taken from the site's other terminals, of who consented to it.
    """

    adapt: bool = False
    share: bool = False


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


class MqttView(BaseModel):
    """The sync process's own section, of which kiosk watches when the certificates expire."""

    model_config = ConfigDict(extra="allow", frozen=True)

    ca: Path | None = None
    certificate: Path | None = None


class Settings(Section):
    """Everything that `kiosk` reads of the file."""

    terminal: Terminal
    store: StoreSection
    hq: HqSection
    camera: CameraSection = CameraSection()
    recognition: RecognitionSection = RecognitionSection()
    quality: QualitySection = QualitySection()
    pad: PadSection = PadSection()
    decision: DecisionSection = DecisionSection()
    indicators: IndicatorsSection = IndicatorsSection()
    retention: RetentionSection = RetentionSection()
    templates: TemplatesSection = TemplatesSection()
    backup: BackupSection | None = None
    status: StatusSection = StatusSection()
    mqtt: MqttView = MqttView()


def load(path: Path) -> Settings:
    """Read and check the file; raises `store.errors.SettingsError` with every mistake in it."""
    return load_settings(path, Settings)
