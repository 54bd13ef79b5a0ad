"""The work of one visit, stage by stage, each as often as one likes: to be timed, or counted.

    python -m benchmarks.stages WEIGHTS FRAMES

does every stage N times and 2N times and marks the instants in between by a system call that a
counter of instructions sees (`scripts/counting/counting.c`, `benchmarks.instructions`). It imports
only the product and numpy, so that an emulated Python of another processor runs it as it is.
FRAMES is a (n, h, w, 3) uint8 .npy of BGR frames, somebody near in all of them.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.gallery import units
from benchmarks.ledger import KEY, SIGNER, TERMINAL, at, punch
from recognizer.align import align
from recognizer.calibration import threshold
from recognizer.coverage import MAX_TEMPLATES
from recognizer.decision import DecisionPolicy
from recognizer.faces import Image
from recognizer.matcher import Matcher
from recognizer.opening import RecognizerSettings, open_parts
from recognizer.pipeline import Recognizer
from recognizer.quality import QualitySettings, assess
from recognizer.tracker import Tracker
from store.chain import sign_record
from store.database import Database, open_database
from store.ledger import Ledger
from sync.contract.events import build_batch

ENROLLED = 1_000
MARK = 0x4B494F53  # "KIOS": a process id that Linux never gives (at most 2^22)
_FPIR = 0.003  # the default of [recognition]
_FPS = 15.0
_WARM_UP = 10  # Python 3.11 specialises its byte code after eight calls
_HEAVY = 2  # repetitions of the stages that run a network
_HEAVY_WARM_UP = 2  # where a network is nearly all of it, and an emulator needs seconds


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage; done N = `times` times it takes long enough to be told from nothing."""

    name: str
    work: Callable[[], object]
    times: int


def stages(weights: Path, frames: Sequence[Image], database: Database) -> list[Stage]:
    """Every stage, on the last of the frames; the records go into the database.

    Raises what `open_parts` raises, and ValueError when the frames show nobody good enough.
    """
    settings = RecognizerSettings()
    parts = open_parts(weights, settings)
    if parts.pad is None or parts.confirm is None:
        raise ValueError("the stages need the weights of PAD and of the confirmation of faces")
    pad, confirm = parts.pad, parts.confirm
    eyes, clock = Recognizer(parts, settings), itertools.count()
    looks = [eyes.look(frame, next(clock) / _FPS).subject for frame in frames]
    seen = [one for one in looks if one is not None and one.embedding is not None]
    if not seen:
        raise ValueError("nobody in the frames is good enough to be embedded")
    frame, face = frames[-1], seen[-1].face
    size = (frame.shape[1], frame.shape[0])
    crop = align(frame, face.landmarks)
    tracker, instants = Tracker(settings.tracker, 0.5), itertools.count()
    faces = parts.detector.detect(frame)
    numbers = [f"{i // MAX_TEMPLATES:06}" for i in range(ENROLLED)]
    matcher = Matcher(numbers, units(np.random.default_rng(1), ENROLLED))
    (probe,) = parts.embedder.embed(crop[None])
    policy = DecisionPolicy(threshold(ENROLLED, _FPIR, eyes.calibration))
    ledger = Ledger(database, TERMINAL, SIGNER)
    record = ledger.append(punch(), at())

    def track() -> None:
        tracked = tracker.follow(faces, next(instants) / _FPS)
        tracker.choose(tracked, size, frozenset())

    return [
        Stage("detect", lambda: parts.detector.detect(frame), _HEAVY),
        Stage("track and choose", track, 50),
        Stage("confirm", lambda: confirm.is_face(frame, face), 5),
        Stage("PAD", lambda: pad.live(frame, face), _HEAVY),
        Stage("align", lambda: align(frame, face.landmarks), 50),
        Stage("quality", lambda: assess(frame, face, crop, QualitySettings()), 20),
        Stage("embed", lambda: parts.embedder.embed(crop[None]), _HEAVY),
        Stage("whole frame (look)", lambda: eyes.look(frame, next(clock) / _FPS), _HEAVY),
        Stage(f"identify among {ENROLLED:,}", lambda: matcher.identify(probe), 50),
        Stage(f"decide on {len(seen)} frames", lambda: policy.decide(seen, matcher), 20),
        Stage("ledger append, committed", lambda: ledger.append(punch(), at()), 20),
        Stage("sign", lambda: sign_record(SIGNER, record.hash), 50),
        Stage("pack one record for MQTT", lambda: build_batch([record]), 50),
    ]


def one_thread() -> None:
    """OpenCV on one thread, so that another run does the same; ONNX Runtime has one already."""
    cv2.setNumThreads(1)


def count(every: Sequence[Stage]) -> None:
    """Each stage warm, then N times and 2N times, with a mark before, between and after."""
    for stage in every:
        for _ in range(_HEAVY_WARM_UP if stage.times <= _HEAVY else _WARM_UP):
            stage.work()
        _mark()
        for times in (stage.times, 2 * stage.times):
            for _ in range(times):
                stage.work()
            _mark()


def _mark() -> None:
    with suppress(ProcessLookupError):  # there is none of this id, that is the point
        os.getpriority(os.PRIO_PROCESS, MARK)


def _main(weights: Path, frames: Path) -> None:
    one_thread()
    with tempfile.TemporaryDirectory() as folder:
        database = open_database(Path(folder) / "ledger.db", KEY, create=True)
        try:
            every = stages(weights, list(np.load(frames)), database)
            count(every)
        finally:
            database.close()
    sys.stdout.write(json.dumps([(stage.name, stage.times) for stage in every]))


if __name__ == "__main__":
    _main(*map(Path, sys.argv[1:3]))
