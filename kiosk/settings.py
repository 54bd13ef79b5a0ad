"""The terminal's part of the one TOML file; `store.settings` reads it and owns the shared sections.

Unknown keys, values out of range and missing files are errors that name the key, the value and
what is allowed, all at once. `[mqtt]` belongs to the sync process, which checks it.
"""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from kiosk.patterns import NAMES, PatternSection, changed, objections
from kiosk.punching import Mode
from kiosk.quiet import span
from kiosk.update.settings import UpdateSection
from kiosk.words import LanguageCode
from recognizer.quality_limits import QualitySettings
from store.backup import BackupSection
from store.records import Direction
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
    idle: bool = Field(
        True, description="pass over frames in which nothing is new (docs/performance.md)"
    )
    around: bool = Field(
        True, description="search a face that is there around its place (docs/performance.md)"
    )
    fpir: float = Field(0.003, gt=0, le=0.1)
    # 1:1 with the person whom a badge names: nobody is searched for, the FMR is the risk itself.
    # Ten times finer than Frontex' best practice for automated border gates (FAR 1e-3, 2015).
    verification_fmr: float = Field(1e-4, gt=0, le=0.01)
    accept_licence: str | None = None
    calibration: Path | None = Field(None, description="what `kiosk models calibrate` wrote")
    derived: Path | None = Field(None, description="the folder of `kiosk models optimize`")
    # Another form than the pinned network's is another network: everybody is enrolled anew.
    embedder: Literal["pinned", "fp16", "int8"] = "pinned"

    @model_validator(mode="after")
    def _derived_from_somewhere(self) -> RecognitionSection:
        if self.embedder != "pinned" and self.derived is None:
            raise ValueError(f'embedder: "{self.embedder}" needs derived, the folder it is in')
        return self


_GOOD = QualitySettings()  # the defaults, with their sources, are the recogniser's


class QualitySection(Section):
    """From where on a face is good enough; `min_face_px` stands in [recognition].

    `recognizer.quality_limits.QualitySettings` says what each one means.
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


_Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[_Day, ...] = get_args(_Day)


class WindowSection(Section):
    """Local times in which punches are of one direction; see `kiosk.punching.Window`."""

    start: time
    end: time
    direction: Direction
    days: tuple[_Day, ...] = DAYS


class PunchesSection(Section):
    """What makes a punch an in, an out or a break; `kiosk.punching` says how.

    `repeat_s` stands in [decision].
    """

    mode: Mode = "alternating"
    fixed: Direction | None = None
    schedule: tuple[WindowSection, ...] = ()
    required: bool = False
    overtime: bool = Field(False, description="the screen offers overtime in and out too")
    longest_h: float = Field(16, ge=1, le=36)
    choose_s: float = Field(10, ge=2, le=60)
    undo_s: float = Field(10, ge=0, le=60)

    @model_validator(mode="after")
    def _whole(self) -> PunchesSection:
        if (self.mode == "fixed") != (self.fixed is not None):
            raise ValueError('fixed: belongs to mode = "fixed", which needs it')
        if (self.mode == "schedule") != bool(self.schedule):
            raise ValueError('schedule: belongs to mode = "schedule", which needs it')
        return self


class EnrolmentSection(Section):
    """The guided enrolment at the camera (docs/enrolment.md).

    Without `require_pad` it works with [pad] mode = "off" too, and its record says `live: false`.
    """

    require_pad: bool = True
    time_s: float = Field(30, ge=10, le=120, description="from the first pose to the end")


class TemplatesSection(Section):
    """Whether templates may be taken up from presentations (`kiosk people unadapt` undoes it).

    `share`: given to and taken from the site's other terminals, of who consented to it.
    """

    adapt: bool = False
    share: bool = False


class IndicatorsSection(Section):
    """Lamps and buzzer by BCM pin number; `mock` drives gpiozero's stand-in pins off a Pi.

    Volumes are percent; an active buzzer has no pitch and knows 0 and 100 only. In the hours of
    `quiet`, by the terminal's wall clock, the volume is `quiet_volume`; lamps go on.
    """

    pins: Literal["auto", "mock"] = "auto"
    green: Pin = 17
    amber: Pin = 27
    red: Pin = 22
    buzzer: Pin = 18
    sound: Literal["active", "passive"] = "active"
    volume: int = Field(100, ge=0, le=100)
    quiet: tuple[str, ...] = ()
    quiet_volume: int = Field(0, ge=0, le=100)
    patterns: dict[str, PatternSection] = {}

    @field_validator("quiet")
    @classmethod
    def _spans(cls, quiet: tuple[str, ...]) -> tuple[str, ...]:
        for text in quiet:
            span(text)
        return quiet

    @field_validator("patterns")
    @classmethod
    def _signals(cls, patterns: dict[str, PatternSection]) -> dict[str, PatternSection]:
        unknown = sorted(set(patterns) - set(NAMES))
        if unknown:
            raise ValueError(f"{unknown[0]} is no signal; known are {', '.join(NAMES)}")
        return patterns

    @model_validator(mode="after")
    def _distinct(self) -> IndicatorsSection:
        used = [self.green, self.amber, self.red, self.buzzer]
        if len(set(used)) != len(used):
            raise ValueError(f"green, amber, red, buzzer: {used} uses a pin twice")
        return self

    @model_validator(mode="after")
    def _volume_can_be_had(self) -> IndicatorsSection:
        if self.sound == "active":
            for key, volume in (("volume", self.volume), ("quiet_volume", self.quiet_volume)):
                if volume not in (0, 100):
                    raise ValueError(
                        f"{key}: an active buzzer is on (100) or off (0), not {volume}; "
                        'a piezo with sound = "passive" can be in between'
                    )
        return self

    @model_validator(mode="after")
    def _signals_differ(self) -> IndicatorsSection:
        pitched = self.sound == "passive"
        wrong = list(objections(changed(self.patterns), pitched=pitched))
        if wrong:
            raise ValueError(f"patterns: {'; '.join(wrong)}")
        return self


class NoticeSection(Section):
    """Whom the privacy notice names; an empty text is said in the notice's own words."""

    responsible: str = Field("", max_length=300, description="company and address")
    contact: str = Field("", max_length=300, description="whom to ask, as an office and a number")


class BadgeSection(Section):
    """A badge reader: one that types like a USB keyboard, or a serial one."""

    source: Literal["none", "usb", "serial"] = "none"
    device: Path | None = Field(
        None, description="/dev/input/by-id/…-event-kbd, /dev/serial/by-id/…"
    )
    baud: int = Field(9600, ge=300, le=921_600)

    @model_validator(mode="after")
    def _device_is_named(self) -> BadgeSection:
        if self.source != "none" and self.device is None:
            raise ValueError(f'device: source = "{self.source}" needs the path of one')
        return self


class KeypadSection(Section):
    """A keypad for number and PIN: a USB one, or switches in rows and columns on GPIO pins.

    `keys`: a row's keys each; `#` is ENTER, `*` clears.
    """

    source: Literal["none", "usb", "matrix"] = "none"
    device: Path | None = Field(None, description="/dev/input/by-id/…-event-kbd")
    rows: tuple[Pin, ...] = (5, 6, 13, 19)
    columns: tuple[Pin, ...] = (16, 20, 21)
    keys: tuple[str, ...] = ("123", "456", "789", "*0#")
    idle_s: float = Field(15, ge=3, le=120)

    @model_validator(mode="after")
    def _whole(self) -> KeypadSection:
        if self.source == "usb" and self.device is None:
            raise ValueError('device: source = "usb" needs the path of one')
        if len(self.keys) != len(self.rows) or {len(k) for k in self.keys} != {len(self.columns)}:
            raise ValueError("keys: a text for each row, a character for each column")
        all_keys = "".join(self.keys)
        if not set("0123456789#") <= set(all_keys) or len(set(all_keys)) != len(all_keys):
            raise ValueError("keys: every digit and # once")
        return self


class ButtonsSection(Section):
    """Buttons from a GPIO pin to ground, by BCM number: a direction each, and undo."""

    directions: dict[Direction, Pin] = Field(default_factory=dict)
    undo: Pin | None = None
    bounce_ms: int = Field(50, ge=0, le=500)

    @property
    def pins(self) -> tuple[int, ...]:
        """All pins in use."""
        return (*self.directions.values(), *(() if self.undo is None else (self.undo,)))


class ScreenSection(Section):
    """The optional page on a display (docs/screen.md); it is served on 127.0.0.1 and nowhere else.

    `language` is the one it starts in and goes back to; after `idle_s` without a touch a panel that
    was left open closes. `preview_fps` is the most: a picture is encoded for whoever looks.
    """

    enabled: bool = False
    port: int = Field(8470, ge=1024, le=65535)
    language: LanguageCode = "en"
    idle_s: float = Field(30, ge=5, le=600)
    preview_fps: float = Field(10, ge=1, le=30)


class MqttView(BaseModel):
    """The sync process's own section, of which kiosk watches when the certificates expire.

    `key` is only for erasing it with the terminal.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


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
    punches: PunchesSection = PunchesSection()
    indicators: IndicatorsSection = IndicatorsSection()
    badge: BadgeSection = BadgeSection()
    keypad: KeypadSection = KeypadSection()
    buttons: ButtonsSection = ButtonsSection()
    retention: RetentionSection = RetentionSection()
    templates: TemplatesSection = TemplatesSection()
    screen: ScreenSection = ScreenSection()
    enrolment: EnrolmentSection = EnrolmentSection()
    backup: BackupSection | None = None
    status: StatusSection = StatusSection()
    notice: NoticeSection = NoticeSection()
    update: UpdateSection | None = None
    mqtt: MqttView = MqttView()

    @model_validator(mode="after")
    def _no_pin_twice(self) -> Settings:
        lamps, keypad = self.indicators, self.keypad
        used = [*self.buttons.pins, lamps.green, lamps.amber, lamps.red, lamps.buzzer]
        if keypad.source == "matrix":
            used += [*keypad.rows, *keypad.columns]
        twice = sorted({pin for pin in used if used.count(pin) > 1})
        if twice:
            raise ValueError(f"buttons, keypad, indicators: {twice} is used twice")
        return self


def load(path: Path) -> Settings:
    """Read and check the file; raises `store.errors.SettingsError` with every mistake in it."""
    return load_settings(path, Settings)
