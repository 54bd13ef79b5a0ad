"""From settings and a folder of weights to the parts of a recogniser, all checks done first.

Rules
- The licence gate comes before anything is read.
- Every missing file of the choice is named in one error, with the command that brings it.
- PAD that was asked for and cannot be had is an error, never a warning.
- Confirmation of faces that cannot be had is a note: without it an animal can be judged as a
  person, which costs a lamp, no wrong punch. MTCNN ran the same network already and needs none.
- The originals must be there also where derived networks run (`recognizer.derived`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from recognizer.calibration import Calibration
from recognizer.confirm import FaceConfirmation
from recognizer.derived import Choice, Networks
from recognizer.detector import Detector, YuNetDetector
from recognizer.embedder import Embedder
from recognizer.errors import LicenceError, MissingWeightsError
from recognizer.manifest import DetectorSpec, Pack, load_manifest
from recognizer.mtcnn import ONET, PNET, RNET, MtcnnDetector
from recognizer.pad import PadDetector
from recognizer.quality import QualitySettings
from recognizer.scrfd import SCRFD, ScrfdDetector
from recognizer.session import PLAIN, Session, SessionSettings
from recognizer.together import Together
from recognizer.tracker import TrackerSettings
from recognizer.weights import missing, require

_PAD_OFF = ', or write [pad] mode = "off", which lets a photo of a face in'


@dataclass(frozen=True, slots=True)
class RecognizerSettings:
    """What to run. `detector` "auto" takes the first of the pack whose weights are there.

    `motion_votes`: a face that the motion check calls flat is an attack, whatever the networks say.
    `calibration` is the operator's own; it stands in place of the pack's. `remarks` go before the
    notes of the parts.
    `around`: a face that is there is searched for around its last place (`recognizer.searching`).
    `recheck_s`: how often somebody who had their answer is embedded (`recognizer.rechecking`).
    `together`: a second core, where there is one, runs half of the networks
    (`recognizer.together`).
    """

    pack: str = "open"
    pad: bool = True
    motion_votes: bool = False
    detector: str = "auto"
    min_face_px: int = 80
    accept_licence: str | None = None
    calibration: Calibration | None = None
    derived: Choice = field(default_factory=Choice)
    session: SessionSettings = PLAIN
    remarks: tuple[str, ...] = ()
    around: bool = True
    recheck_s: float = 0.3
    together: bool = True
    quality: QualitySettings = field(default_factory=QualitySettings)
    tracker: TrackerSettings = field(default_factory=TrackerSettings)


@dataclass(frozen=True, slots=True)
class Parts:
    """A recogniser's parts; `notes` is what a person must know of the choice.

    `digests` are the identities in hex of every network that runs (the primary SHA-256, or that of
    a derived network that is not the same), by its use: `embedder`, `detector`, `confirm`, `pad`,
    numbered (`pad_1`) where a use has several.
    """

    pack: Pack
    detector: Detector
    embedder: Embedder
    confirm: FaceConfirmation | None
    pad: PadDetector | None
    model_digest: str
    digests: dict[str, str]
    notes: tuple[str, ...]


def open_parts(weights: Path, settings: RecognizerSettings) -> Parts:
    """Load what the settings name from the folder.

    Raises `UnknownPackError`, `LicenceError`, `MissingWeightsError`, `WrongWeightsError`,
    `ModelError`.
    """
    manifest = load_manifest()
    pack = manifest.pack(settings.pack)
    check_licence(settings.pack, pack, settings.accept_licence)
    spec = _choose_detector(weights, settings, pack)
    require(weights, (*spec.files, pack.embedder.file), settings.pack)
    networks, session = Networks(weights, manifest, settings.derived), settings.session
    notes = [*settings.remarks]
    notes += [f"licence of {remark}" for remark in manifest.remarks([pack.embedder.file])]
    if settings.detector == "auto" and spec != pack.detectors[0]:
        notes.append(f"detector is {spec.kind}: {pack.detectors[0].kind}'s weights are not here")
    confirm = _open_confirmation(weights, spec, pack, networks, session, notes)
    pad, together = None, Together(wanted=settings.together)
    if settings.pad:
        pad = _open_pad(weights, settings.pack, pack, networks, session, together)
    else:
        notes.append("PAD is off: a photo of a face would be let in")
    files = {"embedder": (pack.embedder.file,), "detector": spec.files}
    if confirm is not None and pack.confirm is not None:
        files["confirm"] = (pack.confirm.file,)
    if pad is not None and pack.pad is not None:
        files["pad"] = tuple(network.file for network in pack.pad.networks)
    detector = _open_detector(spec, networks, session, settings.min_face_px)
    raw = networks.read(pack.embedder.file, "embedder")
    return Parts(
        pack=pack,
        detector=detector,
        embedder=Embedder(raw, pack.embedder, session, together),
        confirm=confirm,
        pad=pad,
        model_digest=networks.digest(pack.embedder.file),
        digests=_digests(files, networks),
        notes=(*notes, *networks.notes),
    )


def _digests(files: Mapping[str, tuple[str, ...]], networks: Networks) -> dict[str, str]:
    return {
        use if len(names) == 1 else f"{use}_{n}": networks.digest(name)
        for use, names in files.items()
        for n, name in enumerate(names, 1)
    }


def check_licence(name: str, pack: Pack, word: str | None) -> None:
    """Raise `LicenceError` unless the pack is free or `word` is its acceptance word."""
    if pack.non_commercial and word != pack.acceptance:
        raise LicenceError(
            f"pack {name} is limited by its licence ({pack.licence}); whoever may use it writes "
            f'[recognition] accept_licence = "{pack.acceptance}", or gives a command '
            f"--accept-licence {pack.acceptance}"
        )


def _choose_detector(weights: Path, settings: RecognizerSettings, pack: Pack) -> DetectorSpec:
    if settings.detector == "auto":
        there = (spec for spec in pack.detectors if not missing(weights, spec.files))
        return next(there, pack.detectors[0])
    for spec in pack.detectors:
        if spec.kind == settings.detector:
            return spec
    kinds = ", ".join(spec.kind for spec in pack.detectors)
    raise MissingWeightsError(
        f"pack {settings.pack} has no detector {settings.detector}; it has {kinds}"
    )


def _open_detector(
    spec: DetectorSpec, networks: Networks, session: SessionSettings, min_face_px: int
) -> Detector:
    raw = [networks.read(name) for name in spec.files]
    if spec.kind == "yunet":
        return YuNetDetector(raw[0], spec.score)
    if spec.kind == "scrfd":
        return ScrfdDetector(Session(raw[0], spec.files[0], SCRFD, session), spec.score)
    pnet, rnet, onet = (
        Session(weight, name, signature, session)
        for weight, name, signature in zip(raw, spec.files, (PNET, RNET, ONET), strict=True)
    )
    return MtcnnDetector(pnet, rnet, onet, spec.score, min_face_px)


def _open_confirmation(
    weights: Path,
    detector: DetectorSpec,
    pack: Pack,
    networks: Networks,
    session: SessionSettings,
    notes: list[str],
) -> FaceConfirmation | None:
    spec = pack.confirm
    if spec is None or spec.file in detector.files:
        return None
    if missing(weights, [spec.file]):
        notes.append(
            f"faces are not confirmed: {spec.file} is not here, so an animal's face can be taken "
            "for a person's; `kiosk models fetch` brings it"
        )
        return None
    return FaceConfirmation(networks.read(spec.file, "confirm"), spec.file, spec.score, session)


def _open_pad(
    weights: Path,
    name: str,
    pack: Pack,
    networks: Networks,
    session: SessionSettings,
    together: Together,
) -> PadDetector:
    if pack.pad is None:
        raise MissingWeightsError(f"pack {name} has no PAD networks{_PAD_OFF}")
    files = [network.file for network in pack.pad.networks]
    require(weights, files, name, _PAD_OFF)
    raw = [networks.read(file, "pad") for file in files]
    return PadDetector(raw, pack.pad, session, together)
