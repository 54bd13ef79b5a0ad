"""Derived networks beside their originals: opening and running each, and a whole frame.

Both by turns; a frame is that of `benchmarks.recognition`, looked at by two recognisers that differ
in nothing but the form of their networks. Speed only: `kiosk models optimize` has the accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import get_args

import cv2
import numpy as np

from benchmarks.timing import Report, compared, machine
from morning.cast import Person
from morning.walkup import FPS, Image, Walk, walk_up
from recognizer.derived import Choice, Opened, Use, read_derived
from recognizer.manifest import Pack, load_manifest
from recognizer.mtcnn import ONET
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.pad import pad_signature
from recognizer.pipeline import Recognizer
from recognizer.session import PLAIN, Session, Signature, Tensor

_OPENINGS = 20


def measure(weights: Path, folder: Path, person: Person, repetitions: int) -> Report:
    """All derived networks of the folder, then frames of one person who stands at the door."""
    derived = read_derived(folder)
    threads = {"ONNX Runtime threads": PLAIN.threads, "OpenCV threads": cv2.getNumThreads()}
    report = Report("derived", {"frame": "640x480", **threads, **machine()})
    frames = list(walk_up(person.walks[0], Walk(2.0, 140, 150), seed=1))[-10:]
    signatures = _signatures(load_manifest().pack(derived.pack))
    for file in derived.files:
        signature = signatures[file.original]
        original, other = (weights / file.original).read_bytes(), (folder / file.file).read_bytes()
        _, _, opening = compared(
            lambda s=signature, w=other: Session(w, "derived", s),  # type: ignore[misc]
            lambda s=signature, w=original: Session(w, "original", s),  # type: ignore[misc]
            _OPENINGS,
        )
        fed = _fed(frames[0], signature)
        run, beside = _runner(other, signature, fed), _runner(original, signature, fed)
        taken, _, ratio = compared(run, beside, repetitions)
        report.timings[f"{file.original}, {file.kind}"] = taken
        report.numbers[f"{file.original}, {file.kind}: time over the original's"] = ratio
        report.numbers[f"{file.original}, {file.kind}: opening over the original's"] = opening
        report.numbers[f"{file.original}, {file.kind}: bytes over the original's"] = len(
            other
        ) / len(original)
    settings = RecognizerSettings(pack=derived.pack)
    for kind in get_args(Opened):
        if kind != "original":
            kinds: dict[Use, Opened] = dict.fromkeys(get_args(Use), kind)
            chosen = replace(settings, derived=Choice(folder, kinds))
            works = [_looking(weights, each, frames) for each in (chosen, settings)]
            taken, _, ratio = compared(works[0], works[1], repetitions)
            name = f"frame to evidence, {kind} where taken, else graph"
            report.timings[name], report.numbers[f"{name}: over originals"] = taken, ratio
    return report


def _signatures(pack: Pack) -> dict[str, Signature]:
    spec = pack.embedder
    found = {spec.file: Signature(spec.input, (None, 3, spec.size, spec.size), (spec.dimension,))}
    if pack.confirm is not None:
        found[pack.confirm.file] = ONET
    if pack.pad is not None:
        found |= {network.file: pad_signature(network) for network in pack.pad.networks}
    return found


def _fed(frame: Image, signature: Signature) -> Tensor:
    """The middle of a frame in the network's size: PReLU is faster on numbers of no picture.

    PAD networks take 0..255, the others about -1..1; those have their channels last or first.
    """
    side = max(length or 1 for length in signature.shape)
    small = cv2.resize(frame[120:360, 200:440], (side, side)).astype(np.float32)
    pixels = small if signature.name is None else (small - 127.5) / 128
    return np.ascontiguousarray(
        (pixels if signature.shape[-1] == 3 else pixels.transpose(2, 0, 1))[None], dtype=np.float32
    )


def _runner(weights: bytes, signature: Signature, fed: Tensor) -> Callable[[], object]:
    session = Session(weights, "bench", signature)
    return lambda: session.run(fed)


def _looking(
    weights: Path, settings: RecognizerSettings, frames: list[Image]
) -> Callable[[], object]:
    eyes = Recognizer(open_parts(weights, settings), settings)
    turn = 0

    def look() -> object:
        nonlocal turn
        turn += 1
        return eyes.look(frames[turn % len(frames)], turn / FPS)

    return look
