"""Settings that headquarters has set, over the technician's file.

- `overrides.json` beside the databases holds the TOML text in force, the one before it, and the
  number of the command that brought it: one file, replaced whole, so that a crash leaves the old
  state or the new one. It is signed with the terminal's key: the sync process may write to the
  folder, and must not be able to set anything.
- `WHITELIST` is all that headquarters may set, within bounds that are narrower than a technician's:
  no key, path, pin of trust or licence, and liveness cannot be switched off.
- A text is taken only when every key is on the list and technician's file and text together are
  valid settings. It replaces the text before it whole.
- New settings are on trial until a start with them got ready. A start that finds that an earlier
  one did not get that far goes back to the text before.
- A text that no longer validates (the technician changed the file, the program is another) is
  passed over whole, and said so.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kiosk.settings import Settings
from kiosk.settings import load as load_own
from store.documents import open_document, seal_document
from store.errors import DocumentError, SettingsError, StorageError
from store.files import disk_error, place
from store.keys import load_signing_key
from store.orders import MAX_SETTINGS

_NAME = "overrides.json"

# key: (least, most) of a number, or the words that are allowed. Numbers have the settings' own
# bounds as well; here they are narrower where the wide end would weaken who is let through.
Bounds = tuple[float, float] | tuple[str, ...]
WHITELIST: Mapping[str, Bounds] = {
    "recognition.fpir": (1e-6, 0.01),  # at the most three times the default
    "recognition.verification_fmr": (1e-7, 1e-3),  # Frontex 2015: FAR 1e-3 is the coarsest
    "recognition.min_face_px": (60, 400),
    "quality.min_eyes_px": (10, 200),
    "quality.max_clipped": (0.01, 0.5),
    "quality.max_yaw": (10, 80),
    "quality.max_pitch": (10, 80),
    "quality.max_roll": (5, 80),
    "quality.min_sharpness": (0.01, 1),
    "quality.min_highlight": (1, 200),
    "quality.max_shadow": (50, 254),
    "quality.min_contrast": (1, 100),
    "quality.min_brow_light": (0.01, 1),
    "quality.min_eyes_light": (0.01, 1),
    "quality.min_mouth_detail": (0.01, 1),
    "pad.challenge": ("never", "always", "low_scores"),
    "pad.challenge_low_live": (0.5, 1),
    "pad.challenge_low_score": (0, 1),
    "pad.challenge_s": (2, 30),
    "decision.margin": (0.02, 1),
    "decision.min_frames": (2, 30),
    "decision.max_frames": (2, 60),
    "decision.patience_s": (1, 60),
    "decision.gone_s": (0.1, 10),
    "decision.show_s": (0.2, 10),
    "decision.retry_s": (0.5, 60),
    "decision.repeat_s": (0, 3600),
    "indicators.green": (2, 27),
    "indicators.amber": (2, 27),
    "indicators.red": (2, 27),
    "indicators.buzzer": (2, 27),
    "indicators.volume": (0, 100),
    "indicators.quiet_volume": (0, 100),
    "retention.punches_days": (1, 36_500),
    "retention.audit_days": (1, 36_500),
    "retention.consents_days": (0, 36_500),
}


class State(BaseModel):
    """What the file holds. `trial`: "waiting" for a first start, "started" and not ready yet."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: int = 0
    text: str = ""
    previous: str = ""
    trial: Literal["no", "waiting", "started"] = "no"


class Overrides:
    """The file of one terminal; `base` is what the technician's file alone says."""

    def __init__(self, base: Settings) -> None:
        self._base = base
        self.path = base.store.directory / _NAME

    @property
    def state(self) -> State:
        """The file's content; an empty state when there is none, or none that can be read as one.

        Raises `StorageError`.
        """
        try:
            return self._read()
        except SettingsError:
            return State()

    def settings(self) -> tuple[Settings, str | None]:
        """What is in force, and why headquarters' text was passed over, if it was."""
        try:
            return self.merged(self._read().text), None
        except SettingsError as error:
            return self._base, "; ".join(error.mistakes)

    def merged(self, text: str) -> Settings:
        """The technician's settings with `text` over them; raises `SettingsError`."""
        values = self._base.model_dump()
        for key, value in self._checked(text).items():
            section, name = key.split(".")
            values[section][name] = value
        try:
            return Settings.model_validate(values)
        except ValidationError as error:
            wrong = [
                f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()
            ]
            raise SettingsError(self.path, wrong) from None

    def put(self, number: int, text: str) -> None:
        """Take a checked text by the command of that number; once, however often it is called."""
        before = self.state
        proven = before.text if before.trial == "no" else before.previous
        if before.number != number:
            self._write(State(number=number, text=text, previous=proven, trial="waiting"))

    def roll_back(self, number: int) -> None:
        """Go back to the text before, by the command of that number; once, like `put`."""
        self.put(number, self.state.previous)

    def begin(self) -> State | None:
        """Called at every start, before anything is opened with the settings.

        Returns the state that failed when this start has to go back to the text before it.
        """
        state = self.state
        if state.trial == "waiting":
            self._write(state.model_copy(update={"trial": "started"}))
        return state if state.trial == "started" else None

    def abandon(self, failed: State) -> None:
        """Go back from a text that a start did not get ready with."""
        self._write(State(number=failed.number, text=failed.previous, previous=failed.previous))

    def ready(self) -> None:
        """The daemon is ready with what it began with: that trial is over, a newer one is not."""
        state = self.state
        if state.trial == "started":
            self._write(state.model_copy(update={"trial": "no"}))

    def changed(self, before: str, after: str) -> tuple[str, ...]:
        """The keys whose value differs between two texts."""
        old, new = self._lenient(before), self._lenient(after)
        return tuple(key for key in WHITELIST if old.get(key) != new.get(key))

    def _read(self) -> State:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return State()
        except OSError as error:
            raise StorageError(f"{self.path}: cannot be read: {error.strerror}") from error
        public_key = load_signing_key(self._base.store.keys).public_key()
        try:
            return State.model_validate(open_document(public_key, "settings", raw))
        except (DocumentError, ValidationError):
            mend = "not what kiosk wrote; remove it, and have headquarters send its settings again"
            raise SettingsError(self.path, [mend]) from None

    def _lenient(self, text: str) -> Mapping[str, Any]:
        try:
            return self._checked(text)
        except SettingsError:
            return {}

    def _checked(self, text: str) -> dict[str, Any]:
        if len(text) > MAX_SETTINGS:
            raise SettingsError(self.path, [f"more than {MAX_SETTINGS} characters"])
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # also for numbers of thousands of digits
            raise SettingsError(self.path, [f"not TOML: {str(error)[:80]}"]) from None
        values, mistakes = {}, []
        for section, table in tables.items():
            for name, value in table.items() if isinstance(table, dict) else [("", None)]:
                key = f"{section}.{name}".rstrip(".")
                mistake = _mistake(key, value)
                values[key] = value
                mistakes += [mistake] if mistake else []
        if mistakes:
            raise SettingsError(self.path, mistakes)
        return values

    def _write(self, state: State) -> None:
        signer = load_signing_key(self._base.store.keys)
        with disk_error(self.path):
            document = seal_document(signer, "settings", state.model_dump())
            place(self.path, document, mode=0o666)  # less the service's umask


def digest(text: str) -> str:
    """SHA-256 of a text of settings."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def load(path: Path) -> Settings:
    """What is in force: the technician's file and headquarters' settings over it.

    Raises `store.errors.SettingsError` with every mistake in the technician's file.
    """
    return Overrides(load_own(path)).settings()[0]


def _mistake(key: str, value: object) -> str | None:
    bounds = WHITELIST.get(key)
    if bounds is None:
        return f"{key[:80]} is not for headquarters to set"
    if isinstance(bounds[0], str):
        return None if value in bounds else f"{key} is one of {', '.join(map(str, bounds))}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{key} is a number"
    least, most = bounds
    return None if float(least) <= value <= float(most) else f"{key} is {least} to {most}"
