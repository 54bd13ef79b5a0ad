"""The networks: are they what the manifest pins, how fast are they, do they compute right?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from kiosk.doctor.finding import Finding, failure, not_checked, ok, warning
from kiosk.doctor.picture import TOLERANCE, crop, embedding, expected
from kiosk.weights import is_good
from recognizer.errors import RecognizerError
from recognizer.faces import Vector
from recognizer.manifest import Manifest
from recognizer.opening import Parts

NAMES = ("models", "model latency", "model answer")
# README promises an answer within half a second of a usable picture; a detection and an embedding
# a frame, and at the least two frames (`[decision] min_frames`).
SLOW_MS, TOO_SLOW_MS = 125.0, 250.0
_ROUNDS = 5
_FRAME = (480, 640, 3)  # [camera]'s default size


@dataclass(frozen=True, slots=True)
class Tried:
    """`took_ms` for a detection and an embedding; `answer` and `wanted` are (d,) float32."""

    took_ms: float
    answer: Vector
    wanted: Vector | None


def attempt(parts: Parts, elapsed: Callable[[], float]) -> Tried:
    """Let the networks run on pictures of nobody. Raises `RecognizerError`."""
    frame = np.zeros(_FRAME, dtype=np.uint8)
    frame[184:296, 264:376] = crop()
    times = []
    for _ in range(_ROUNDS):
        before = elapsed()
        parts.detector.detect(frame)
        answer = embedding(parts)
        times.append(elapsed() - before)
    return Tried(median(times) * 1000, answer, expected(parts.model_digest))


def weights(folder: Path, pack: str, manifest: Manifest, *, pad: bool) -> Finding:
    """The files of the pack, by digest."""
    name = "models"
    if pack not in manifest.packs:
        known = ", ".join(manifest.packs)
        return failure(name, f"no pack is called {pack}", f"[recognition] pack: {known}")
    files = manifest.pack(pack).files()
    there = [file for file in files if (folder / file).exists()]
    wrong = [file for file in there if not is_good(folder / file, manifest.files[file])]
    mend = f"`kiosk models fetch --pack {pack} --to {folder}`"
    if wrong:
        return failure(name, f"not what the manifest pins: {', '.join(wrong)}", mend)
    if not there:
        return failure(name, f"{folder} holds none of pack {pack}", mend)
    says = f"pack {pack}: {len(there)} of {len(files)} files here, digests right"
    return ok(name, says) if pad else warning(name, f"{says}; PAD is off", '[pad] mode = "on"')


def networks(parts: Parts, elapsed: Callable[[], float]) -> list[Finding]:
    """Latency and answer of the networks that the settings choose."""
    try:
        tried = attempt(parts, elapsed)
    except RecognizerError as error:
        return unopened(" ".join(str(error).split()))
    return [latency(tried.took_ms), answer(tried)]


def unopened(why: str) -> list[Finding]:
    """The lines of networks that cannot be opened or run."""
    return [failure(name, why, "see the line; `kiosk models check`") for name in NAMES[1:]]


def latency(took_ms: float) -> Finding:
    """How long a detection and an embedding take here."""
    says = f"{took_ms:.0f} ms a frame (detection and embedding), at most {SLOW_MS:.0f} wanted"
    if took_ms > TOO_SLOW_MS:
        return failure("model latency", says, "is it throttled or busy? see temperature, power")
    if took_ms > SLOW_MS:
        return warning("model latency", says, "what else runs here? see temperature, power")
    return ok("model latency", says)


def answer(tried: Tried) -> Finding:
    """The embedding of the picture of nobody against what it must be."""
    name = "model answer"
    if tried.wanted is None:
        return not_checked(name, "no expected embedding is known of this embedder")
    if tried.answer.shape != tried.wanted.shape or not np.isfinite(tried.answer).all():
        return failure(name, "not the numbers that it must be", "memory or processor: change them")
    apart = float(np.abs(tried.answer - tried.wanted).max())
    says = f"differs from the expected embedding by {apart:.0e}, at most {TOLERANCE:.0e} allowed"
    if apart > TOLERANCE:
        return failure(name, says, "fetch the weights anew, then suspect memory or processor")
    return ok(name, says)
