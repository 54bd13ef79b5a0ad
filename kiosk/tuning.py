"""How networks run fastest on this machine, as `kiosk tune` found it: `tuning.toml`.

Rules
- The file holds for one machine, the versions of ONNX Runtime and OpenCV, and the digests of the
  networks that were there. When any of them is another, it is passed over whole, with one remark.
- It lies in the state folder, where the sync process may write. It therefore chooses only among
  what changes no decision: counts that are bounded here, providers and kinds of networks that the
  recogniser knows. It cannot name a file, nor make the embedder another network.
- Written whole or not at all; without it the defaults hold.
"""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import cv2
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kiosk.settings import Settings
from kiosk.stage_times import machine
from recognizer.derived import Opened, Use, read_derived
from recognizer.manifest import Sha256, load_manifest
from recognizer.session import Provider, SessionSettings, version
from store.files import disk_error, place

NAME = "tuning.toml"
_MEND = "run `kiosk tune`"
# More than any terminal has; ONNX Runtime would start every one of them.
_Threads = Annotated[int, Field(ge=1, le=64)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Grounds(_Part):
    """What a tuning holds for; `networks` are SHA-256 by file."""

    machine: str
    cores: int
    onnxruntime: str
    opencv: str
    networks: dict[str, Sha256]


class Tuning(_Part):
    """What was chosen, and for what."""

    version: Literal[1] = 1
    threads: _Threads
    arena: bool
    provider: Provider
    opencv_threads: _Threads
    kinds: dict[Use, Opened]
    grounds: Grounds

    def session(self) -> SessionSettings:
        """How every network is to run."""
        return SessionSettings(self.threads, self.arena, self.provider)


@dataclass(frozen=True, slots=True)
class Found:
    """The tuning that holds, or why the one that is there does not; neither: there is none."""

    tuning: Tuning | None
    why_not: str | None


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def grounds(settings: Settings) -> Grounds:
    """Those of this machine as it is. Raises what `read_derived` raises, `UnknownPackError`."""
    part, manifest = settings.recognition, load_manifest()
    files = manifest.pack(part.pack).files()
    networks = {file: manifest.files[file].sha256 for file in files}
    if part.derived is not None:
        networks |= {file.file: file.sha256 for file in read_derived(part.derived).files}
    return Grounds(
        machine=str(machine()["machine"]),
        cores=cores(),
        onnxruntime=version(),
        opencv=cv2.__version__,
        networks=networks,
    )


def read_tuning(settings: Settings) -> Found:
    """The state folder's. Raises what `grounds` raises, and only where there is a tuning."""
    path = settings.store.directory / NAME
    try:
        tuning = Tuning.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return Found(None, None)
    except OSError as error:
        return Found(None, f"{NAME} cannot be read ({error.strerror}): {_MEND}")
    except (ValidationError, ValueError, RecursionError):
        return Found(None, f"{NAME} is passed over, it is no tuning: {_MEND}")
    now = grounds(settings)
    changed = [
        name
        for name, value in now.model_dump().items()
        if tuning.grounds.model_dump()[name] != value
    ]
    if changed:
        return Found(None, f"{NAME} is passed over, {', '.join(changed)} changed: {_MEND}")
    return Found(tuning, None)


def write_tuning(directory: Path, tuning: Tuning) -> Path:
    """Replace the state folder's; raises `store.errors.StorageError`."""
    path = directory / NAME
    with disk_error(path):
        place(path, _toml(tuning).encode(), 0o644)
    return path


def _toml(tuning: Tuning) -> str:
    """The tuning's plain values, then its tables."""
    held = tuning.model_dump()
    held["grounds.networks"] = held["grounds"].pop("networks")
    lines = ["# Written by `kiosk tune`."]
    lines += [f"{k} = {_value(v)}" for k, v in held.items() if not isinstance(v, dict)]
    for table, values in held.items():
        if isinstance(values, dict):
            lines += [f"\n[{table}]"]
            lines += [f"{_value(k)} = {_value(v)}" for k, v in values.items()]
    return "\n".join(lines) + "\n"


def _value(value: str | float) -> str:
    """As JSON writes it, so does TOML, but for pairs of surrogates and character 127."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
