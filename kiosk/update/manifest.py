"""What a release says of itself: `manifest.json` in its bundle, `release.json` in its environment.

Fields are added, never changed or removed; unknown ones are passed over.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import Annotated

from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from kiosk.update.errors import LayoutError, RefusedReleaseError, UntrustedError

RELEASE_FILE = "release.json"
FORMAT = 1
_Schema = Annotated[int, Field(ge=1, lt=2**15)]


class DatabaseSchema(BaseModel):
    """A database's schema as this release makes it; `oldest` as in `store.schema`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: _Schema
    oldest: _Schema


class Manifest(BaseModel):
    """`python` as 3.11, `machine` as aarch64 or "any"; `wheels` are SHA-256 by file name."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: int
    version: Annotated[str, Field(pattern=r"^[0-9][0-9a-z.+]{0,63}$")]
    made_utc: str
    python: str
    machine: str
    ledger: DatabaseSchema
    gallery: DatabaseSchema
    wheels: Annotated[dict[str, str], Field(min_length=1, max_length=500)]

    @field_validator("version")
    @classmethod
    def _is_version(cls, text: str) -> str:
        version_of(text)
        return text

    def leaves_way_back_to(self, former: Manifest) -> bool:
        """Whether the program of `former` opens databases that this one has brought up to date."""
        return (
            self.ledger.oldest <= former.ledger.version
            and self.gallery.oldest <= former.gallery.version
        )

    def require_fitting(self) -> None:
        """Raise `RefusedReleaseError` unless it is for this Python and this machine."""
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        if self.python != python or self.machine not in ("any", platform.machine()):
            raise RefusedReleaseError(
                f"release {self.version} is for Python {self.python} on {self.machine}, this is "
                f"Python {python} on {platform.machine()}; nothing was changed"
            )


def version_of(text: str) -> Version:
    """For comparing; raises ValueError."""
    try:
        return Version(text)
    except InvalidVersion as error:
        raise ValueError(str(error)) from None


def parse(raw: bytes, name: str) -> Manifest:
    """Raises `UntrustedError` when it is none, `RefusedReleaseError` for a later format."""
    try:
        manifest = Manifest.model_validate_json(raw)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()) or "JSON"
        raise UntrustedError(f"{name}: its manifest cannot be used: {fields}") from None
    if manifest.format != FORMAT:
        raise RefusedReleaseError(
            f"{name}: of format {manifest.format}, this program knows {FORMAT}; install the "
            "release before it first"
        )
    return manifest


def installed(environment: Path) -> Manifest:
    """The manifest of an environment that was completed; raises `LayoutError`."""
    file = environment / RELEASE_FILE
    try:
        return parse(file.read_bytes(), str(file))
    except OSError as error:
        raise LayoutError(
            f"{file}: {error.strerror}; only what kiosk-update installed can be updated "
            "(docs/updates.md)"
        ) from error
