"""Networks that `kiosk models optimize` derived from pinned ones, and which of them are opened.

Rules
- `derived.json` lies beside the files that it names. Each names its original's file and primary
  SHA-256; one of another original than the manifest's is passed over, with a note.
- A file with other bytes than were measured is an error that names both digests.
- `graph` is the same network, rewritten: its numbers are the original's within `SAME`, so it
  carries the original's digest, and templates made with either are compared.
- `int8` and `fp16` are networks of their own, whose digest is their file's. An embedder of these
  kinds would make everybody's templates foreign: it is opened only where the technician's settings
  name it (`own_embedder`), never by a tuning. PAD and confirmation touch no template.
- Where a kind is not there, `graph` is opened, else the original.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recognizer.errors import ManifestError, MissingWeightsError, WrongWeightsError
from recognizer.manifest import Manifest, Sha256
from recognizer.weights import read_weights

FILE = "derived.json"
# The most by which a number of the same network may differ: a part of an embedding of length 1, a
# score of 0..1. aarch64 and x86-64 differ by a tenth of that (kiosk/doctor/picture.py).
SAME = 1e-5
Kind = Literal["graph", "fp16", "int8"]
Use = Literal["embedder", "pad", "confirm"]
Opened = Literal["original", "graph", "fp16", "int8"]
_MEND = "run `kiosk models optimize` again, or take [recognition] derived out"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DerivedFile(_Part):
    """A derived network; `measured` are the figures that it was taken for."""

    original: str
    original_sha256: Sha256
    kind: Kind
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]
    sha256: Sha256
    bytes: Annotated[int, Field(gt=0)]
    measured: dict[str, float]


class Derived(_Part):
    """All of a folder; `photos` is on how many faces they were calibrated and measured."""

    version: Literal[1]
    pack: str
    photos: Annotated[int, Field(gt=0)]
    files: tuple[DerivedFile, ...]

    @model_validator(mode="after")
    def _one_of_each(self) -> Derived:
        keys = [(file.original, file.kind) for file in self.files]
        if len(set(keys)) != len(keys):
            raise ValueError("a network is there twice in one kind")
        return self

    def find(self, original: str, kind: Opened) -> DerivedFile | None:
        """The network of this kind that was derived from the file."""
        found = (f for f in self.files if (f.original, f.kind) == (original, kind))
        return next(found, None)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which derived networks to open: nothing but originals where `folder` is None.

    `kinds` is by use, `graph` where it says nothing; `own_embedder` the technician's word.
    """

    folder: Path | None = None
    kinds: Mapping[Use, Opened] = field(default_factory=dict)
    own_embedder: Literal["fp16", "int8"] | None = None


def read_derived(folder: Path) -> Derived:
    """What the folder's `derived.json` says; raises `MissingWeightsError`, `ManifestError`."""
    path = folder / FILE
    try:
        return Derived.model_validate_json(path.read_bytes())
    except OSError as error:
        raise MissingWeightsError(f"{path} cannot be read ({error.strerror}): {_MEND}") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]["msg"]
        raise ManifestError(f"{path} is no list of derived networks ({first}): {_MEND}") from error


class Networks:
    """Reads each network as chosen; `digests` and `notes` say what was read."""

    def __init__(self, weights: Path, manifest: Manifest, choice: Choice) -> None:
        self._weights, self._manifest, self._choice = weights, manifest, choice
        self._derived = None if choice.folder is None else read_derived(choice.folder)
        self._digests: dict[str, str] = {}
        self.notes: list[str] = []

    def read(self, name: str, use: Use | None = None) -> bytes:
        """The bytes to open for the pinned file, which has no derived ones where `use` is None.

        Raises `WrongWeightsError`, `MissingWeightsError`.
        """
        derived = None if use is None else self._find(name, use)
        if derived is None or self._choice.folder is None:
            self._digests[name] = self._manifest.files[name].sha256
            return read_weights(self._weights, name, self._manifest)
        raw = _checked(self._choice.folder / derived.file, derived.sha256)
        same = derived.kind == "graph"
        self._digests[name] = derived.original_sha256 if same else derived.sha256
        self.notes.append(f"{name} runs as {derived.kind} {derived.sha256[:12]}")
        return raw

    def digest(self, name: str) -> str:
        """The identity of the network that was read for the pinned file."""
        return self._digests[name]

    def _find(self, name: str, use: Use) -> DerivedFile | None:
        if self._derived is None:
            return None
        kind = self._choice.kinds.get(use, "graph")
        if kind == "original":
            wanted: tuple[Opened, ...] = ()
        else:
            wanted = (kind, "graph")
        if use == "embedder":
            own = self._choice.own_embedder
            if own is not None and self._derived.find(name, own) is None:
                raise MissingWeightsError(
                    f"{self._choice.folder} has no {own} of {name}: it was not taken; {_MEND}"
                )
            allowed = (own, "graph") if own else ("graph",)
            wanted = tuple(k for k in ((own, *wanted) if own else wanted) if k in allowed)
        for each in dict.fromkeys(wanted):
            found = self._derived.find(name, each)
            if found is None:
                continue
            if found.original_sha256 == self._manifest.files[name].sha256:
                return found
            self.notes.append(f"{found.file} is of another {name}; {_MEND}")
        return None


def _checked(path: Path, wanted: str) -> bytes:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MissingWeightsError(f"{path} cannot be read ({error.strerror}): {_MEND}") from error
    found = sha256(raw).hexdigest()
    if found != wanted:
        raise WrongWeightsError(f"{path}: SHA-256 is {found}, {FILE} says {wanted}; {_MEND}")
    return raw
