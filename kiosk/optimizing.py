"""Deriving networks from a pack's originals, judging each, keeping those within the bounds.

Rules
- Every network that runs per frame in ONNX Runtime is tried in every kind: embedder, PAD,
  confirmation. YuNet runs in OpenCV; MTCNN's first two networks are not tried.
- A derived network is judged in its place among originals: a PAD network by the fused score. PAD
  networks of one kind run together, so they are judged together too, and taken all or none.
- Speed is told and decides nothing: it is another machine's that counts (`kiosk tune`).
- `derived.json` is written last, so that it never names a file that is not there.

The extra `models` is imported when `derive` is called, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

from kiosk.acceptance import Scores, Verdict, judge_embeddings, judge_scores
from kiosk.errors import KioskError
from kiosk.scenes import Scenes
from kiosk.turns import Way, prefer
from recognizer.calibration import Calibration
from recognizer.confirm import FaceConfirmation, confirm_fed
from recognizer.derived import FILE, Derived, DerivedFile, Kind, Use
from recognizer.embedder import Embedder
from recognizer.errors import ModelError
from recognizer.manifest import Manifest, Pack, PadSpec
from recognizer.mtcnn import ONET
from recognizer.pad import PadDetector, pad_fed, pad_signature
from recognizer.session import Session, Signature, Tensor, saved_graph
from recognizer.weights import missing, read_weights
from store.files import disk_error, place

KINDS: tuple[Kind, ...] = ("graph", "fp16", "int8")
_ROUNDS = 40  # of the ratio of times: half a second a form


class NoOptimiserError(KioskError, ImportError):
    """The libraries that derive networks are not installed here."""

    exit_code = 6


@dataclass(frozen=True, slots=True)
class Network:
    """An original, what it is fed of the scenes, and how another in its place is judged."""

    use: Use
    file: str
    raw: bytes
    fed: tuple[Tensor, ...]
    signature: Signature
    judge: Callable[[Kind, bytes], Verdict]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one kind of one network; `raw` None could not be made at all.

    `ratio` is its time over the original's on this machine.
    """

    network: Network
    kind: Kind
    raw: bytes | None
    ratio: float | None
    verdict: Verdict


def networks(
    weights: Path, pack: Pack, manifest: Manifest, calibration: Calibration, scenes: Scenes
) -> Iterator[Network]:
    """Those of the pack that are there and can be derived from."""
    spec, crops = pack.embedder, scenes.crops
    raw = read_weights(weights, spec.file, manifest)
    yield Network(
        "embedder",
        spec.file,
        raw,
        tuple(Embedder(raw, spec).fed(crop[None]) for crop in crops),
        Signature(spec.input, (None, 3, spec.size, spec.size), (spec.dimension,)),
        _embedder_judge(raw, pack, calibration, scenes),
    )
    if pack.pad is not None and not missing(weights, [n.file for n in pack.pad.networks]):
        files = [n.file for n in pack.pad.networks]
        raws = [read_weights(weights, file, manifest) for file in files]
        for i, network in enumerate(pack.pad.networks):
            fed = tuple(pad_fed(s.image, s.face, network) for s in scenes.all)
            judge = _pad_judge(raws, i, pack, scenes)
            yield Network("pad", files[i], raws[i], fed, pad_signature(network), judge)
    if pack.confirm is not None and not missing(weights, [pack.confirm.file]):
        raw = read_weights(weights, pack.confirm.file, manifest)
        fed = tuple(confirm_fed(s.image, s.face) for s in scenes.all)
        judge = _confirm_judge(raw, pack, scenes)
        yield Network("confirm", pack.confirm.file, raw, fed, ONET, judge)


def derive(network: Network, clock: Callable[[], float]) -> Iterator[Result]:
    """Every kind of the network, judged.

    Raises `NoOptimiserError`, and `ModelError` for an original that cannot be read.
    """
    try:
        from recognizer.quantizing import to_fp16, to_int8  # noqa: PLC0415 - the `models` extra
        from recognizer.rewriting import relieved  # noqa: PLC0415 - the `models` extra
    except ImportError as error:
        raise NoOptimiserError(
            f"deriving networks needs {error.name}: pip install 'kiosk[models]' on a workstation"
        ) from error
    base = relieved(network.raw, network.file)
    makers: dict[Kind, Callable[[], bytes]] = {
        "graph": lambda: saved_graph(base, network.file),
        "fp16": lambda: to_fp16(base, network.file),
        "int8": lambda: to_int8(base, network.fed, network.file),
    }
    for kind in KINDS:
        try:
            raw = makers[kind]()
            ratio = _ratio(network, raw, clock)
            verdict = network.judge(kind, raw)
        except ModelError as error:
            yield Result(network, kind, None, None, Verdict({}, str(error)))
            continue
        yield Result(network, kind, raw, ratio, verdict)


def judge_together(results: Sequence[Result], pack: Pack, scenes: Scenes) -> list[Result]:
    """The results, but PAD networks that go beyond the bounds together are taken no more."""
    judged = list(results)
    pad = [r for r in results if r.network.use == "pad"]
    originals = {r.network.file: r.network.raw for r in pad}
    for kind in KINDS:
        taken = {
            r.network.file: r.raw
            for r in pad
            if r.kind == kind and r.raw is not None and r.verdict.why_not is None
        }
        if len(taken) < 2 or pack.pad is None:
            continue
        before, after = (
            _live(list(each.values()), pack.pad, scenes) for each in (originals, originals | taken)
        )
        why = judge_scores(kind, before, after, pack.pad.threshold).why_not
        if why is not None:
            judged = [
                replace(r, verdict=Verdict(r.verdict.measured, f"with the other one {why}"))
                if r.kind == kind and r.network.file in taken
                else r
                for r in judged
            ]
    return judged


def keep(
    results: Sequence[Result], folder: Path, pack: str, manifest: Manifest, photos: int
) -> Derived:
    """Write what was taken and `derived.json`; raises `store.errors.StorageError`."""
    files: list[DerivedFile] = []
    with disk_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for result in results:
            if result.raw is None or result.verdict.why_not is not None:
                continue
            original = result.network.file
            name = f"{Path(original).stem}.{result.kind}.onnx"
            place(folder / name, result.raw, 0o644)
            measured = result.verdict.measured | {"time_ratio": result.ratio or 0.0}
            files.append(
                DerivedFile(
                    original=original,
                    original_sha256=manifest.files[original].sha256,
                    kind=result.kind,
                    file=name,
                    sha256=sha256(result.raw).hexdigest(),
                    bytes=len(result.raw),
                    measured=measured,
                )
            )
        derived = Derived(version=1, pack=pack, photos=photos, files=tuple(files))
        place(folder / FILE, derived.model_dump_json(indent=2).encode() + b"\n", 0o644)
    return derived


def _embedder_judge(
    raw: bytes, pack: Pack, calibration: Calibration, scenes: Scenes
) -> Callable[[Kind, bytes], Verdict]:
    def embed(weights: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        embedder = Embedder(weights, pack.embedder)
        return np.concatenate([embedder.embed(crop[None]) for crop in scenes.crops])

    original = embed(raw)
    people = list(scenes.people)
    return lambda kind, other: judge_embeddings(kind, original, embed(other), people, calibration)


def _pad_judge(
    raws: Sequence[bytes], place_of: int, pack: Pack, scenes: Scenes
) -> Callable[[Kind, bytes], Verdict]:
    if pack.pad is None:
        raise ValueError("the pack has no PAD")
    spec = pack.pad

    original = _live(raws, spec, scenes)

    def judge(kind: Kind, other: bytes) -> Verdict:
        in_place = [*raws[:place_of], other, *raws[place_of + 1 :]]
        return judge_scores(kind, original, _live(in_place, spec, scenes), spec.threshold)

    return judge


def _live(weights: Sequence[bytes], spec: PadSpec, scenes: Scenes) -> Scores:
    """The fused score of every scene."""
    detector = PadDetector(weights, spec)
    return np.array([detector.live(s.image, s.face) for s in scenes.all])


def _confirm_judge(raw: bytes, pack: Pack, scenes: Scenes) -> Callable[[Kind, bytes], Verdict]:
    if pack.confirm is None:
        raise ValueError("the pack has no confirmation")
    spec = pack.confirm

    def scores(weights: bytes) -> Scores:
        network = FaceConfirmation(weights, spec.file, spec.score)
        return np.array([network.score(s.image, s.face) for s in scenes.all])

    original = scores(raw)
    return lambda kind, other: judge_scores(kind, original, scores(other), spec.score)


def _ratio(network: Network, raw: bytes, clock: Callable[[], float]) -> float:
    original, derived = (
        Session(each, network.file, network.signature) for each in (network.raw, raw)
    )
    fed = network.fed[0]
    ways = [
        Way("original", lambda: original.run(fed)),
        Way("derived", lambda: derived.run(fed)),
    ]
    return prefer(ways, _ROUNDS, clock, gain=0).ratios["derived"]
